"""The tests. They mirror the package, file by file."""

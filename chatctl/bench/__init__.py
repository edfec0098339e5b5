"""The load generator behind ``chatctl bench`` and ``benchmarks/``: many connections in one loop, checked."""

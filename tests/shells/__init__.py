"""The programs as a shell runs them: real processes, real sockets."""

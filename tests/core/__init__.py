"""The core, sans-I/O: no socket, no loop, no clock, no sleeping; all of it runs in a few seconds."""

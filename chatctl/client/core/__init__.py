"""The client without I/O: no socket, asyncio, clock, randomness, file or logging, nor in anything imported here."""

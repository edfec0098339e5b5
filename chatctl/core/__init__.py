"""One room, sans-I/O: no socket, asyncio, clock, file or logging, nor in anything that is imported here."""

"""The server's rules, sans-I/O: no socket, asyncio, clock, randomness, file or logging, here or in what is imported."""

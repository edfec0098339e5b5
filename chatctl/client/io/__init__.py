"""Moves the bytes of ``client.core``: on blocking sockets, or on asyncio."""

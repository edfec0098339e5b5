"""What moves the bytes of ``client.core``: blocking sockets, and asyncio."""

"""The asyncio shell of the server: it moves bytes and decides nothing."""

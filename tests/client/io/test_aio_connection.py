"""AioConnection: what it asks of its transport."""

from __future__ import annotations

import asyncio

from chatctl.client.core.address import Address
from chatctl.client.io.aio_connection import AioConnection
from chatctl.protocol import GREETING, Hello


class ForgetfulTransport(asyncio.Transport):
    """Once closed twice, can do nothing more: as a TLS transport of Python 3.11.2."""

    def __init__(self) -> None:
        super().__init__({})
        self.closes = 0
        self.aborted = False

    def is_closing(self) -> bool:
        return self.closes > 0

    def close(self) -> None:
        self.closes += 1

    def abort(self) -> None:
        assert self.closes < 2, "it forgot what it is a transport of"
        self.aborted = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


async def connected() -> tuple[AioConnection, ForgetfulTransport]:
    connection, transport = AioConnection(Address("a-server", 5500), Hello(v=1, nick="amy")), ForgetfulTransport()
    connection.connection_made(transport)
    return connection, transport


def test_it_is_closed_once_and_can_still_be_aborted() -> None:
    """``join`` over TLS ended with a fault of its own when the server went away, on the Python of Debian 12."""

    async def main() -> None:
        connection, transport = await connected()
        connection.data_received(GREETING)
        connection.data_received(b'{"type":"bye","why":"restart"}\n')
        connection.connection_lost(None)
        connection.close()
        connection.abort()
        assert connection.welcomed.exception() is not None
        assert transport.closes == 1
        assert transport.aborted

    asyncio.run(main())

"""What may stand at a port in place of a server: a function that is given each connection, or nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from tests.support.environment import DEADLINE


class Stub:
    """A listener that does with each connection what a function says, in a thread."""

    def __init__(self, handle: Callable[[socket.socket], None]) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._handle = handle
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                client.settimeout(DEADLINE)
                with contextlib.suppress(OSError):
                    self._handle(client)

    def close(self) -> None:
        """Close it and all that it accepted."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._open:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        for client in self._open:
            client.close()


def closed_port() -> int:
    """Return a port at which nobody listens, and that nobody else gets while this process lives.

    It is bound, and not listened on. A server that is told to take it can: both may share the address.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    port = int(sock.getsockname()[1])
    sock.detach()  # open until the end
    return port

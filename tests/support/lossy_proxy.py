"""A proxy that loses acknowledgements."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading

from tests.support.environment import DEADLINE
from tests.support.server_pair import ports_of
from tests.support.stub import Stub


class LossyProxy:
    """Hands bytes on to a server and back, and cuts the first ``times`` connections at an acknowledgement.

    Of two servers, each connection is to the other one than that before.
    The server has heard and kept the message; the sender does not know. ``after`` acknowledgements get through first.
    """

    def __init__(self, port: int, times: int = 1, after: int = 0) -> None:
        self.aim(port)
        self._times = times
        self._after = after
        self.cuts = 0
        self._stub = Stub(lambda client: self._threads.append(self._go(client)))
        self._threads: list[threading.Thread] = []
        self.port = self._stub.port

    def aim(self, port: int) -> None:
        """Lead to a server, or to two in the place of one."""
        self._targets = itertools.cycle(ports_of(port))

    def _go(self, client: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
        thread.start()
        return thread

    def _carry(self, client: socket.socket) -> None:
        acks = 0
        with (
            socket.create_connection(("127.0.0.1", next(self._targets))) as server,
            selectors.DefaultSelector() as ready,
        ):
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            with contextlib.suppress(OSError):
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                        if not data:
                            return client.shutdown(socket.SHUT_RDWR)
                        if key.fileobj is server and self.cuts < self._times:
                            acks += data.count(b'"ack"')
                            if acks > self._after:
                                self.cuts += 1
                                return client.shutdown(socket.SHUT_RDWR)
                        key.data.sendall(data)

    def close(self) -> None:
        self._stub.close()
        for thread in self._threads:
            thread.join(DEADLINE)

"""The metrics port: accepts, and answers one request on each connection.

It has a small number of places of its own, so a server that is full is still looked at. Does not live here: what is
answered (site.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.errors import ChatError
from chatctl.hub.event_log import Log
from chatctl.server.listener import Listener
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.request_reader import Head, RequestReader
from chatctl.server.web.responses import error_response, without_body

PLACES = 32
"""Connections at once; more are closed without a word."""

Answer = Callable[[Head], Awaitable[bytes]]
"""Returns the response to a request. Raises ChatError."""


class MetricsPort:
    """The listening sockets of the port, and its connections."""

    def __init__(
        self, sockets: Iterable[socket.socket], answer: Answer, limits: ServerLimits, networks: Networks, log: Log
    ) -> None:
        """Begin to accept, inside a running event loop.

        Args:
            sockets: to accept from.
            answer: makes each response.
            limits: how large the head of a request may be, and how long it may take.
            networks: from where connections are taken.
            log: of the server.
        """
        self.answer = answer
        self.limits = limits
        self._log = log
        self.loop = asyncio.get_running_loop()
        self._networks = networks
        self._places: set[_Connection] = set()
        self._connecting: set[asyncio.Task[object]] = set()
        self._listeners = [Listener(sock, self._accept, log) for sock in sockets]

    def _accept(self, sock: socket.socket, address: object) -> None:
        ip = str(address[0]) if isinstance(address, tuple) else ""
        if len(self._places) >= PLACES or (ip and not self._networks.lets_in(ip)):
            sock.close()
            return
        connection = _Connection(self)
        self._places.add(connection)
        task = self.loop.create_task(self._connect(connection, sock))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: _Connection, sock: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: connection, sock)
        except OSError as error:
            self.gone(connection)
            self._log.warning("accepted connection failed", why=str(error))

    def fault(self, error: Exception) -> bytes:
        """Log a fault of our own; return the response."""
        self._log.error("internal error in chatctl", why=repr(error))
        return error_response(HttpError(500, "internal", "internal error in chatctl: its log has it"))

    def gone(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._places.discard(connection)

    def close(self) -> None:
        """Stop listening, and end all connections. Once is enough."""
        while self._listeners:
            self._listeners.pop().close()
        for connection in list(self._places):
            connection.abort()


class _Connection(asyncio.Protocol):
    """One accepted connection."""

    _transport: asyncio.Transport | None = None

    def __init__(self, port: MetricsPort) -> None:
        """Wait for its transport."""
        self._port = port
        self._request: RequestReader | None = RequestReader(port.limits.hello_bytes)
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; the time for the request runs from here."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._timer = self._port.loop.call_later(self._port.limits.hello_seconds, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Read the request; whatever follows its head is ignored."""
        if self._request is None:
            return
        try:
            head = self._request.head(data)
        except ChatError as error:
            self._end(error_response(error))
            return
        if head is not None:
            self._request = None
            self._answering = self._port.loop.create_task(self._answer(head))

    async def _answer(self, head: Head) -> None:
        try:
            answer = await self._port.answer(head)
        except ChatError as error:
            answer = error_response(error)
        except Exception as error:  # noqa: BLE001 — whoever looks has to be told that something is wrong
            answer = self._port.fault(error)
        self._end(without_body(answer) if head.method == "HEAD" else answer)

    def _too_slow(self) -> None:
        self._end(error_response(HttpError(408, "not_joined", "the request was not complete in time")))

    def _end(self, answer: bytes) -> None:
        """Answer, and close once that is read; or after as long a time as the request may take."""
        self._request = None
        self._timer.cancel()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
            self._transport.close()
            self._timer = self._port.loop.call_later(self._port.limits.stall_seconds, self.abort)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give its place back."""
        self._timer.cancel()
        if self._answering is not None:
            self._answering.cancel()
        self._port.gone(self)

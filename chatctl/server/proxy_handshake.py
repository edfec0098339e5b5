"""A connection from a proxy, from its accept to the end of the PROXY header.

Lives here: waiting for the header, for as long as for a hello. Does not live here: reading it (proxy_header.py), what
follows (server.py): TLS, or the connection itself, under the address that the header names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from chatctl.core.limits import ServerLimits
from chatctl.hub.event_log import Log
from chatctl.server.proxy_header import NoProxyHeader, Proxied, ProxyHeader, ProxyHeaderError

Found = Callable[[asyncio.Transport, Proxied | None, bytes], None]
"""Takes over: the transport, what the header says, and the bytes behind it. None: it has no header."""


class ProxyOwner(Protocol):
    """A handshake's interface to its server."""

    loop: asyncio.AbstractEventLoop
    limits: ServerLimits

    def end_handshake(self, handshake: ProxyHandshake) -> None:
        """Forget a handshake: its connection is open, or is gone."""


class ProxyHandshake(asyncio.Protocol):
    """An accepted connection whose header has not come yet."""

    network = ""
    """It counts for no address: the proxy's own is everybody's."""

    _transport: asyncio.Transport | None = None
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, server: ProxyOwner, label: str, found: Found, log: Log, *, needed: bool = True) -> None:
        """Create it before its transport.

        Where the header is not ``needed``, the request behind it says the same.
        """
        self._server = server
        self._label = label
        self._found = found
        self._log = log
        self._needed = needed
        self._header = ProxyHeader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the header: the time for it runs from here."""
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._server.loop.call_later(self._server.limits.hello_seconds, self._time_out)

    def data_received(self, data: bytes) -> None:
        """Hand over once the header is whole; close what can't be one."""
        assert self._transport is not None
        try:
            whole = self._header.feed(data)
        except NoProxyHeader as error:
            if self._needed:
                self._log.info("refused a proxy", peer=self._label, why=str(error))
            self._hand_over(None, self._header.bytes_so_far)
        except ProxyHeaderError as error:
            self._log.warning("refused a proxy", peer=self._label, why=str(error))
            self.abort()
        else:
            if whole is not None:
                self._hand_over(*whole)

    def _hand_over(self, proxied: Proxied | None, rest: bytes) -> None:
        assert self._transport is not None
        self._end_timer()
        self._server.end_handshake(self)
        self._found(self._transport, proxied, rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it: a health check may only connect."""
        self._end_timer()
        self._server.end_handshake(self)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _time_out(self) -> None:
        self._log.info("refused a proxy", peer=self._label, why="no PROXY header came")
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._end_timer()
        if self._transport is not None:
            self._transport.abort()

"""A connection as an asyncio protocol: connecting, being let in, bytes to the core, frames from it.

Does not live here: reconnecting (membership.py, core/), what a frame means (core/, terminal/).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Iterable
from typing import cast

from chatctl.client.core.address import Address
from chatctl.client.core.connection import HURRY_SECONDS, ClientConnection
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.prover import Prover, place_of
from chatctl.client.io.aio_timeout import timeout
from chatctl.client.io.blocking_socket import follow_links, look_again, socket_name, unreachable
from chatctl.client.io.blocking_tls import look_closer
from chatctl.client.io.resolver import Endpoint, Result, checked, look_up, shares
from chatctl.client.security.trust import Trust, handshake_failed
from chatctl.common.dead_peers import tcp_options
from chatctl.errors import ChatError, PeerBroke, Unreachable, Untrusted, reason_of
from chatctl.protocol import Bye, ClientFrame, Hello, ServerFrame, Welcome

MAX_WAITING = 1000
"""Frames that wait to be taken; with more, nothing is read from the socket."""


ABORT_ITERATIONS = 3
"""Of the event loop, which closes an aborted connection in one or two."""


class AioConnection(asyncio.Protocol):
    """A connection; see ``OpenConnection``. ``connect`` makes one on which the server let us in."""

    welcome: Welcome

    def __init__(self, address: Address, hello: Hello, trust: Trust | None = None) -> None:
        """Wait for ``connection_made``; with ``trust``, after a TLS handshake."""
        self._address = address
        self._trust = trust
        self._core = ClientConnection(hello, address, address.remedies)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._frames: deque[ServerFrame] = deque()
        self._paused = False
        self._error: ChatError | None = None
        self._gone = False
        self._hurry_timer: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()
        self.welcomed: asyncio.Future[Welcome] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Check the certificate, and wait for the greeting."""
        self._transport = cast(asyncio.Transport, transport)
        self._end_with_a_dead_server(transport)
        channel = b""
        if self._trust is not None:
            try:
                channel = self._trust.check(transport.get_extra_info("ssl_object").getpeercert(binary_form=True))
            except Untrusted as error:
                self._fail(error)
                return
        if self._address.credentials is not None:
            place = place_of(transport.get_extra_info("peername"), channel, self._address.real)
            self._core.prove_with(Prover(self._address.credentials, place, channel, self._address.remedies))
        self._hurry_timer = self._loop.call_later(HURRY_SECONDS, self._hurry)

    @staticmethod
    def _end_with_a_dead_server(transport: asyncio.BaseTransport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):  # lost already, as macOS says it
                for option in tcp_options(socket):
                    sock.setsockopt(*option)

    def _hurry(self) -> None:
        try:
            self._core.hurry()
        except ChatError as error:
            self._fail(error)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Queue the frames."""
        try:
            for frame in self._core.receive(data):
                if not isinstance(frame, Welcome):
                    self._frames.append(frame)
                elif not self.welcomed.done():
                    self.welcome = frame
                    self.welcomed.set_result(frame)
        except ChatError as error:
            self._fail(error)
        self._flush()
        self._news.set()
        if len(self._frames) > MAX_WAITING and self._transport is not None and not self.closing:
            self._transport.pause_reading()
            self._paused = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        self._fail(ConnectionEnded(reason_of(exc) if exc else "the server closed the connection"))
        self.closed.set_result(None)

    def _fail(self, error: ChatError) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(error)
        self._error = self._error or error
        self._news.set()
        self._close_socket()

    # --- what the owner calls

    @property
    def closing(self) -> bool:
        """Whether the socket is closed, or about to be."""
        return self._transport is None or self._transport.is_closing()

    def write(self, frame: ClientFrame) -> None:
        """Send a frame now, or once the server has let us in."""
        self._core.send(frame)
        self._flush()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and (out := self._core.outgoing()):
            self._transport.write(out)

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Send a frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke."""
        deadline.left()
        self._check()
        self.write(frame)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke, ReaderGone."""
        while self._gone or not self._frames:
            if self._gone:
                raise ReaderGone
            self._check()
            self._news.clear()
            try:
                async with timeout(deadline.left()):
                    await self._news.wait()
            except TimeoutError:
                raise DeadlinePassed("the deadline passed") from None
        frame = self._frames.popleft()
        self._resume_reading()
        return frame

    async def pending(self) -> Iterable[ServerFrame]:
        """Return the frames that have arrived, without waiting. Raises ConnectionEnded, PeerBroke."""
        for _ in range(2):  # a loop that was kept busy reads in one iteration, and calls us in the next
            await asyncio.sleep(0)
        if not self._frames:
            self._check()
        frames = list(self._frames)
        self._frames.clear()
        self._resume_reading()
        return frames

    def _resume_reading(self) -> None:
        if self._paused and len(self._frames) <= MAX_WAITING and self._transport is not None and not self.closing:
            self._paused = False
            self._transport.resume_reading()

    def _check(self) -> None:
        """Raise the error that ended the connection, if one did."""
        if isinstance(self._error, PeerBroke | ConnectionEnded):
            raise self._error
        if self._error is not None:
            raise ConnectionEnded(self._error.text)

    def end_waits(self) -> None:
        """Let whoever waits for a frame, now or later, get ReaderGone, and no frame that has come."""
        self._gone = True
        self._news.set()

    def close(self) -> None:
        """Send ``bye``, and close once it has left."""
        self.write(Bye())
        self._close_socket()

    def _close_socket(self) -> None:
        """Close once what was written has left.

        Once only: Python 3.11.2 forgets all about a TLS transport that is closed twice, and then fails to abort it.
        """
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()

    async def ended(self) -> None:
        """Give the event loop the iterations that it needs to end an aborted connection: uvloop can't be closed before.

        What was cancelled while it connected has no other end there: uvloop does not call ``connection_lost``.
        """
        for _ in range(ABORT_ITERATIONS):
            await asyncio.sleep(0)

    def abort(self) -> None:
        """Close at once, without waiting for anything to leave. uvloop allows no use of the transport after it."""
        if self._hurry_timer is not None:
            self._hurry_timer.cancel()
        if self._transport is not None:
            self._transport.abort()


async def connect(address: Address, hello: Hello, deadline: Deadline) -> AioConnection:
    """Connect and be let in.

    Raises:
        Unreachable: nobody is there, or does not answer in time.
        ChatError: it is no chatctl server, it is not trusted, or it refused the hello.
    """
    address = follow_links(address)
    trust = Trust(address) if address.tls else None
    connection = AioConnection(address, hello, trust)
    try:
        async with timeout(deadline.left()):
            await _open(address, connection, trust, deadline)
            await connection.welcomed
            return connection
    except (TimeoutError, DeadlinePassed) as error:
        connection.abort()
        raise unreachable(address, error) from None
    except ConnectionEnded as ended:
        raise Unreachable(f"cannot reach {address}: {ended.text} before it answered the hello") from None
    except (ChatError, asyncio.CancelledError):
        connection.abort()  # nothing of ours is unsent, and TLS would wait for a close_notify that nobody reads
        await connection.ended()
        raise
    except ssl.SSLCertVerificationError as error:
        raise await asyncio.to_thread(look_closer, address, error, lambda: look_again(address)) from None
    except (ssl.SSLError, ConnectionResetError, ConnectionAbortedError) as error:  # in the handshake, or even before
        raise (handshake_failed(address, error) if trust is not None else unreachable(address, error)) from None
    except OSError as error:
        raise unreachable(address, error) from None
    finally:
        # Nobody waits for it any more: what ends the connection later is not for asyncio to log.
        if not connection.welcomed.cancel() and not connection.welcomed.cancelled():
            connection.welcomed.exception()


async def _open(address: Address, connection: AioConnection, trust: Trust | None, deadline: Deadline) -> None:
    loop = asyncio.get_running_loop()
    if address.unix is not None:
        with socket_name(address) as path:
            await loop.create_unix_connection(lambda: connection, path)
        return
    sock = await _first_that_answers(await _resolve(address), deadline)
    context, name = (trust.context, address.host) if trust is not None else (None, None)
    await loop.create_connection(lambda: connection, sock=sock, ssl=context, server_hostname=name)


async def _resolve(address: Address) -> list[Endpoint]:
    """Return as ``resolver.resolve``. The loop's own ``getaddrinfo`` would be waited for when the loop ends."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def take(result: Result) -> None:
        with contextlib.suppress(RuntimeError):  # too late: the loop is closed
            loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(result))

    look_up(address.host, address.port, take)
    return checked(await answer)


async def _first_that_answers(endpoints: list[Endpoint], deadline: Deadline) -> socket.socket:
    """Connect to the first endpoint that can be had. Raises the first one's OSError, or DeadlinePassed."""
    first: OSError | None = None
    for endpoint, seconds in shares(endpoints, deadline):
        sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with timeout(seconds):
                await asyncio.get_running_loop().sock_connect(sock, endpoint.address)
        except OSError as error:  # TimeoutError is one
            sock.close()
            first = first or error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise first or OSError("it has no address")

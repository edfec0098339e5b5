"""A connection on a blocking socket, for commands that must start fast: no asyncio.

Every wait has a deadline. Which error a failed wait becomes is the caller's decision: it knows whether it sent
something whose outcome matters.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self

from chatctl.client.core.address import Address
from chatctl.client.core.connection import HURRY_SECONDS, ClientConnection, State
from chatctl.client.core.deadline import ConnectionEnded, Deadline, DeadlinePassed
from chatctl.client.io.blocking_socket import follow_links, open_socket, wait_ready
from chatctl.client.io.clock import deadline_in, now
from chatctl.errors import ChatError, Unreachable, reason_of
from chatctl.protocol import Bye, ClientFrame, Hello, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.io.web_socket import WebSocket

_READ_BYTES = 64 * 1024

_RECORD_SECONDS = 1.0
"""How long the rest of a TLS record is waited for without a look at the reader."""


def _upgrade_of(address: Address) -> Callable[[socket.socket, Deadline], socket.socket | WebSocket]:
    """Return what makes of a socket what is spoken on: a WebSocket, where the address has a URL."""
    if address.web is None:
        return lambda sock, _: sock
    from chatctl.client.io.web_socket import WebSocket

    return lambda sock, deadline: WebSocket(sock, address, deadline)


class BlockingConnection:
    """A connection on which the server let us in; see ``OpenConnection``. It closes at the end of a ``with`` block.

    Its coroutines block and never suspend: run them with ``drive`` (blocking_transport.py).
    """

    def __init__(
        self,
        address: Address,
        hello: Hello,
        deadline: Deadline,
        reader: int | None = None,
        closing: int | None = None,
    ) -> None:
        """Connect and be let in.

        Args:
            address: of the server.
            hello: what to enter with.
            deadline: for the connection, TLS and the welcome.
            reader: the descriptor of the pipe that our output goes to; once it is closed at the other end,
                ``receive`` raises ReaderGone. Whatever comes before is to be written, and fails as the kernel has it.
            closing: the writing end of a pipe; once its other end is closed, every wait raises ReaderGone, connecting
                and sending included.

        Raises:
            Unreachable: nobody is there, or does not answer in time.
            PeerBroke: it is no chatctl server, or not trusted.
            ChatError: the server refused the hello.
        """
        self._address = address = follow_links(address)
        self._reader = reader if closing is None else closing
        self._closing = closing
        self._core = ClientConnection(hello, address, address.remedies)
        self._frames: list[ServerFrame] = []
        upgrade = _upgrade_of(address)  # before the time is taken: its import is no part of connecting
        started = now()
        self._carrier = open_socket(address, deadline, closing)
        self._sock = upgrade(self._carrier, deadline)
        self.connect_seconds = now() - started
        try:
            self._prove(deadline)
            self.welcome = self._handshake(deadline)
        except BaseException:
            self._sock.close()
            raise

    @property
    def certificate(self) -> bytes:
        """The server's certificate (DER); empty without TLS."""
        if not self._address.tls:
            return b""
        from chatctl.client.io.blocking_tls import certificate_of

        return certificate_of(self._carrier)

    def _prove(self, deadline: Deadline) -> None:
        """Let the core prove what we can. The import is left out where there is nothing to prove."""
        if self._address.credentials is None:
            return
        from chatctl.client.core.prover import Prover, place_of
        from chatctl.common.fingerprints import digest

        self._address.credentials.hurry(deadline.left)
        binds = self._address.tls and self._address.web is None  # behind a proxy the certificate is another one
        channel = digest(self.certificate) if binds else b""
        place = place_of(self._carrier.getpeername(), channel, self._address.real)
        self._core.prove_with(Prover(self._address.credentials, place, channel, self._address.remedies))

    def _handshake(self, deadline: Deadline) -> Welcome:
        try:
            with contextlib.suppress(DeadlinePassed):
                self._fill(deadline.sooner(HURRY_SECONDS), until_state=State.HELLO)
            deadline.left()
            self._core.hurry()
            self._flush(deadline)
            while self._core.welcome is None:
                self._fill(deadline)
        except DeadlinePassed:
            raise Unreachable(f"cannot reach {self._address}: it accepts connections, but does not answer") from None
        except ConnectionEnded as ended:
            raise Unreachable(f"{ended.text} before it answered the hello") from None
        self._frames.remove(self._core.welcome)
        return self._core.welcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send ``bye`` if that is possible at once, and close."""
        with contextlib.suppress(OSError, ChatError):
            self._core.send(Bye())
            self._flush(deadline_in(0.1))
        self._sock.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait for it beside others."""
        return self._sock.fileno()

    async def send(self, frame: ClientFrame, deadline: Deadline) -> None:
        """Hand a frame to the kernel. Raises DeadlinePassed, ConnectionEnded."""
        self._core.send(frame)
        self._flush(deadline)

    async def receive(self, deadline: Deadline) -> ServerFrame:
        """Wait for the next frame. Raises DeadlinePassed, ConnectionEnded, PeerBroke, ReaderGone."""
        while not self._frames:
            self._fill(deadline, watched=self._reader)
        return self._frames.pop(0)

    async def pending(self) -> Iterable[ServerFrame]:
        """Return the frames that have arrived, without waiting. Raises ConnectionEnded, PeerBroke."""
        if wait_ready(None, 0.0, self.fileno()):
            with contextlib.suppress(DeadlinePassed):  # over TLS it may be only a part of a record
                self._fill(deadline_in(1))
        frames, self._frames = self._frames, []
        return frames

    def _fill(self, deadline: Deadline, until_state: State | None = None, watched: int | None = None) -> None:
        while True:
            self._frames += self._core.receive(self._read(deadline, self._closing if watched is None else watched))
            self._flush(deadline)
            if until_state is None or self._core.state is until_state or self._frames:
                return

    def _read(self, deadline: Deadline, watched: int | None) -> bytes:
        try:
            data = self._receive_bytes(deadline, watched)
        except OSError as error:
            raise self._failure(error) from None
        if not data:
            raise ConnectionEnded(f"{self._address} closed the connection")
        return data

    def _receive_bytes(self, deadline: Deadline, watched: int | None) -> bytes:
        """Wait for bytes, over TLS for a whole record: nothing is left then that poll() would not see."""
        while watched is not None:
            if wait_ready(watched, deadline.left(), self.fileno()):
                self._sock.settimeout(deadline.sooner(_RECORD_SECONDS).left())
                try:
                    return self._sock.recv(_READ_BYTES)
                except TimeoutError as error:
                    if error.errno is not None:  # the kernel's own
                        raise
        self._sock.settimeout(deadline.left())
        return self._sock.recv(_READ_BYTES)

    def _flush(self, deadline: Deadline) -> None:
        if not self._core.has_outgoing:
            return
        try:
            self._sock.settimeout(deadline.left())  # first: the core returns its bytes only once
            if self._closing is None:
                self._sock.sendall(self._core.outgoing())
            else:
                self._send_watching(self._closing, memoryview(self._core.outgoing()), deadline)
        except OSError as error:
            raise self._failure(error) from None

    def _send_watching(self, closing: int, data: memoryview, deadline: Deadline) -> None:
        """Send all; what the kernel takes at once is sent even if the transport is closed."""
        while data:
            if wait_ready(None, 0.0, self.fileno(), select.POLLOUT) or wait_ready(
                closing, deadline.left(), self.fileno(), select.POLLOUT
            ):
                data = data[self._carrier.send(data) :]

    def _failure(self, error: OSError) -> ChatError:
        if isinstance(error, TimeoutError) and error.errno is None:  # our own timeout; the kernel's has a number
            return DeadlinePassed(f"{self._address} did not answer in time")
        return ConnectionEnded(f"the connection to {self._address} broke ({reason_of(error)})")

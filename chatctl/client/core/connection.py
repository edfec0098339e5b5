"""The client's end of one connection, without I/O: bytes in, frames out; frames in, bytes out.

Lives here: the greeting, the hello, answering pings, recognising a peer that is no chatctl server. Does not live here:
sockets and deadlines (io/), the answer to a challenge (prover.py). Source: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING

from chatctl import protocol
from chatctl.client.core.deadline import ConnectionEnded
from chatctl.client.core.remedies import Parameters, Remedies
from chatctl.common.framing import Framer
from chatctl.common.text import clean_bytes
from chatctl.errors import BadFrame, ChatError, PeerBroke, TooLong, Unauthorized, from_wire
from chatctl.protocol import GREETING, MAX_SERVER_LINE, ClientFrame, Hello, Pong, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.prover import Prover

HURRY_SECONDS = 0.5
"""A server greets at once. One that did not within this time may wait for us to speak first, as a web server does."""

_STRANGERS = (
    (b"HTTP/", "a web server answered"),
    (b"<", "something that speaks HTML or XML answered"),
    (b"SSH-", "an SSH server answered"),
    (b"220", "a mail or FTP server answered"),
    (b"\x15\x03", "a TLS server answered"),
    (b"-ERR", "a Redis or Valkey server answered"),
    (b"INFO {", "a NATS server answered"),
)


def stranger(where: object, first: bytes) -> PeerBroke:
    """Return the error for a peer whose ``first`` bytes are not a chatctl server's; ``where`` names its address."""
    what = next((name for start, name in _STRANGERS if first.startswith(start)), "something else answered")
    return PeerBroke(f"{where} is not a chatctl server: {what} ({clean_bytes(first)})")


def cut_greeting(data: bytes, where: object) -> tuple[bytes, bytes]:
    """Return what has arrived of the greeting, and what follows it.

    Raises:
        PeerBroke: ``data``, all that has arrived, is not how a chatctl server begins.
    """
    if not (data.startswith(GREETING) or GREETING.startswith(data)):
        raise stranger(where, data)
    return data[: len(GREETING)], data[len(GREETING) :]


def raise_refusal(frame: ServerFrame) -> None:
    """Raise what an ``error`` frame or a ``bye`` stands for; return for any other frame."""
    if isinstance(frame, protocol.Error):
        raise from_wire(frame.code, frame.text, frame.retry_after)
    if isinstance(frame, protocol.Bye):
        raise ConnectionEnded(f"the server said bye: {frame.why}", retry_after=frame.retry_after)


class State(Enum):
    """How far the connection has got."""

    GREETING = auto()  # the server has not greeted yet
    HELLO = auto()  # the hello was sent, the welcome is due
    LIVE = auto()


class ClientConnection:
    """One connection. Feed it with ``receive``; after every call, send what ``outgoing`` returns.

    Frames passed to ``send`` before the welcome wait for it.
    """

    def __init__(self, hello: Hello, where: object, remedies: Remedies = Parameters) -> None:
        """Start with ``hello``; ``where`` names the server in errors, and ``remedies`` what to do about them."""
        self.welcome: Welcome | None = None
        self.state = State.GREETING
        self._hello = hello
        self._where = where
        self._remedies = remedies
        self._prover: Prover | None = None
        self._first = b""
        self._silent = True  # nothing arrived yet but the greeting
        self._framer = Framer(MAX_SERVER_LINE)
        self._waiting: list[bytes] = []
        self._out: list[bytes] = []

    def prove_with(self, prover: Prover) -> None:
        """Prove with ``prover`` who we are. Call this before the greeting arrives."""
        self._prover = prover

    @property
    def has_outgoing(self) -> bool:
        """Whether there are bytes to send."""
        return bool(self._out)

    def outgoing(self) -> bytes:
        """Return the bytes to send now. They are returned once."""
        out, self._out = b"".join(self._out), []
        return out

    def send(self, frame: ClientFrame) -> None:
        """Queue a frame, to be sent once the server has let us in."""
        (self._out if self.state is State.LIVE else self._waiting).append(protocol.encode(frame))

    def hurry(self) -> None:
        """Send the hello without a greeting, so that a peer of any kind answers. Raises as ``Prover.offer``."""
        if self.state is State.GREETING:
            self._say_hello()

    def receive(self, data: bytes) -> Iterator[ServerFrame]:
        """Yield the frames that the server sent. Exhaust the iterator.

        Raises:
            PeerBroke: it is no chatctl server, or it broke the protocol.
            ChatError: it refused the hello, or we cannot prove what it asks for.
        """
        if self._first != GREETING:
            data = self._greeted(data)
        if data and self.state is not State.GREETING:
            yield from self._frames(data)

    def _greeted(self, data: bytes) -> bytes:
        """Remove the greeting. After ``hurry`` it may still be to come."""
        self._first, rest = cut_greeting(self._first + data, self._where)
        if self._first == GREETING and self.state is State.GREETING:
            self._say_hello()
        return rest

    def _say_hello(self) -> None:
        if self._prover is not None:
            self._hello = self._prover.offer(self._hello)
        self.state = State.HELLO
        self._out.append(protocol.encode(self._hello))

    def _frames(self, data: bytes) -> Iterator[ServerFrame]:
        if self._silent and not data.startswith(b"{"):
            raise self._no_welcome(data)
        self._silent = False
        for line in self._lines(data):
            try:
                frame = protocol.decode_server(line)
            except protocol.UnknownType:
                if self.state is State.HELLO and line + b"\n" == protocol.encode(self._hello):
                    raise self._first_version() from None  # it took our hello for a nickname, and announces it
                continue  # of a later version of the protocol
            except BadFrame as error:
                if not line.strip():
                    continue
                raise self._broke(error) from None
            if isinstance(frame, protocol.Ping):
                self._out.append(protocol.encode(Pong(t=frame.t)))
            elif isinstance(frame, protocol.Error) and self.state is State.HELLO:
                raise self._refusal(frame)
            elif isinstance(frame, protocol.Challenge):
                self._out.append(protocol.encode(self._answer(frame)))
            else:
                if isinstance(frame, Welcome):
                    self._let_in(frame)
                yield frame

    def _lines(self, data: bytes) -> Iterator[bytes]:
        try:
            yield from self._framer.feed(data)
        except TooLong as error:
            raise self._broke(error) from None

    def _broke(self, error: ChatError) -> PeerBroke:
        return PeerBroke(f"{self._where} broke the protocol ({error.text})")

    def _answer(self, challenge: protocol.Challenge) -> protocol.Proof:
        if self._prover is None or self.state is not State.HELLO:
            raise PeerBroke(f"{self._where} requires a proof that was not offered")
        return self._prover.answer(challenge)

    def _refusal(self, error: protocol.Error) -> ChatError:
        explained: ChatError | None = None
        if self._prover is not None:
            explained = self._prover.explain(error)
        elif error.code == Unauthorized.wire_code and error.retry_after is None:
            from chatctl.client.core.prover import password_wanted

            explained = password_wanted(error.text, self._remedies)
        if error.code == BadFrame.wire_code and error.text.endswith("TLS only"):
            return from_wire(error.code, f"{error.text}: {self._remedies.use_tls}")
        return explained or from_wire(error.code, error.text, error.retry_after)

    def _let_in(self, welcome: Welcome) -> None:
        if self._prover is not None:
            self._prover.check(welcome)
        self.welcome = welcome
        self.state = State.LIVE
        self._out += self._waiting
        self._waiting.clear()

    def _no_welcome(self, data: bytes) -> PeerBroke:
        if b" joined!" in data or b"Connected to server!" in data:
            return self._first_version()
        return stranger(self._where, data)

    def _first_version(self) -> PeerBroke:
        return PeerBroke(f"{self._where} speaks the first version's protocol only: {self._remedies.use_classic}")

"""The client's end of one connection, without I/O: bytes in, frames out; frames in, bytes out.

Lives here: the greeting, the hello, answering pings, noticing that the peer is something else. Does not live here:
sockets and deadlines (blocking.py, wire.py), what a challenge is answered with (prover.py). Source: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import TYPE_CHECKING

from chatctl import protocol
from chatctl.client.core.strangers import stranger
from chatctl.errors import BadFrame, ChatError, PeerBroke, TooLong, from_wire
from chatctl.protocol import GREETING, MAX_SERVER_LINE, ClientFrame, Framer, Hello, Pong, ServerFrame, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.prover import Prover

HURRY_SECONDS = 0.5
"""A server greets at once. One that did not for so long may wait for us to speak first: a web server does."""


class State(Enum):
    """Where the conversation stands."""

    GREETING = auto()  # the server has not greeted yet
    HELLO = auto()  # the hello was given out, the welcome is due
    LIVE = auto()


class ClientConnection:
    """Feed it with ``receive``; send what ``outgoing`` gives after every call.

    Frames given to ``send`` before the welcome wait for it.
    """

    def __init__(self, hello: Hello, where: object) -> None:
        """Begin a conversation with ``hello``; ``where`` names the server in errors."""
        self.welcome: Welcome | None = None
        self.state = State.GREETING
        self._hello = hello
        self._where = where
        self._prover: Prover | None = None
        self._first = b""
        self._silent = True  # nothing came yet but the greeting
        self._framer = Framer(MAX_SERVER_LINE)
        self._waiting: list[bytes] = []
        self._out: list[bytes] = []

    def prove_with(self, prover: Prover) -> None:
        """Offer and prove what this one can. Call it before the greeting comes."""
        self._prover = prover

    @property
    def has_outgoing(self) -> bool:
        """Tell whether there are bytes to be sent."""
        return bool(self._out)

    def outgoing(self) -> bytes:
        """Give the bytes that are to be sent now."""
        out, self._out = b"".join(self._out), []
        return out

    def send(self, frame: ClientFrame) -> None:
        """Have a frame sent, once the server has let us in."""
        (self._out if self.state is State.LIVE else self._waiting).append(protocol.encode(frame))

    def hurry(self) -> None:
        """Say hello without having been greeted: whatever it is will then say something. Raises as ``Prover.offer``."""
        if self.state is State.GREETING:
            self._say_hello()

    def receive(self, data: bytes) -> Iterator[ServerFrame]:
        """Yield what the server said. Exhaust the iterator.

        Raises:
            PeerBroke: it is no chatctl server, or one that broke the protocol.
            ChatError: it refused the hello, or what has to be proved can't be.
        """
        if self._first != GREETING:
            data = self._greeted(data)
        if data and self.state is not State.GREETING:
            yield from self._frames(data)

    def _greeted(self, data: bytes) -> bytes:
        """Take the greeting off. A server that was hurried may not have sent it yet."""
        first = self._first + data
        if not (first.startswith(GREETING) or GREETING.startswith(first)):
            raise stranger(self._where, first)
        self._first, rest = first[: len(GREETING)], first[len(GREETING) :]
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
                    raise self._first_version() from None  # it took our hello for a nickname, and tells everybody
                continue  # of a later version: not for us
            except BadFrame as error:
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
            raise PeerBroke(f"{self._where} wants something proved that was not offered")
        return self._prover.answer(challenge)

    def _refusal(self, error: protocol.Error) -> ChatError:
        explained = self._prover.explain(error) if self._prover is not None else None
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
        return PeerBroke(f"{self._where} speaks the first version's protocol only: use --classic")

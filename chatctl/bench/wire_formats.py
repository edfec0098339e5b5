"""How a load speaks to a kind of server, and how it finds messages in what the server sends.

Lives here: bytes. Does not live here: sockets (connection.py), what must have arrived (checker.py). ``benchmarks/``
adds a ``WireFormat`` for each other server that is measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chatctl import protocol
from chatctl.client.core.prover import Prover
from chatctl.common.text import clean_bytes
from chatctl.errors import BadFrame, NickTaken, PeerBroke, from_wire

DIGITS = 12
"""Each text begins with its message's number, in so many digits."""

SENDER = "bench"
"""What the senders' nicknames begin with."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How to be a member of a room on one kind of server. Numbers are those of members and senders, from 0."""

    hello: Callable[[int], bytes]
    """Returns what a member sends to join."""
    sender_hello: Callable[[int], bytes]
    """Returns what a connection sends to join that only sends messages."""
    admitted: Callable[[bytes], bool]
    """Whether all that was received so far shows that the connection has joined. Raises ChatError if it was refused."""
    say: Callable[[int, bytes], bytes]
    """Returns the bytes that send a message, given its number and its text."""
    entry: re.Pattern[bytes]
    """Matches a line that is a message, or part of one; other lines are not compared."""
    mark: bytes
    """Occurs once in each message, and nowhere else."""
    number: re.Pattern[bytes]
    """Finds the numbers of the messages in any bytes. Searching is faster if it begins with a plain character."""
    lines_per_entry: int = 1
    ping: bytes = b""
    """How a line begins that is to be answered with ``pong``; empty if there are none."""
    pong: bytes = b""
    acks: bool = False
    """Whether each message is acknowledged to its sender, in the form that ``read_ack`` reads."""
    total_order: bool = True
    """Whether all members receive the messages of all senders in the same order."""

    def answer(self, line: bytes) -> bytes:
        """Return what is to be answered to a line that is no message."""
        return self.pong if self.ping and line.startswith(self.ping) else b""


def message_text(number: int, size: int) -> bytes:
    """Return the text of a message: its number, filled up to ``size`` bytes."""
    return (b"%0*d" % (DIGITS, number)).ljust(size, b"x")


def read_ack(line: bytes) -> tuple[int, str] | None:
    """Read the answer of a chatctl server to a message.

    Returns:
        The number of the message (-1 where the line names none) and why it was refused (empty if it was accepted); None
        for other lines.
    """
    if not line.startswith((b'{"type":"ack"', b'{"type":"error"', b'{"type":"bye"')):
        return None
    match protocol.decode_server(line):
        case protocol.Ack(id=ident):
            return _number(ident), ""
        case protocol.Error(id=ident, text=text):
            return _number(ident or ""), text
        case protocol.Bye(why=why):
            return -1, f"the server said bye: {why}"
    return None


def _number(ident: str) -> int:
    """Return the number that we used as an id; a server may send another one."""
    return int(ident) if re.fullmatch("[0-9]{1,18}", ident) else -1


# --- chatctl's own dialects


def find_welcome(received: bytes) -> protocol.Welcome | None:
    """Return the welcome, None if it has not arrived yet.

    Raises:
        BadFrame: this is no chatctl server.
        ChatError: the server refused us.
    """
    line, end, _ = received.removeprefix(protocol.GREETING).partition(b"\n")
    if not end:
        return None
    frame = protocol.decode_server(line)
    if isinstance(frame, protocol.Error):
        if frame.code == NickTaken.wire_code:
            raise NickTaken("a nickname of bench is taken: is another bench running in this room?")
        raise from_wire(frame.code, frame.text, frame.retry_after)
    if not isinstance(frame, protocol.Welcome):
        raise BadFrame("no welcome")
    return frame


def offer_proof(prover: Prover, hello: bytes) -> bytes:
    """Add to a json hello what can be proved. Raises as ``Prover.offer``."""
    frame = protocol.decode_client(hello.removesuffix(b"\n"))
    assert isinstance(frame, protocol.Hello), "a json connection begins with a hello"
    return protocol.encode(prover.offer(frame))


def answer_challenge(prover: Prover, received: bytes) -> tuple[bytes, bytes]:
    """Answer a challenge, or check the server's own proof in its welcome, if either has been received.

    Returns:
        The answer to send, and what was received after the challenge.

    Raises:
        ChatError: the challenge cannot be answered, or the server does not know the password.
    """
    line, end, rest = received.removeprefix(protocol.GREETING).partition(b"\n")
    frame = protocol.decode_server(line) if end else None
    if isinstance(frame, protocol.Challenge):
        return protocol.encode(prover.answer(frame)), rest
    if isinstance(frame, protocol.Welcome):
        prover.check(frame)
    return b"", received


def _text_admitted(received: bytes) -> bool:
    if refusal := re.search(rb"^(?:NAME)?! (.*)\n", received, re.MULTILINE):
        raise PeerBroke(f"the server did not let a member in: {clean_bytes(refusal[1], 200)}")
    return b"Connected to server!\n" in received


def chatctl_format(dialect: str, room: str = protocol.DEFAULT_ROOM) -> WireFormat:
    """Return chatctl's format. Members speak ``dialect``; senders speak json, for its acknowledgements."""

    def hello(nick: str, mode: Literal["join", "post"]) -> bytes:
        return protocol.encode(protocol.Hello(v=protocol.VERSION, nick=nick, room=room, mode=mode))

    end = b"" if dialect == "classic" else b"\n"
    is_json = dialect == "json"
    sender = SENDER.encode()
    mark = b'{"type":"msg"' if is_json else sender
    return WireFormat(
        hello=lambda number: hello(f"m{number}", "join") if is_json else b"m%d%b" % (number, end),
        sender_hello=lambda number: hello(f"{SENDER}{number}", "post"),
        admitted=lambda received: find_welcome(received) is not None if is_json else _text_admitted(received),
        say=lambda number, text: b'{"type":"say","text":"%b","id":"%d"}\n' % (text, number),
        entry=re.compile(re.escape(mark) if is_json else rb"%b\d+: " % mark),
        mark=mark,
        number=re.compile(rb'"nick":"(?:%b|m)\d+","text":"(\d{12})' % sender if is_json else rb": (\d{12})"),
        ping=b'{"type":"ping"',
        pong=protocol.encode(protocol.Pong()),
        acks=True,
    )

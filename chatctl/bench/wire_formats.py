"""How a kind of server is spoken to by a load, and which of its lines are what was said.

Lives here: bytes. Does not live here: sockets (crowd.py), what must have arrived (stream.py). The peers in
``benchmarks/`` are further values of ``WireFormat``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from chatctl import protocol
from chatctl.client.core.prover import Prover
from chatctl.common.text import clean_bytes
from chatctl.errors import BadFrame, NickTaken, PeerBroke, from_wire

DIGITS = 12
"""Each text begins with its number, so many digits: what arrives shows which message it was."""

SPEAKER = "bench"
"""What the speakers' nicknames begin with."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One way to be a member of a room. Numbers are of members and speakers, from 0."""

    hello: Callable[[int], bytes]
    """What a member sends to come in."""
    speaker_hello: Callable[[int], bytes]
    """What one sends who is there to talk only."""
    inside: Callable[[bytes], bool]
    """Whether these are all bytes up to being in, at least. Raises ChatError if they say no."""
    say: Callable[[int, bytes], bytes]
    """Give the bytes that say a text: its number and the text itself."""
    entry: re.Pattern[bytes]
    """Matches a line that is (a part of) something said; other lines are not compared."""
    mark: bytes
    """Stands once in each entry, and nowhere else."""
    number: re.Pattern[bytes]
    """Finds the numbers of what was said in any bytes. One that begins with a plain character finds them faster."""
    lines: int = 1
    """Lines of an entry."""
    ping: bytes = b""
    """How a line begins that asks whether a member is there; empty if none does."""
    pong: bytes = b""
    """What a member answers."""
    acks: bool = False
    """Whether each thing said is answered to its speaker, as ``receipt`` reads it."""
    one_order: bool = True
    """Whether all members get all speakers' words in one order."""

    def answer(self, line: bytes) -> bytes:
        """Give what is due in answer to a line that is no entry."""
        return self.pong if self.ping and line.startswith(self.ping) else b""


def text_of(number: int, size: int) -> bytes:
    """Give the text of a message: its number, filled up to ``size`` bytes."""
    return (b"%0*d" % (DIGITS, number)).ljust(size, b"x")


def receipt(line: bytes) -> tuple[int, str] | None:
    """Give the number of a message that a chatctl server has, and why not if it has not; None for other lines.

    The number is -1 where the line names no message.
    """
    if not line.startswith((b'{"type":"ack"', b'{"type":"error"', b'{"type":"bye"')):
        return None
    match protocol.decode_server(line):
        case protocol.Ack(id=number):
            return _number(number), ""
        case protocol.Error(id=number, text=text):
            return _number(number or ""), text
        case protocol.Bye(why=why):
            return -1, f"the server said bye: {why}"
    return None


def _number(ident: str) -> int:
    """Give the number that we made an id of; a server may send another one."""
    return int(ident) if re.fullmatch("[0-9]{1,18}", ident) else -1


# --- chatctl's own dialects


def welcome_in(seen: bytes) -> protocol.Welcome | None:
    """Give the welcome, once it is there.

    Raises:
        BadFrame: this is no chatctl server.
        ChatError: it is, and says no.
    """
    line, end, _ = seen.removeprefix(protocol.GREETING).partition(b"\n")
    if not end:
        return None
    frame = protocol.decode_server(line)
    if isinstance(frame, protocol.Error):
        if frame.code == NickTaken.wire_code:
            raise NickTaken("a name of ours is taken there: is another bench running in this room?")
        raise from_wire(frame.code, frame.text, frame.retry_after)
    if not isinstance(frame, protocol.Welcome):
        raise BadFrame("no welcome")
    return frame


def offer(prover: Prover, hello: bytes) -> bytes:
    """Give a json hello with what can be proved. Raises as ``Prover.offer``."""
    frame = protocol.decode_client(hello.removesuffix(b"\n"))
    assert isinstance(frame, protocol.Hello), "a speech begins with a hello"
    return protocol.encode(prover.offer(frame))


def prove(prover: Prover, seen: bytes) -> tuple[bytes, bytes]:
    """Answer a challenge that is in what was seen, and check a welcome; give the answer, and what is left of it.

    Raises:
        ChatError: it can't be answered, or the server does not know the password.
    """
    line, end, rest = seen.removeprefix(protocol.GREETING).partition(b"\n")
    frame = protocol.decode_server(line) if end else None
    if isinstance(frame, protocol.Challenge):
        return protocol.encode(prover.answer(frame)), rest
    if isinstance(frame, protocol.Welcome):
        prover.check(frame)
    return b"", seen


def _json_inside(seen: bytes) -> bool:
    return welcome_in(seen) is not None


def _text_inside(seen: bytes) -> bool:
    if refused := re.search(rb"^(?:NAME)?! (.*)\n", seen, re.MULTILINE):
        raise PeerBroke(f"the server did not let a member in: {clean_bytes(refused[1], 200)}")
    return b"Connected to server!\n" in seen


def _json_say(number: int, text: bytes) -> bytes:
    return b'{"type":"say","text":"%b","id":"%d"}\n' % (text, number)


def chatctl_speech(dialect: str, room: str = protocol.DEFAULT_ROOM) -> WireFormat:
    """Give how a chatctl server is spoken to. Members speak ``dialect``; speakers speak json, for the receipts."""

    def json_hello(number: int) -> bytes:
        return protocol.encode(protocol.Hello(v=protocol.VERSION, nick=f"m{number}", room=room))

    def speaker_hello(number: int) -> bytes:
        return protocol.encode(protocol.Hello(v=protocol.VERSION, nick=f"{SPEAKER}{number}", room=room, mode="post"))

    end = b"" if dialect == "classic" else b"\n"
    is_json = dialect == "json"
    mark = b'{"type":"msg"' if is_json else b"%b" % SPEAKER.encode()
    return WireFormat(
        hello=json_hello if is_json else lambda number: b"m%d%b" % (number, end),
        speaker_hello=speaker_hello,
        inside=_json_inside if is_json else _text_inside,
        say=_json_say,
        entry=re.compile(re.escape(mark) if is_json else rb"%b\d+: " % mark),
        mark=mark,
        number=re.compile(rb'"nick":"(?:%b|m)\d+","text":"(\d{12})' % SPEAKER.encode() if is_json else rb": (\d{12})"),
        ping=b'{"type":"ping"',
        pong=protocol.encode(protocol.Pong()),
        acks=True,
    )

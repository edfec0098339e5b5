"""The one protocol module: what is said between a server and its clients, as typed values and as bytes.

Both ends and every command share it. Lives here: frames, encoding, framing, limits, the version. Does not live
here: how the older dialects look (dialects.py), what a frame makes a server do (session.py, hub.py).
Source: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from chatctl.errors import BadFrame, TooLong

VERSION = 1
GREETING = b"NAME"
"""What a server sends on accept: the greeting of the very first version, so that its clients still work."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5500
DEFAULT_TLS_PORT = 5501
DEFAULT_ROOM = "lobby"

MAX_LINE = 16 * 1024
"""Bytes of one line that a client may send, its LF not counted."""
MAX_TEXT = 4 * 1024
"""Bytes of UTF-8 in one message."""
MAX_ID = 128
"""Characters of a message's ``id``."""
MAX_SERVER_LINE = 16 * 1024 * 1024
"""Bytes of one line that a server may send: a roster of 10,000 members is the longest."""
MAX_DEPTH = 32
"""Levels of objects and arrays in one line, the frame itself being the first. Python's own limit differs by version."""

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""A whole number that JSON readers of every language hold exactly."""
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Token = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]  # "$" alone lets a last LF pass
Key = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$", max_length=44)]
"""An Ed25519 public key: 32 bytes in base64."""
Scram = Annotated[str, Meta(min_length=1, max_length=1024)]
"""One message of SCRAM (RFC 5802)."""
Mode = Literal["join", "watch", "post", "probe"]


class Frame(Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """One JSON object on one line; its ``type`` names the class."""


# --- client to server


class Resume(Struct, frozen=True):
    """Where a cursor stood: in the log named ``epoch``, after entry ``after``."""

    epoch: str
    after: Count


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame: who, where, how. With ``key`` or ``scram`` something is offered to be proved."""

    v: int
    nick: str = ""
    room: str = DEFAULT_ROOM
    mode: Mode = "join"
    token: Token | None = None
    resume: Resume | None = None
    history: Count = 0
    key: Key | None = None
    scram: Scram | None = None


class Proof(Frame, frozen=True, tag="proof"):
    """The answer to a challenge: a signature of ``proof.statement`` (base64), the last word of SCRAM, or both."""

    signature: Annotated[str, Meta(max_length=88)] | None = None
    scram: Scram | None = None


class Say(Frame, frozen=True, tag="say"):
    """Say ``text`` in the room. With an ``id`` it is acknowledged, and appended once however often it is sent."""

    text: str
    id: Id | None = None
    action: bool = False


class Whisper(Frame, frozen=True, tag="whisper"):
    """Say ``text`` to one member. Live only, never stored."""

    to: str
    text: str
    id: Id | None = None


class Nick(Frame, frozen=True, tag="nick"):
    """Be called ``nick`` from now on."""

    nick: str


class Who(Frame, frozen=True, tag="who"):
    """Ask for the roster."""


class History(Frame, frozen=True, tag="history"):
    """Ask for a page: ``limit`` entries after a seq, or before one."""

    limit: Count
    after: Count | None = None
    before: Count | None = None


class Whois(Frame, frozen=True, tag="whois"):
    """Ask about one member."""

    nick: str


class Admin(Frame, frozen=True, tag="admin"):
    """Do what only operators may (verbs.py). Which fields count is up to the verb; ``seconds`` 0 is for good."""

    verb: Annotated[str, Meta(max_length=40)]
    target: Annotated[str, Meta(max_length=128)] = ""
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    text: Annotated[str, Meta(max_length=400)] = ""
    """Why; or the topic."""
    on: bool = True
    address: bool = False
    """Ban a member's address, too."""
    room: str | None = None
    id: Id | None = None


class Ping(Frame, frozen=True, tag="ping"):
    """Are you there? Both ends may ask; ``t`` comes back."""

    t: float | str | None = None


class Pong(Frame, frozen=True, tag="pong"):
    """I am. From a server with ``last``, the seq of the room's newest entry."""

    t: float | str | None = None
    last: Count | None = None


class Bye(Frame, frozen=True, tag="bye"):
    """The end of the conversation; a server says why, and when to come back (seconds)."""

    why: str = ""
    retry_after: float | None = None
    final: bool = False
    """Do not come back by yourself: an operator ended it, or the name joined from elsewhere and would be thrown out."""


ClientFrame = Hello | Proof | Say | Whisper | Nick | Who | Whois | History | Admin | Ping | Pong | Bye


# --- server to client


class Limits(Struct, frozen=True):
    """What a server allows. Bytes, seconds and counts; ``rate`` 0 means no limit."""

    line: int = MAX_LINE
    text: int = MAX_TEXT
    nick: int = 32
    nick_bytes: int = 64
    id: int = MAX_ID
    hello_seconds: float = 10.0
    hello_bytes: int = 8 * 1024
    ping_seconds: float = 60.0
    stall_seconds: float = 30.0
    rate: float = 10.0
    burst: int = 30
    bytes_per_second: int = 64 * 1024
    clients: int = 10_000
    per_address: int = 64
    out_buffer: int = 64 * 1024
    ring_entries: int = 100_000
    ring_bytes: int = 64 * 1024 * 1024
    backlog: int = 100
    page: int = 1_000
    connect_rate: float = 20.0
    greeting_start: int = 100
    greeting_percent: int = 30
    greeting_full: int = 1_000


class Challenge(Frame, frozen=True, tag="challenge"):
    """Prove what the hello offered: sign ``nonce`` (base64), go on with SCRAM, or both."""

    nonce: str | None = None
    scram: Scram | None = None


class Welcome(Frame, frozen=True, tag="welcome"):
    """You are in. ``members`` holds at most 200 of the ``count`` nicknames.

    ``claimed``: the name is bound to your key. ``scram``: the server's own proof that it knows the password.
    """

    v: int
    server: str
    room: str
    nick: str
    epoch: str
    first: Count
    last: Count
    members: list[str]
    count: Count
    watchers: Count
    durability: str
    limits: Limits
    claimed: bool = False
    scram: Scram | None = None
    topic: str = ""
    slow: float = 0
    read_only: bool = False


class Msg(Frame, frozen=True, tag="msg"):
    """An entry of the log: what ``nick`` said, as the room's number ``seq``, at ``time`` (Unix seconds)."""

    seq: Count
    time: float
    nick: str
    text: str
    action: bool = False


class Join(Frame, frozen=True, tag="join"):
    """These came, all in one turn; ``count`` members are here now."""

    nicks: list[str]
    count: Count


class Leave(Frame, frozen=True, tag="leave"):
    """These went, all in one turn; ``count`` members are here now."""

    nicks: list[str]
    count: Count
    why: str = ""


class Rename(Frame, frozen=True, tag="rename"):
    """A member is called otherwise now."""

    old: str
    new: str


class Whispered(Frame, frozen=True, tag="whisper"):
    """Somebody said this to you alone."""

    from_: str = field(name="from")
    time: float
    text: str


class Ack(Frame, frozen=True, tag="ack"):
    """Committed at the level that ``welcome.durability`` names. No ``seq`` for what is not stored."""

    id: str
    time: float
    duplicate: bool
    seq: Count | None = None


class RosterRow(Struct, frozen=True, omit_defaults=True):
    """One member: since when (Unix seconds), for how many seconds silent, the fingerprint of the key that it proved."""

    nick: str
    since: float
    idle: float
    key: str | None = None


class Roster(Frame, frozen=True, tag="roster"):
    """Who is here."""

    members: list[RosterRow]
    count: Count
    watchers: Count


class Identity(Frame, frozen=True, tag="whois"):
    """One member. ``key`` is the fingerprint of the key that it proved, ``claimed`` since when the name is its own."""

    nick: str
    since: float
    idle: float
    key: str | None = None
    claimed: float | None = None


class Notice(Frame, frozen=True, tag="notice"):
    """An operator did something: a line for people. ``by`` is empty for the server's own operator. Never stored."""

    text: str
    time: float
    by: str = ""


class RoomNow(Frame, frozen=True, tag="room"):
    """What holds in the room from now on: all of it, as in the welcome."""

    topic: str = ""
    slow: float = 0
    read_only: bool = False


class Done(Frame, frozen=True, tag="done"):
    """An ``admin`` was done: a line for people, and rows where it was a question."""

    verb: str
    text: str
    rows: list[dict[str, Any]] = []
    id: str | None = None


class Page(Frame, frozen=True, tag="page"):
    """A part of the log; ``more`` says whether it goes on in that direction."""

    entries: list[Msg]
    more: bool


class Gap(Frame, frozen=True, tag="gap"):
    """Entries ``from`` to ``to`` can't be shown to you."""

    from_: Count = field(name="from")
    to: Count
    why: Literal["retention", "slow", "lost"]


class Error(Frame, frozen=True, tag="error"):
    """Something was not done. ``id`` is that of the frame it answers."""

    code: str
    text: str
    id: str | None = None
    retry_after: float | None = None


ServerFrame = (
    Challenge
    | Welcome
    | Msg
    | Join
    | Leave
    | Rename
    | Whispered
    | Ack
    | Roster
    | Identity
    | Notice
    | RoomNow
    | Done
    | Page
    | Gap
    | Ping
    | Pong
    | Error
    | Bye
)

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)


class NotJson(BadFrame):
    """A line that is not JSON at all: the stream can't be trusted any further."""


class UnknownType(BadFrame):
    """A frame of a type that this version does not have."""


def encode(frame: Struct) -> bytes:
    """Give a frame as one line: UTF-8 JSON and LF."""
    return _encoder.encode(frame) + b"\n"


def encode_run(frames: Sequence[Struct]) -> bytes:
    """Give frames as one line each: what ``encode`` gives for each of them, at a third of its cost."""
    return _encoder.encode_lines(frames)


_T = TypeVar("_T")


def _reader(decoder: msgspec.json.Decoder[_T]) -> Callable[[bytes], _T]:
    decode = decoder.decode

    def read(line: bytes) -> _T:
        try:
            if not line.isascii():
                line.decode()  # msgspec skips unknown fields without looking at their UTF-8
            frame = decode(line)
        except (ValueError, RecursionError) as error:
            raise _refusal(line, error) from None
        if _ARRAY in line or len(line) > _SHORT:
            beside = len(line) - len(getattr(frame, "text", ""))  # most of a long line is the text of a message
            if beside >= _LEAST and too_deep(line, frame):
                raise BadFrame(_TOO_DEEP)
        return frame

    return read


decode_client: Callable[[bytes], ClientFrame] = _reader(_client_decoder)
"""Read what a client sent: one line, without its LF.

Raises:
    NotJson: not UTF-8 or not JSON; the connection can't go on.
    UnknownType: JSON, but a type that this version does not have; the connection can.
    BadFrame: nested too deeply, or a frame with something wrong in it; the connection can.
"""

decode_server: Callable[[bytes], ServerFrame] = _reader(_server_decoder)
"""Read what a server sent. Raises as ``decode_client``."""


def decode_run(lines: Sequence[bytes]) -> list[ClientFrame] | None:
    """Read many lines, or give None if one of them is bad: ``decode_client`` then tells which, and why.

    A call a line, since msgspec's own ``decode_lines`` takes a line break for any other space: two lines that are no
    frames could make one.
    """
    try:
        joined = b"".join(lines)
        if not joined.isascii():
            b"\n".join(lines).decode()  # as in _reader
        frames = list(map(_client_decoder.decode, lines))
    except (ValueError, RecursionError):
        return None
    nested = _ARRAY in joined or _OBJECT in joined.replace(b"{", b"-", len(lines))
    return None if nested and too_deep(joined, frames) else frames


def _refusal(line: bytes, error: Exception) -> BadFrame:
    if isinstance(error, UnicodeDecodeError):
        return NotJson(f"this line is not UTF-8: {error}")
    if too_deep(line):  # before all else: the decoder can't tell on every Python what stands further inside
        return BadFrame(_TOO_DEEP)
    if not isinstance(error, msgspec.ValidationError):
        return NotJson(f"this line is not JSON: {error}")
    try:
        msgspec.json.decode(line, type=msgspec.Raw)  # it may have met a wrong value before the JSON ends
    except ValueError as wrong:
        return _refusal(line, wrong)
    kind = UnknownType if "$.type" in str(error) else BadFrame
    return kind(f"not a frame of this protocol: {error}")


# --- how deep a line is nested

_TOO_DEEP = f"this line is nested deeper than {MAX_DEPTH} levels"
_ARRAY, _OBJECT, _BACKSLASH = b"[{\\"
_SHORT = 5 * MAX_DEPTH
"""Bytes that JSON without arrays has at least where it is nested too deeply: {"":} around each level but one."""
_LEAST = len(b'{"type":"who","":}') + 2 * MAX_DEPTH
"""Bytes that a frame has at least beside its text where it is nested too deeply."""
_MARKS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # as signed bytes: one level more, one level less
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))


def too_deep(text: bytes, read: object = None) -> bool:
    """Tell whether more than MAX_DEPTH objects and arrays are open at a time. Brackets inside strings do not count.

    Args:
        text: JSON, or what may be none; or several lines of it, all of them valid.
        read: the frame or the frames that were read from it, if any: with many rows of theirs it is faster.
    """
    match read:  # objects that stand side by side: at most one of them is open at a time
        case list(rows) | Roster(members=rows) | Page(entries=rows) | Done(rows=rows):
            siblings = len(rows)
        case _:
            siblings = 1
    arrays = text.count(b"[", text.find(b"["), text.rfind(b"[") + 1)
    objects = MAX_DEPTH - arrays + siblings - 1  # with no more than these there is no need to look closer
    if arrays < MAX_DEPTH and _OBJECT not in text.replace(b"{", b"-", objects):  # twice as fast as count
        return False
    return _depth(text) > MAX_DEPTH


def _depth(text: bytes) -> int:
    if _BACKSLASH in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = text.translate(_MARKS, _NO_MARKS).replace(b'""', b"")  # a pair changes nothing for what stands behind it
    outside = memoryview(b"".join(marks.split(b'"')[::2])).cast("b")
    return max(accumulate(outside), default=0)


def decode_kept(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    """Read JSON that a file holds. Raises ValueError for what is none, and for what is nested too deeply."""
    if too_deep(data):
        raise ValueError(_TOO_DEEP)
    return decoder.decode(data)


def to_builtins(frame: Any) -> Any:
    """Give a frame as plain dicts and lists, as its JSON would be read."""
    return msgspec.to_builtins(frame)


class Framer:
    """Cut one peer's bytes into LF-terminated lines.

    Any split of the same bytes yields the same lines and then the same error.
    """

    __slots__ = ("_limit", "_tail")

    def __init__(self, limit: int = MAX_LINE) -> None:
        """Take lines of at most ``limit`` bytes, LF not counted."""
        self._limit = limit
        self._tail = bytearray()

    def __len__(self) -> int:
        """Bytes of the line that has begun and not ended."""
        return len(self._tail)

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Give each completed line, without its LF. Exhaust the iterable.

        Args:
            data: the bytes of one read.

        Raises:
            TooLong: a line exceeds the limit. The lines before it were yielded; the stream can't go on.

        Source: docs/protocol.md, "Framing".
        """
        if len(self._tail) + len(data) > self._limit:
            return self._one_by_one(data)
        *ends, rest = data.split(b"\n")  # none of them can be too long
        if ends and self._tail:
            ends[0] = bytes(self._tail) + ends[0]
            self._tail.clear()
        self._tail += rest
        return ends

    def _one_by_one(self, data: bytes) -> Iterator[bytes]:
        *ends, rest = data.split(b"\n")
        for end in ends:
            line = bytes(self._tail) + end if self._tail else end
            self._tail.clear()
            self._check(len(line))
            yield line
        self._tail += rest
        self._check(len(self._tail))

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise TooLong(f"a line has at most {self._limit} bytes")

"""The protocol: everything that crosses a wire, as typed values and as bytes.

Lives here, in one file because both ends have to agree on all of it: the version, the limits, the frames, encoding and
decoding. Does not live here: cutting bytes into lines (common/framing.py), how deep a line is nested
(common/nesting.py), the text dialects (core/dialects.py), what a frame makes a server do (core/session.py, hub/).
Source: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from chatctl.common.nesting import MAX_DEPTH, TOO_DEEP, too_deep
from chatctl.errors import BadFrame

VERSION = 1
GREETING = b"NAME"
"""First bytes that a server sends: the greeting of the first version, whose clients still work."""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5500
DEFAULT_TLS_PORT = 5501
DEFAULT_ROOM = "lobby"

MAX_LINE = 16 * 1024
"""Bytes of one line from a client, its LF not counted."""
MAX_TEXT = 4 * 1024
"""Bytes of UTF-8 in one message."""
MAX_ID = 128
"""Characters of a message's ``id``."""
MAX_SERVER_LINE = 16 * 1024 * 1024
"""Bytes of one line from a server. A roster of 10,000 members is the longest."""
MAX_REDACTED = 500
"""Entries that one frame names as redacted, or to be redacted."""
MAX_SEARCH = 256
"""Characters of what is searched for: enough for a sentence, and few enough for any text to be looked through fast."""
MAX_AUTHORS = 10
"""Nicknames that a search may be narrowed to."""

MAX_COUNT = 2**53 - 1
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
"""A whole number that the JSON readers of every language represent exactly."""
Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID)]
Text = Annotated[
    str,
    Meta(
        description=f"1 to `limits.text` bytes of UTF-8, {MAX_TEXT} unless the operator chose otherwise",
        extra_json_schema={"minLength": 1},
    ),
]
"""For the schema alone: a text that is too long or empty is refused under its ``id`` (core/permissions.py)."""
Token = Annotated[str, Meta(pattern="^[0-9a-f]{32}$", max_length=32)]  # "$" alone lets a last LF pass
Key = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$", max_length=44)]
"""An Ed25519 public key: 32 bytes in base64."""
Scram = Annotated[str, Meta(min_length=1, max_length=1024)]
"""One message of SCRAM (RFC 5802)."""
SCRAM_ITERATIONS = range(4_096, 1_000_001)
"""Rounds of work that a password may take: fewer protect it badly, and more (one second) a server may not ask for."""
Mode = Literal["join", "watch", "post", "probe"]

LeaseKind = Literal["lock", "question"]
LEASE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,63}\Z"
"""What a lease can be called: a regular expression."""
LeaseName = Annotated[str, Meta(pattern=LEASE_NAME)]
LEASE_SECONDS = 60.0
"""How long a lease is kept for its holder after the connection that held it was lost."""

FEATURES: tuple[str, ...] = (
    "key_labels",
    "dry_run",
    "whois_bound",
    "cut",
    "redacted",
    "id_reused",
    "leases",
    "rooms",
    "search",
    "ids",
)
"""What a server of today offers beyond version 1, as names for ``Welcome.features``. docs/protocol.md, "Features".

A client sends no frame or field of a feature that the server did not list. No name is ever used for another thing.
"""


class Frame(Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """One JSON object on one line; its ``type`` names the class."""


# --- client to server


class Resume(Struct, frozen=True, omit_defaults=True):
    """A cursor's position: in the log ``epoch``, after entry number ``after``."""

    epoch: str
    after: Count
    cut: bool = False
    """The client takes ``Welcome.cut`` for its position, if ``epoch`` is an earlier one of the log."""


class Hello(Frame, frozen=True, tag="hello"):
    """The first frame of a client."""

    v: int
    """``VERSION``."""
    nick: str = ""
    """Empty in the modes ``watch`` and ``probe``."""
    room: str = DEFAULT_ROOM
    mode: Mode = "join"
    token: Token | None = None
    """Secret of this client: the scope of message ids, and the right to take its own nickname over."""
    resume: Resume | None = None
    history: Count = 0
    """Entries before the log's end to start with, if ``resume`` is None."""
    key: Key | None = None
    """The client offers to prove that it has the private key."""
    scram: Scram | None = None
    """First message of SCRAM: the client offers to prove that it knows the password."""


class Proof(Frame, frozen=True, tag="proof"):
    """The answer to a challenge.

    ``signature`` (base64) is of ``key_proof.statement``, ``scram`` the client's final message.
    """

    signature: Annotated[str, Meta(max_length=88)] | None = None
    scram: Scram | None = None


class Say(Frame, frozen=True, tag="say"):
    """Append ``text`` to the room's log: with an ``id`` once, however often it is sent, and with an ``ack``."""

    text: Text
    id: Id | None = None
    action: bool = False
    asks: LeaseName | None = None
    """The message asks the question of this name, whose lease the sender has (feature ``leases``)."""


class Whisper(Frame, frozen=True, tag="whisper"):
    """Send ``text`` to the member called ``to``. Never stored."""

    to: str
    text: Text
    id: Id | None = None


class Nick(Frame, frozen=True, tag="nick"):
    """Change our nickname. An error has the ``id``; the ``rename`` is everybody's, and has none."""

    nick: str
    id: Id | None = None


class Who(Frame, frozen=True, tag="who"):
    """Ask for the roster."""

    id: Id | None = None
    """Of this and all other questions (feature ``ids``): the answer has it, and an error in its place."""


class Rooms(Frame, frozen=True, tag="rooms"):
    """Ask which rooms there are (feature ``rooms``)."""

    id: Id | None = None


class History(Frame, frozen=True, tag="history"):
    """Ask for a page: at most ``limit`` entries after or before a seq."""

    limit: Count
    after: Count | None = None
    before: Count | None = None
    id: Id | None = None


class Search(Frame, frozen=True, tag="search"):
    """Ask for the newest entries that hold ``text``, in any case (feature ``search``)."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_SEARCH)]
    """Found as it stands, spaces too, anywhere in a message."""
    before: Count | None = None
    """Only entries before this seq: ``Found.before``, to go on."""
    since: float | None = None
    """Only what was said at this time (Unix seconds) or later."""
    from_: Annotated[list[Annotated[str, Meta(max_length=MAX_ID)]], Meta(max_length=MAX_AUTHORS)] = field(
        name="from", default_factory=list
    )
    """Only what was said under these nicknames, in any case; empty: under any."""
    limit: Count = 50
    """Entries at most; 0 counts as 1."""
    id: Id | None = None


class Whois(Frame, frozen=True, tag="whois"):
    """Ask about one member; with ``bound`` (feature ``whois_bound``) about a bound name that nobody has now, too."""

    nick: str
    bound: bool = False
    id: Id | None = None


class Admin(Frame, frozen=True, tag="admin"):
    """Do something that only operators may. The verb decides which fields count.

    ``?`` before a verb (feature ``dry_run``) asks what it would do, and whom it would hit.
    """

    verb: Annotated[str, Meta(max_length=40)]
    target: Annotated[str, Meta(max_length=128)] = ""
    """A nickname, a key's fingerprint or an address."""
    seconds: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """How long a ban or mute lasts, 0 for good; or the interval of a slow room."""
    text: Annotated[str, Meta(max_length=400)] = ""
    """The reason; or the topic."""
    on: bool = True
    address: bool = False
    """Ban a member's address, too."""
    person: bool = False
    """Ban or mute a member by key and client, too, not by the name alone."""
    room: str | None = None
    """Which room; for who is in one it is that one, and no other."""
    suspect: bool = False
    """Of the claims, those that an operator should look at. This and the next two are for the server's own operator."""
    newer: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """Of the claims, those of the last so many seconds; 0 for all."""
    unused: Annotated[float, Meta(ge=0, le=1e9)] = 0.0
    """Of the claims, those whose owner did not come in for so many seconds; 0 for all."""
    seqs: Annotated[list[Count], Meta(max_length=MAX_REDACTED)] = []
    """Entries to be redacted."""
    yes: bool = False
    """Do what would only be described otherwise."""
    path: Annotated[str, Meta(max_length=4096)] = ""
    """Of a backup. For the server's own operator."""
    id: Id | None = None


class Lease(Frame, frozen=True, tag="lease"):
    """Take, release or look at a lease: a name in the room that one process has at a time (feature ``leases``)."""

    kind: LeaseKind
    """``lock``: a job that runs once at a time. ``question``: one that is open; the name is its tag."""
    name: LeaseName
    holder: Token
    """Made up by the process that takes it, so that no other one of the same owner has the same lease."""
    do: Literal["take", "release", "withdraw", "look"] = "take"
    """``withdraw``: as ``release``, and the room is told that nobody waits for an answer."""
    seq: Count | None = None
    """``take``: the entry that asked the question, if the server does not know. ``look``: an entry to be judged."""
    id: Id | None = None


# --- from both ends


class Ping(Frame, frozen=True, tag="ping"):
    """Ask whether the other end is alive. Either end may; the answer has the same ``t``."""

    t: float | str | None = None


class Pong(Frame, frozen=True, tag="pong"):
    """The answer to a ping. A server's has the seq of the room's newest entry, ``last``."""

    t: float | str | None = None
    last: Count | None = None


class Bye(Frame, frozen=True, tag="bye"):
    """The last frame of either end."""

    why: str = ""
    retry_after: float | None = None
    """Seconds after which to reconnect."""
    final: bool = False
    """Do not reconnect by yourself: an operator ended it, or the same nickname joined from elsewhere."""
    code: str | None = None
    """As in ``Error``: ``nick_taken`` if the same nickname joined from elsewhere."""


ClientFrame = (
    Hello | Proof | Say | Whisper | Nick | Who | Whois | Rooms | History | Search | Admin | Lease | Ping | Pong | Bye
)


# --- server to client


class LimitFields(Struct, frozen=True):
    """The list of limits, and the defaults of ``serve``. Two types have it: what is advertised, what is configured."""

    line: int = MAX_LINE
    """Bytes of one line to the server, its LF not counted."""
    text: int = MAX_TEXT
    """Bytes of UTF-8 in one message."""
    nick: int = 32
    """Code points of a nickname."""
    nick_bytes: int = 64
    """Bytes of UTF-8 in a nickname."""
    id: int = MAX_ID
    """Characters of a message's ``id``."""
    hello_seconds: float = 10.0
    """Seconds from the connection to the welcome, a TLS handshake included."""
    hello_bytes: int = 8 * 1024
    """Bytes from the client up to the welcome."""
    ping_seconds: float = 60.0
    """Seconds of silence after which the server sends a ping. After two unanswered ones it closes."""
    stall_seconds: float = 30.0
    """Seconds after which a client that reads nothing is disconnected."""
    rate: float = 10.0
    """Frames a second from one connection, on average; 0: no limit, of bytes neither."""
    burst: int = 30
    """Frames at once."""
    bytes_per_second: int = 64 * 1024
    """Bytes a second from one connection, and bytes at once."""
    bytes_per_address: int = 256 * 1024
    """The same for all connections of one address, or one /64 of IPv6; loopback and unix sockets are exempt."""
    clients: int = 10_000
    """Connections."""
    per_address: int = 64
    """Connections from one address, or one /64 of IPv6; loopback and unix sockets are exempt."""
    out_buffer: int = 64 * 1024
    """Bytes that wait for a client before its cursor stops and it is not read from; bytes of the log in one tick."""
    ring_entries: int = 100_000
    """Entries of one room in memory."""
    ring_bytes: int = 64 * 1024 * 1024
    """Bytes of one room's entries in memory."""
    backlog: int = 100
    """Entries of history on entering."""
    page: int = 1_000
    """Entries of one page."""
    connect_rate: float = 20.0
    """Connections a second from one address, with a burst of ``per_address``; 0: no limit."""
    greeting_start: int = 100
    """Connections before their welcome from which on new ones are dropped at random."""
    greeting_percent: int = 30
    """Percentage of new connections that are dropped then."""
    greeting_full: int = 1_000
    """Connections before their welcome from which on all new ones are dropped."""


class Limits(LimitFields, frozen=True):
    """The limits that a server advertises."""


class Challenge(Frame, frozen=True, tag="challenge"):
    """Ask for what the hello offered: a signature over ``nonce`` (base64), the next message of SCRAM, or both."""

    nonce: str | None = None
    scram: Scram | None = None
    labels: list[str] | None = None
    """Which labels of statements (``key_proof.label_of``) the server takes. None: it is older than this field."""


class Welcome(Frame, frozen=True, tag="welcome"):
    """The hello was accepted."""

    v: int
    """``VERSION``."""
    server: str
    """The server's name."""
    room: str
    nick: str
    """As it is shown (NFC)."""
    epoch: str
    """Identifies the room's log: numbers of another one mean nothing here."""
    first: Count
    """Number of the oldest entry that can be read; ``last`` + 1 if there is none."""
    last: Count
    """Number of the newest entry; 0 in a new log."""
    members: list[str]
    """At most 200 nicknames."""
    count: Count
    """Members in the room."""
    watchers: Count
    """Connections in mode ``watch``."""
    durability: str
    """What an acknowledged message survives: ``memory`` nothing, ``os`` a killed server, ``disk`` a power cut."""
    limits: Limits
    claimed: bool = False
    """The nickname is bound to the client's key."""
    scram: Scram | None = None
    """The server's final message of SCRAM: it knows the password, too."""
    topic: str = ""
    slow: float = 0
    """Seconds between two messages of one member; 0: no limit."""
    read_only: bool = False
    """Only operators may speak."""
    features: list[str] = []
    """What the server offers beyond version 1: names of ``FEATURES``, and of servers newer than this client."""
    operator: bool | None = None
    """The client has proved an operator's key. None: the server is too old to tell."""
    cut: Count | None = None
    """Where a ``resume`` with ``cut`` and an earlier epoch stands in this one. None: it stands where it said, or
    nowhere."""


class Msg(Frame, frozen=True, tag="msg"):
    """Entry number ``seq`` of the log: what ``nick`` said at ``time`` (Unix seconds). ``action``: as in ``/me``."""

    seq: Count
    time: float
    nick: str
    text: str
    action: bool = False
    redacted: bool = False
    """An operator emptied it: ``nick`` and ``text`` are empty."""


class Redacted(Frame, frozen=True, tag="redacted"):
    """An operator emptied these entries: forget what they said, and by whom. At most ``MAX_REDACTED`` of them."""

    seqs: list[Count]

    def apply_to(self, entry: Msg) -> Msg:
        """Return an entry as it is after this."""
        return Msg(entry.seq, entry.time, "", "", redacted=True) if entry.seq in self.seqs else entry


class Join(Frame, frozen=True, tag="join"):
    """Members joined in one tick; ``count`` members are in the room now."""

    nicks: list[str]
    count: Count


class Leave(Frame, frozen=True, tag="leave"):
    """Members left in one tick; ``count`` members are in the room now."""

    nicks: list[str]
    count: Count
    why: str = ""


class Rename(Frame, frozen=True, tag="rename"):
    """A member changed its nickname."""

    old: str
    new: str


class Whispered(Frame, frozen=True, tag="whisper"):
    """A whisper to this client. ``time`` is Unix seconds."""

    from_: str = field(name="from")
    time: float
    text: str


class Ack(Frame, frozen=True, tag="ack"):
    """The message ``id`` is committed at the level of ``Welcome.durability``. ``seq`` is None if it is not stored.

    A ``duplicate`` has the seq and the time (Unix seconds) of the first one.
    """

    id: str
    time: float
    duplicate: bool
    seq: Count | None = None


class RosterRow(Struct, frozen=True, omit_defaults=True):
    """One member.

    Joined at ``since`` (Unix seconds), silent for ``idle`` seconds; ``key`` is the fingerprint of its proved key.
    """

    nick: str
    since: float
    idle: float
    key: str | None = None


class Roster(Frame, frozen=True, tag="roster"):
    """The members of the room, ``count`` of them, and how many only watch."""

    members: list[RosterRow]
    count: Count
    watchers: Count
    id: str | None = None
    """Of the question, in this and all other answers."""


class Identity(Frame, frozen=True, tag="whois"):
    """One member, as in ``RosterRow``. ``claimed``: since when (Unix seconds) the nickname is bound to its key.

    ``here`` is false for a bound name that nobody in the room has; ``since`` is as ``claimed`` then.
    """

    nick: str
    since: float
    idle: float
    key: str | None = None
    claimed: float | None = None
    here: bool = True
    id: str | None = None


class RoomRow(Struct, frozen=True, omit_defaults=True):
    """One room: how many members it has, and the number of its newest entry, 0 if nothing was said."""

    name: str
    members: Count
    last: Count
    topic: str = ""


class RoomList(Frame, frozen=True, tag="rooms"):
    """The rooms of the server, by name: how many are in each, and never who."""

    rooms: list[RoomRow]
    id: str | None = None


class Notice(Frame, frozen=True, tag="notice"):
    """What an operator did, for people. ``by`` is empty for the server's own operator. Never stored."""

    text: str
    time: float
    by: str = ""


class RoomNow(Frame, frozen=True, tag="room"):
    """The room's settings changed. All of them, as in ``Welcome``."""

    topic: str = ""
    slow: float = 0
    read_only: bool = False


class Done(Frame, frozen=True, tag="done"):
    """An ``admin`` was done. ``text`` is for people; ``rows`` is what a listing verb found."""

    verb: str
    text: str
    rows: list[dict[str, Any]] = []
    id: str | None = None


class LeaseState(Frame, frozen=True, tag="lease"):
    """The answer to a ``lease``: who has it now."""

    kind: LeaseKind
    name: str
    held: bool
    """By the holder that asked."""
    nick: str = ""
    """Whoever has it; empty if nobody does, or no name is known."""
    since: float | None = None
    """When it was taken (Unix seconds); None if nobody has it."""
    grace: float = LEASE_SECONDS
    """Seconds for which it is kept after the connection that holds it was lost."""
    open: list[str] = []
    """The questions that were open at the entry that was looked at."""
    by: list[str] = []
    """Who said that entry, as marks that mean nothing elsewhere: two entries with a mark in common are one owner's.
    Empty for one who brought neither token nor key, and for an entry whose author is not remembered."""
    own: bool = False
    """The owner of the lease said that entry."""
    why: str = ""
    """Why it was taken away from us. Only in a frame that nobody asked for: an operator did it."""
    closed: bool = False
    """It is a question that is over. ``nick`` and ``since`` are those of who had it; nobody can take it yet."""
    until: float | None = None
    """When it ends, unless its holder comes back (Unix seconds); None while a connection holds it."""
    id: str | None = None


class Page(Frame, frozen=True, tag="page"):
    """A part of the log. ``more``: it goes on in that direction."""

    entries: list[Msg]
    more: bool
    id: str | None = None


class Found(Frame, frozen=True, tag="found"):
    """The answer to a ``search``: what was found between where it began and ``before``. It may stop anywhere."""

    entries: list[Msg]
    """The newest first."""
    before: Count
    """Every entry from this one on was looked at."""
    more: bool
    """There are older entries to look at: ask again with ``before``."""
    time: float | None = None
    """Of the oldest entry that was looked at, in Unix seconds; None if there was none."""
    id: str | None = None


class Gap(Frame, frozen=True, tag="gap"):
    """Entries ``from`` to ``to`` can't be delivered to this client."""

    from_: Count = field(name="from")
    to: Count
    why: Literal["retention", "slow", "lost"]


class Error(Frame, frozen=True, tag="error"):
    """Something was not done. ``id`` is that of the frame it answers; ``retry_after`` is seconds."""

    code: str
    text: str
    id: str | None = None
    retry_after: float | None = None


LoginFrame = Challenge | Welcome
EventFrame = Msg | Redacted | Join | Leave | Rename | Whispered | Notice | RoomNow | Gap
AnswerFrame = Ack | Roster | Identity | RoomList | Done | LeaseState | Page | Found | Error
ServerFrame = LoginFrame | EventFrame | AnswerFrame | Ping | Pong | Bye

# --- frames as bytes

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)

_ARRAY, _OBJECT = b"[{"
_SHORT = 5 * MAX_DEPTH
"""Least bytes of JSON without arrays that is nested too deeply: {"":} around each level but one."""
_LEAST = len(b'{"type":"who","":}') + 2 * MAX_DEPTH
"""Least bytes of a frame that is nested too deeply, its text not counted."""


class NotJson(BadFrame):
    """A line that is not JSON: the stream can't go on."""


class UnknownType(BadFrame):
    """A frame of a type that this version does not have."""


def encode(frame: Struct) -> bytes:
    """Return a frame as one line: UTF-8 JSON and LF."""
    return _encoder.encode(frame) + b"\n"


def encode_run(frames: Sequence[Struct]) -> bytes:
    """Return frames as one line each: as ``encode`` of each, at a third of the cost."""
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
            if beside >= _LEAST and too_deep(line, _rows(frame)):
                raise BadFrame(TOO_DEEP)
        return frame

    return read


decode_client: Callable[[bytes], ClientFrame] = _reader(_client_decoder)
"""Decode one line of a client, without its LF.

Raises:
    NotJson: not UTF-8 or not JSON; the connection can't go on.
    UnknownType: JSON, but a type that this version does not have; the connection can.
    BadFrame: nested too deeply, or a frame with something wrong in it; the connection can.
"""

decode_server: Callable[[bytes], ServerFrame] = _reader(_server_decoder)
"""Decode one line of a server, without its LF. Raises as ``decode_client``."""


def decode_run(lines: Sequence[bytes]) -> list[ClientFrame] | None:
    """Decode many lines of a client. Return None if one of them is bad: ``decode_client`` tells which, and why.

    Each line is decoded by a call of its own: to msgspec's ``decode_lines`` a line break is a space like any other, and
    two lines that are no frames could make one.
    """
    try:
        joined = b"".join(lines)
        if not joined.isascii():
            b"\n".join(lines).decode()  # as in _reader
        frames = list(map(_client_decoder.decode, lines))
    except (ValueError, RecursionError):
        return None
    nested = _ARRAY in joined or _OBJECT in joined.replace(b"{", b"-", len(lines))
    return None if nested and too_deep(joined, len(frames)) else frames


def _rows(frame: object) -> int:
    """Return how many objects stand side by side in a frame: at most one of them is open at once."""
    match frame:
        case Roster(members=rows) | RoomList(rooms=rows) | Page(entries=rows) | Found(entries=rows) | Done(rows=rows):
            return len(rows)
        case _:
            return 1


def _refusal(line: bytes, error: Exception) -> BadFrame:
    if isinstance(error, UnicodeDecodeError):
        return NotJson(f"this line is not UTF-8: {error}")
    if too_deep(line):  # first: not every Python's decoder gets far enough to find another error
        return BadFrame(TOO_DEEP)
    if not isinstance(error, msgspec.ValidationError):
        return NotJson(f"this line is not JSON: {error}")
    try:
        msgspec.json.decode(line, type=msgspec.Raw)  # a wrong value may stand before the place where the JSON is broken
    except ValueError as wrong:
        return _refusal(line, wrong)
    kind = UnknownType if "$.type" in str(error) else BadFrame
    return kind(f"not a frame of this protocol: {error}")

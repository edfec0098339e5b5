"""Dialects: recognising one by the first bytes, parsing, rendering.

    json     one JSON object a line: chatctl itself and every program
    text     lines, the first one is the nickname: nc, telnet
    classic  unframed ASCII, each read is one message: the programs of the first version
    web      json in the frames of a WebSocket, on a port of its own: browsers

All pure functions. Does not live here: framing (common/framing.py, websocket_frames.py), the state of a connection
(session.py). Source: docs/protocol.md, "Dialects".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from chatctl import protocol
from chatctl.common.names import MAX_NICK_POINTS, check_nick
from chatctl.common.text import clean
from chatctl.core.websocket_frames import PING, text_frame
from chatctl.errors import BadFrame, NickInvalid
from chatctl.protocol import ClientFrame, Frame

SNIFF_SECONDS = 0.2
"""Seconds without an LF after which the first bytes are taken for the classic dialect."""

MAX_NAMES_A_LINE = 10
"""Joins or leaves of one tick that a text client is told by name."""


class Stranger(Enum):
    """A protocol that is none of ours; the value is its name in the log."""

    HTTP = "http"
    TLS = "tls"
    PROXY = "a PROXY header"

    @property
    def answer(self) -> bytes:
        """What its client is answered with before the connection is closed."""
        return _ANSWERS[self]


_ANSWERS = {
    Stranger.HTTP: b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"This is a chatctl chat room, not a web server. Talk to it with: chatctl join, or nc.\n"
    b"Browsers have a port of their own, if the server was started with --web.\n",
    # Not TLS on purpose: its client sees at once that this port has none, instead of a closed connection.
    Stranger.TLS: b"There is no TLS on this port.\n",
    Stranger.PROXY: b"! a PROXY header from an address that --proxied-from does not name\n",
}


def _no_run(_lines: Sequence[bytes]) -> None:
    return None


@dataclass(frozen=True, slots=True, eq=False)  # itself alone: it is a key wherever bytes are shared
class Dialect:
    """One dialect. All its connections share it; it holds no state."""

    name: str
    render: Callable[[Frame], bytes]
    """A server's frame as bytes; empty if the dialect has no form for it."""
    parse_hello: Callable[[bytes], ClientFrame | None]
    """The first line (or read): a frame, or None for nothing. Raises BadFrame."""
    parse: Callable[[bytes, Sequence[str]], ClientFrame | bytes | None]
    """A later line (or read), with the names of its author: a frame, bytes to answer with, or None for nothing. Raises
    BadFrame."""
    framed: bool = True
    asks_again: bool = False
    """After a refused nickname the client is asked for another one."""
    bends_names: bool = False
    """A nickname that can't be had is changed until it can (``bend_nick``)."""
    answers_pings: bool = False
    proves: bool = False
    """A password or a key can be proved in it."""
    resumes: bool = False
    """Its clients keep the epoch and number of what they were sent, and come back with them."""
    ping_seconds: float = float("inf")
    """Seconds of silence after which its clients are pinged, if the limit is not less."""
    parse_run: Callable[[Sequence[bytes]], Sequence[ClientFrame] | None] = _no_run
    """Many lines at once, with the result of ``parse`` on each; None if the dialect can't, or a line is bad."""
    render_in_bulk: Callable[[Sequence[Frame]], bytes] | None = None
    """Many frames at once, with the bytes of ``render`` on each. None if that is no faster."""

    def render_run(self, frames: Sequence[Frame]) -> bytes:
        """Return frames as bytes, one after the other."""
        if self.render_in_bulk is not None:
            return self.render_in_bulk(frames)
        return b"".join(map(self.render, frames))


def recognise(first: bytes, *, waited: bool) -> Dialect | Stranger | None:
    """Return the dialect that a connection's first bytes are in, or None while they do not decide it.

    Args:
        first: all bytes so far, at least one.
        waited: SNIFF_SECONDS have passed since the first of them.
    """
    if first.startswith(b"{"):
        return JSON
    if first.startswith(b"\x16\x03"):
        return Stranger.TLS
    if _HTTP.match(first):
        return Stranger.HTTP
    if _PROXY.match(first):
        return Stranger.PROXY
    if _PROXY_V2.startswith(first) and not waited:
        return None  # its first bytes are line ends: "QUIT" behind them is no nickname
    if b"\n" in first:
        return TEXT
    return CLASSIC if waited else None


_PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY = re.compile(rb"PROXY (TCP|UNKNOWN)|" + re.escape(_PROXY_V2))
_HTTP = re.compile(rb"(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) ")


# --- json


def _parse_json(line: bytes, _names: Sequence[str] = ()) -> ClientFrame | None:
    if not line.strip():
        return None
    return protocol.decode_client(line)


# --- text


HELP = b"""\
/nick NAME      change your nickname to NAME
/me TEXT        say what you are doing
/msg NICK TEXT  send a message to NICK only
/who            who is here
/whois NICK     which key NICK has proved
/rooms          list the rooms
/quit           leave (//TEXT sends a line that starts with a slash)
"""


def _parse_text_hello(line: bytes) -> ClientFrame:
    return protocol.Hello(v=protocol.VERSION, nick=_decode(line).strip())


def _parse_text(line: bytes, _names: Sequence[str]) -> ClientFrame | bytes | None:
    text = _decode(line)
    if not text.strip():
        return None
    if text.startswith("/") and not text.startswith("//"):
        return _parse_command(text)
    return protocol.Say(text.removeprefix("/"))


def _parse_command(text: str) -> ClientFrame | bytes:
    verb, _, rest = text.rstrip().partition(" ")
    match verb:
        case "/nick" if rest:
            return protocol.Nick(rest.strip())
        case "/me" if rest:
            return protocol.Say(rest, action=True)
        case "/msg" if " " in rest.strip():
            to, _, what = rest.strip().partition(" ")
            return protocol.Whisper(to, what)
        case "/who":
            return protocol.Who()
        case "/rooms":
            return protocol.Rooms()
        case "/whois" if rest:
            return protocol.Whois(rest.strip())
        case "/quit":
            return protocol.Bye()
        case "/help":
            return HELP
    return f"! {clean(verb)} is not a command, or lacks something: /help lists them\n".encode()


def _decode(line: bytes) -> str:
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        raise BadFrame(f"this line is not UTF-8: {error}") from None


def render_text(frame: Frame) -> bytes:
    """Return a frame as lines of text, as the first version showed it, cleaned of what acts on a terminal."""
    return _as_text(frame).encode("utf-8", "replace")


def _as_text(frame: Frame) -> str:
    match frame:
        case protocol.Msg():
            return _say_lines(frame)
        case protocol.Join(nicks=nicks):
            return _each(nicks, "joined!")
        case protocol.Leave(nicks=nicks):
            return _each(nicks, "left!")
        case protocol.Welcome():
            return "Connected to server!\n"
        case protocol.Rename(old=old, new=new):
            return f"{clean(old)} is now {clean(new)}\n"
        case protocol.Whispered():
            return "".join(f"{clean(frame.from_)} (privately): {line}\n" for line in _lines(frame.text))
        case protocol.Roster():
            return f"{frame.count} here: {', '.join(clean(row.nick) for row in frame.members)}\n"
        case protocol.Identity():
            bound = ", bound to it" if frame.claimed is not None else ""
            return f"{clean(frame.nick)}: {frame.key or 'no key'}{bound}\n"
        case protocol.RoomList(rooms=rooms):
            return "".join(f"{row.name}: {row.members} here{_topic(row.topic)}\n" for row in rooms)
        case protocol.Notice(text=text) | protocol.Error(text=text):
            return f"! {clean(text)}\n"
        case protocol.Page(entries=entries):
            return "".join(_say_lines(entry) for entry in entries)
        case protocol.Gap(why="lost"):  # of its end: who speaks text never comes back with a cursor
            count = frame.to - frame.from_ + 1
            return f"(the last {count} messages were lost)\n" if count > 1 else "(the last message was lost)\n"
        case protocol.Gap():
            return f"({frame.to - frame.from_ + 1} messages can't be shown: {frame.why})\n"
        case protocol.Bye(why=why):
            return f"Goodbye! ({clean(why)})\n" if why else "Goodbye!\n"
    return ""


def _topic(topic: str) -> str:
    return f", {clean(topic)}" if topic else ""


def _say_lines(entry: protocol.Msg) -> str:
    """Put the name before each line: the second line of a message could look like one of somebody else's."""
    if entry.redacted:
        return "(redacted)\n"
    nick = clean(entry.nick)
    start = f"* {nick} " if entry.action else f"{nick}: "
    return "".join(f"{start}{line}\n" for line in _lines(entry.text))


def _lines(text: str) -> list[str]:
    return clean(text, lines=True).split("\n")


def _each(nicks: Sequence[str], did: str) -> str:
    named = [f"{clean(nick)} {did}\n" for nick in nicks[:MAX_NAMES_A_LINE]]
    left_out = len(nicks) - len(named)
    return "".join(named) + (f"({left_out} more {did})\n" if left_out else "")


# --- classic


def _parse_classic_hello(data: bytes) -> ClientFrame:
    return protocol.Hello(v=protocol.VERSION, nick=data.decode("utf-8", "replace").strip())


def _parse_classic(data: bytes, names: Sequence[str]) -> ClientFrame | None:
    """Take one read for one message. Its author put his own name before it: remove that."""
    text = data.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    for name in names:
        if text.startswith(f"{name}:"):
            text = text[len(name) + 1 :].removeprefix(" ")
            break
    return protocol.Say(text) if text.strip() else None


def render_classic(frame: Frame) -> bytes:
    """Return a frame as ASCII text: a client of the first version dies of any byte over 127."""
    return _as_text(frame).encode("ascii", "replace")


BENDS = 8
"""Numbered names that are tried for a nickname that can't be had: each is a look-up, and others may have them all."""


def bend_nick(asked: str, spare: Sequence[str], most: int = MAX_NICK_POINTS) -> Iterator[str]:
    """Yield valid nicknames, the nearest to ``asked`` first: itself, ``Rajat_2`` to ``Rajat_9``, ``Rajat_SPARE``.

    Where there is no place for more it is the numbers alone.

    Args:
        asked: by the client.
        spare: random digits: nobody can have taken those names in advance.
        most: characters of a nickname here.
    """
    name = _nearest_nick(asked, most)
    yield name
    for number in (*map(str, range(2, 2 + BENDS)), *spare):
        suffix = f"_{number}" if most > len(number) + 1 else number[:most]
        yield name[: most - len(suffix)] + suffix


def _nearest_nick(asked: str, most: int) -> str:
    try:
        return check_nick(asked[:most].encode("ascii", "replace").decode())
    except NickInvalid:
        bent = re.sub(r"[^A-Za-z0-9_]+", "_", asked)[:most].strip("_")
        return bent or "guest"[:most]


# --- web

WEB_PING_SECONDS = 25.0
"""Proxies close a connection on which nothing came for a minute, nginx among them."""


def _render_web(frame: Frame) -> bytes:
    """Put a line, without its LF, into a frame. A ping is a frame of its own kind: no script has to answer it."""
    return PING if isinstance(frame, protocol.Ping) else text_frame(protocol.encode(frame)[:-1])


def _render_web_run(frames: Sequence[Frame]) -> bytes:
    return text_frame(protocol.encode_run(frames)[:-1])


JSON = Dialect(
    "json",
    protocol.encode,
    _parse_json,
    _parse_json,
    answers_pings=True,
    proves=True,
    resumes=True,
    parse_run=protocol.decode_run,
    render_in_bulk=protocol.encode_run,
)
TEXT = Dialect("text", render_text, _parse_text_hello, _parse_text, asks_again=True)
CLASSIC = Dialect("classic", render_classic, _parse_classic_hello, _parse_classic, framed=False, bends_names=True)
WEB = Dialect(
    "web",
    _render_web,
    _parse_json,
    _parse_json,
    answers_pings=True,
    proves=True,
    resumes=True,
    ping_seconds=WEB_PING_SECONDS,
    parse_run=protocol.decode_run,
    render_in_bulk=_render_web_run,
)
DIALECTS = (JSON, TEXT, CLASSIC, WEB)

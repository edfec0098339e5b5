"""What must hold for any bytes at all: one function for each target. An exception that leaves one is a finding.

``run.py`` gives them to atheris; ``test_corpus.py`` gives them the corpus, and some thousand mutations of it, in plain
Python.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable

from chatctl import protocol
from chatctl.client.core.connection import ClientConnection
from chatctl.common.framing import Framer
from chatctl.common.names import fold_nick
from chatctl.common.text import FORBIDDEN, MAX_MARKS, clean, clean_bytes, escape_json
from chatctl.core.dialects import CLASSIC, TEXT, WEB
from chatctl.core.effects import Effect, Hangup, Says
from chatctl.core.limits import ServerLimits
from chatctl.core.session import Session
from chatctl.errors import BadFrame, ChatError, NickInvalid, TooLong
from chatctl.protocol import Hello
from chatctl.server.web.http_error import HttpError
from chatctl.server.web.origins import Origins
from chatctl.server.web.request_reader import Head, RequestReader
from chatctl.server.web.responses import error_response
from chatctl.server.web.routes import SocketRequest, route
from chatctl.server.web.websocket import WebSocket, handshake

Target = Callable[[bytes], None]

LIMITS = ServerLimits(line=96, text=64, hello_bytes=128, rate=0)
"""Small, so that short inputs go over them."""

_ACTS = re.compile(f"[{FORBIDDEN}]")


def cut(data: bytes) -> tuple[bytes, list[bytes]]:
    """Take an input apart: its first byte says where the rest is cut, once, or into single bytes."""
    at, wire = data[0], data[1:]
    if at == 0xFF:
        return wire, [wire[at : at + 1] for at in range(len(wire))]
    return wire, [piece for piece in (wire[:at], wire[at:]) if piece]


# --- frames


def frames(data: bytes) -> None:
    """A line is a frame or a BadFrame on both ends; a frame survives its own encoding; cuts move no line."""
    if not data:
        return
    wire, pieces = cut(data)
    lines = _lines([wire])
    assert _lines(pieces) == lines
    for line in wire.split(b"\n"):
        _round_trip(line, protocol.decode_client)
        _round_trip(line, protocol.decode_server)
    run = protocol.decode_run(wire.split(b"\n"))
    assert run is None or run == [protocol.decode_client(line) for line in wire.split(b"\n")]


def _lines(pieces: Iterable[bytes]) -> tuple[list[bytes], bool]:
    framer, lines = Framer(40), list[bytes]()
    for piece in pieces:
        try:
            lines.extend(framer.feed(piece))
        except TooLong:
            return lines, True
    return lines, False


def _round_trip(line: bytes, decode: Callable[[bytes], protocol.Frame]) -> None:
    try:
        frame = decode(line)
    except BadFrame:
        return
    wire = protocol.encode(frame)
    assert wire.endswith(b"\n")
    assert wire.count(b"\n") == 1
    assert decode(wire[:-1]) == frame
    assert WEB.render(frame).endswith(b"" if isinstance(frame, protocol.Ping) else wire[:-1])
    for dialect in (TEXT, CLASSIC):
        shown = dialect.render(frame)
        assert not _ACTS.search(shown.decode().replace("\n", ""))
        assert dialect is TEXT or shown.isascii()


# --- sessions: which dialect it is, and all that follows


def session(data: bytes) -> None:
    """Any first bytes lead to a dialect, a stranger's answer or a deadline; cuts of framed lines change nothing."""
    if not data:
        return
    wire, pieces = cut(data)
    if data[0] % 4 == 1:
        _converse(pieces, wait=0.25)  # each read alone: the first version's programs
        return
    whole, effects = _converse([wire])
    cut_up, same = _converse(pieces)
    if whole.dialect.framed and cut_up.dialect.framed:
        assert same == effects


def _converse(pieces: Iterable[bytes], wait: float = 0.0) -> tuple[Session, list[object]]:
    now = 0.0
    talk, done = Session(LIMITS, now), list[object]()
    for piece in pieces:
        talk.receive(piece, now)
        _drain(talk, now, done)
        now += wait
    talk.end(now)
    _drain(talk, now, done)
    _drain(talk, now + LIMITS.hello_seconds, done)
    assert isinstance(done[-1], Hangup), "an ended conversation has an end"
    assert sum(isinstance(one, Hangup) for one in done) == 1
    return talk, done


def _drain(talk: Session, now: float, done: list[object]) -> None:
    while (effect := talk.step(now)) is not None:
        _answer(talk, effect)
        done.extend(effect.says if isinstance(effect, Says) else [effect])


def _answer(talk: Session, effect: Effect) -> None:
    if isinstance(effect, Hello) and effect.key is not None:
        talk.await_proof()
    elif isinstance(effect, Hello | protocol.Proof):
        try:
            talk.accept(fold_nick(talk.asked))
        except ChatError as error:
            talk.refuse_retryable(error)


# --- the cleaner


def cleaner(data: bytes) -> None:
    """Nothing of what was cleaned acts on a terminal, whatever it was; cleaning twice changes nothing more."""
    _clean(_text(data))
    assert not _ACTS.search(clean_bytes(data))
    assert "\n" not in clean_bytes(data)


def _text(data: bytes) -> str:
    """UTF-8, or behind a first NUL code points in UTF-16: with lone surrogates, which JSON's escapes can bring."""
    if data.startswith(b"\0"):
        return data[1 : 1 + (len(data) - 1) // 2 * 2].decode("utf-16-be", "surrogatepass")
    return data.decode("utf-8", "replace")


def _clean(text: str) -> None:
    once = clean(text)
    assert not _ACTS.search(once)
    assert "\n" not in once
    assert clean(once) == once
    several = clean(text, lines=True)
    assert not _ACTS.search(several.replace("\n", ""))
    assert several.count("\n") == text.count("\n")
    assert not _ACTS.search(escape_json(text).replace("\n", ""))
    if not once.isascii():
        assert not _ZALGO.search(once)
    with contextlib.suppress(NickInvalid):
        name = fold_nick(text[:40])
        assert clean(name) == name
        assert fold_nick(name) == name


_ZALGO = re.compile(f"[\u0300-\u036f]{{{MAX_MARKS + 1}}}")


# --- the client's end


def client(data: bytes) -> None:
    """Any server's bytes are frames or an error of ours, and cuts change neither."""
    if not data:
        return
    wire, pieces = cut(data)
    first = b"" if data[0] % 4 == 1 else b"NAME"
    end = b"" if wire.endswith(b"\n") else b"\n"
    whole = _listen([first + wire + end])
    assert _listen([first, *pieces, end]) == whole


def _listen(pieces: Iterable[bytes]) -> tuple[list[object], type[ChatError] | None, bytes]:
    core, heard, sent = ClientConnection(Hello(v=1, nick="nadia"), "a server"), list[object](), b""
    for piece in pieces:
        try:
            heard.extend(core.receive(piece))
        except ChatError as error:
            return heard, type(error), sent + core.outgoing()
        sent += core.outgoing()
    return heard, None, sent


# --- the port for browsers


def requests(data: bytes) -> None:
    """Any bytes are a request or a refusal with a status of ours; cuts change neither."""
    if not data:
        return
    wire, pieces = cut(data)
    assert _request(pieces) == _request([wire])


def _request(pieces: Iterable[bytes]) -> object:
    reader, head, body = RequestReader(LIMITS.hello_bytes), None, None
    try:
        for piece in pieces:
            if head is None:
                head = reader.head(piece)
                body = reader.body(b"", LIMITS.text) if head is not None else None
            elif body is None:
                body = reader.body(piece, LIMITS.text)
        return (_asked(head), body) if head is not None else None
    except HttpError as error:
        return error_response(error).splitlines()[0]


def _asked(head: Head) -> object:
    ORIGINS.check_host(head.get("host"), "http")
    ORIGINS.check_origin(head.get("origin"), head.get("host") or "", "http", required=False)
    asked = route(head)
    return handshake(head)[:12] if isinstance(asked, SocketRequest) else asked


ORIGINS = Origins(["chat.lan"], ["https://chat.example.org"])


def browser(data: bytes) -> None:
    """Any bytes of a browser are lines, then perhaps a reason why there are no more; cuts change neither."""
    if not data:
        return
    wire, pieces = cut(data)
    assert _heard(pieces) == _heard([wire])


def _heard(pieces: Iterable[bytes]) -> object:
    socket, lines = WebSocket(LIMITS.line), b""
    for piece in pieces:
        lines += socket.feed(piece)
        socket.answers()
    assert not lines or lines.endswith(b"\n")
    lines.decode()
    failed = type(socket.failed) if socket.failed is not None else None
    last = socket.close()
    assert last[0] == CLOSE_FRAME
    return lines, failed, socket.closed, last


CLOSE_FRAME = 0x88

TARGETS: dict[str, Target] = {
    "frames": frames,
    "session": session,
    "cleaner": cleaner,
    "client": client,
    "requests": requests,
    "browser": browser,
}

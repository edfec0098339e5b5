"""What others say can't act on the terminal, in any field, whatever server it comes through; and it is shown."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.support.naughty import NAUGHTY
from tests.support.stub import Stub
from tests.support.wire import Wire
from tests.system.terminal.emulator import SHOWN_CURSOR
from tests.system.terminal.term import Start, Term

EVIL = "\x1b]0;owned\x07\x9d0;owned\x9c\x1b[2J\x1b[?25l\x9b5A\r\b\x7f\x1b[31m\u202egnihtemos"
SHOWN = "␛]0;owned␇<U+009D>0;owned<U+009C>␛[2J␛[?25l<U+009B>5A␍␈␡␛[31m<U+202E>gnihtemos"


def assert_untouched(term: Term) -> None:
    """Title, cursor and modes are the person's own."""
    assert term.screen.title == ""
    assert SHOWN_CURSOR in term.screen.mode
    assert not term.screen.cursor.hidden
    assert b"\x1b]0;" not in term.raw
    assert not re.search("[\x80-\x9f]", term.raw.decode("utf-8", "replace"))


def test_text_and_whispers(join: Start, other: Callable[..., Wire]) -> None:
    omar, term = other(), join(columns=160)
    omar.say(EVIL)
    omar.say(EVIL, action=True)
    omar.say_frame(type="whisper", to="nadia", text=EVIL)
    term.wait_for(f"omar: {SHOWN}", f"* omar {SHOWN}", f"(privately): {SHOWN}")
    term.keys("still typing")
    term.wait_input("still typing")
    assert_untouched(term)


def test_a_heap_of_marks_stays_in_its_line(join: Start, other: Callable[..., Wire]) -> None:
    omar, term = other(), join()
    omar.say("Z" + "\u0301" * 100)
    term.wait_for("<+96 marks>")
    assert "\u0301" * 5 not in "".join(term.lines())


def test_no_naughty_string_acts(join: Start, other: Callable[..., Wire]) -> None:
    """Nothing that the terminal keeps is changed, and no string goes to its clipboard or its colours."""
    omar, term = other(), join(columns=160)
    before = (term.screen.tabstops.copy(), term.screen.charset, term.screen.margins)
    for text in NAUGHTY.values():
        if text.strip():
            omar.say(text)
            omar.say_frame(type="whisper", to="nadia", text=text)
    omar.say("that was all")
    term.wait_for("omar: that was all")
    term.keys("still typing")
    term.wait_input("still typing")
    assert_untouched(term)
    assert (term.screen.tabstops, term.screen.charset, term.screen.margins) == before
    assert not re.search(rb"\x1b[\]P_^X]|\xc2[\x80-\x9f]", term.raw)
    assert term.screen.icon_name == ""
    assert not term.screen.cursor.attrs.bold
    assert term.screen.cursor.attrs.fg == "default"


LIMITS = {
    "line": 16384, "text": 4096, "nick": 32, "nick_bytes": 64, "id": 128, "hello_seconds": 10, "hello_bytes": 8192,
    "ping_seconds": 60, "stall_seconds": 30, "rate": 10, "burst": 30, "bytes_per_second": 65536, "clients": 100,
    "per_address": 64, "out_buffer": 65536, "ring_entries": 100, "ring_bytes": 65536, "backlog": 100, "page": 100,
}  # fmt: skip
ROGUE = (
    {"type": "msg", "seq": 1, "time": 1e300, "nick": EVIL, "text": "from a strange time"},
    {"type": "join", "nicks": [EVIL + "1"], "count": 2},
    {"type": "rename", "old": EVIL + "1", "new": EVIL + "2"},
    {"type": "leave", "nicks": [EVIL + "2"], "count": 1, "why": EVIL},
    {"type": "whisper", "from": EVIL, "time": -1e300, "text": EVIL},
    {"type": "roster", "members": [{"nick": EVIL, "since": 0, "idle": 1e300}], "count": 1, "watchers": 9},
    {"type": "error", "code": EVIL, "text": EVIL},
    {"type": "ack", "id": "nobody's", "time": 1e300, "duplicate": False},
    {"type": "pong", "t": EVIL},
    {"type": "of a later version"},
    {"type": "gap", "from": 3, "to": 2, "why": "slow"},
    {"type": "page", "entries": [{"seq": 1, "time": 0, "nick": EVIL, "text": EVIL}], "more": True},
    {"type": "msg", "seq": 9, "time": 0, "nick": "end", "text": "nadia, that was all"},
)


def rogue(client: socket.socket) -> None:
    """A server that says whatever it likes."""
    client.sendall(b"NAME")
    client.recv(4096)
    welcome = {"type": "welcome", "v": 1, "server": EVIL, "room": EVIL, "nick": "nadia", "epoch": EVIL, "first": 1}
    welcome |= {"last": 0, "members": [EVIL], "count": 1, "watchers": 0, "durability": EVIL, "limits": LIMITS}
    for frame in (welcome, *ROGUE):
        client.sendall(json.dumps(frame).encode() + b"\n")
    client.settimeout(None)
    with contextlib.suppress(OSError):
        while client.recv(4096):
            pass


@pytest.fixture
def rogue_port() -> Iterator[int]:
    stub = Stub(rogue)
    yield stub.port
    stub.close()


def test_a_rogue_server(join: Start, rogue_port: int) -> None:
    """Frames of no sense, in every field: cleaned, shown, and the program lives."""
    term = join(port=rogue_port, columns=160)
    term.wait_for("nadia, that was all", "from a strange time", "joined", "is now", "left", "(privately)", "9 watching")
    term.keys("/status\r\t")
    term.wait_for(f"durability: {SHOWN}")
    assert sum(SHOWN[:30] in line for line in term.lines()) >= 8
    assert_untouched(term)
    assert term.child.poll() is None


def test_what_a_strange_server_says_when_it_refuses(join: Start) -> None:
    """The error's text is cleaned, too."""
    refusal = json.dumps({"type": "error", "code": "room_full", "text": EVIL}).encode() + b"\n"

    def refuse(client: socket.socket) -> None:
        client.sendall(b"NAME")
        client.recv(4096)
        client.sendall(refusal)

    stub = Stub(refuse)
    term = join(port=stub.port, ready=False, columns=160)
    assert term.wait_end() == 6
    stub.close()
    assert term.lines() == [f"chatctl: {SHOWN}"]
    assert_untouched(term)

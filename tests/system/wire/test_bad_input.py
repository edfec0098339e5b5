"""Every shape of bad input gets a defined answer, and the room goes on."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.fixture_types import Serve
from tests.support.server_process import Server
from tests.support.wire import Wire

HELLO = b'{"type":"hello","v":1,"nick":"bad"}\n'
SECONDS = 1.0
"""A room that needs so much longer to say a message was slowed down."""
BUSY = 20
"""So many times as long as at first a message may take by itself: others may use this machine, too."""


class Chatter:
    """A well-behaved member."""

    def __init__(self, wire: Wire) -> None:
        """Say something while nothing is wrong: as long as that takes, a message takes on this machine now."""
        self.wire = wire
        self.usual = max(self._seconds_of(f"hello {number}") for number in range(3))

    def _seconds_of(self, text: str) -> float:
        started = time.monotonic()
        assert self.wire.say(text).texts(last=text)[-1] == text
        return time.monotonic() - started

    def goes_on(self, text: str) -> None:
        """What it says still comes back, at once."""
        assert self._seconds_of(text) < SECONDS + BUSY * self.usual


def frames(data: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def member(house: Server, room: str) -> Chatter:
    """Somebody who chats in the meantime."""
    return Chatter(house.member("good", room))


# What follows a hello; the code of the error; whether the connection lives on.
AFTER_HELLO = [
    pytest.param(b'{"type":"say","text":"\xff\xfe"}', "bad_frame", False, id="no-utf-8"),
    pytest.param(b'{"type":"say","text":"\xed\xa0\x80"}', "bad_frame", False, id="surrogate-in-utf-8"),
    pytest.param(b'{"type":"say","text":"x","z":"\xff"}', "bad_frame", False, id="no-utf-8-in-an-unknown-field"),
    pytest.param(b"hello?", "bad_frame", False, id="no-json"),
    pytest.param(b'{"type":"say","text":"x"', "bad_frame", False, id="half-json"),
    pytest.param(b"[" * 5000 + b"]" * 5000, "bad_frame", True, id="nested-brackets"),
    pytest.param(b'{"type":"say","text":"x","z":' + b"[" * 5000 + b"]" * 5000 + b"}", "bad_frame", True, id="nested"),
    pytest.param(b'{"type":"say","text":NaN}', "bad_frame", False, id="nan"),
    pytest.param(b'{"type":"ping","t":NaN}', "bad_frame", False, id="nan-number"),
    pytest.param(b'{"type":"say","text":"\\ud800"}', "bad_frame", False, id="lone-surrogate"),
    pytest.param(b"x" * 16385, "too_long", False, id="line-over-the-limit"),
    pytest.param(b"x" * 1_000_000, "too_long", False, id="a-megabyte-without-a-newline"),
    pytest.param(b"[]", "bad_frame", True, id="an-array"),
    pytest.param(b'"say"', "bad_frame", True, id="a-string"),
    pytest.param(b"{}", "bad_frame", True, id="no-type"),
    pytest.param(b'{"type":7}', "bad_frame", True, id="type-of-the-wrong-type"),
    pytest.param(b'{"type":"dance"}', "bad_frame", True, id="unknown-type"),
    pytest.param(b'{"type":"say"}', "bad_frame", True, id="no-text"),
    pytest.param(b'{"type":"say","text":["x"]}', "bad_frame", True, id="text-of-the-wrong-type"),
    pytest.param(b'{"type":"say","text":""}', "bad_frame", True, id="empty-text"),
    pytest.param(b'{"type":"say","text":"x","id":""}', "bad_frame", True, id="empty-id"),
    pytest.param(b'{"type":"say","text":"x","id":"' + b"i" * 129 + b'"}', "bad_frame", True, id="long-id"),
    pytest.param(b'{"type":"history","after":9007199254740992,"limit":1}', "bad_frame", True, id="int-past-2-53"),
    pytest.param(b'{"type":"history","after":-1,"limit":1}', "bad_frame", True, id="negative"),
    pytest.param(b'{"type":"history","after":1e999,"limit":1}', "bad_frame", True, id="infinite"),
    pytest.param(b'{"type":"history","limit":1}', "bad_frame", True, id="neither-after-nor-before"),
    pytest.param(b'{"type":"history","after":1,"before":2,"limit":1}', "bad_frame", True, id="after-and-before"),
    pytest.param(b'{"type":"say","text":"' + b"x" * 4097 + b'"}', "too_long", True, id="text-over-the-limit"),
    pytest.param(HELLO.rstrip(), "bad_frame", True, id="a-second-hello"),
    pytest.param(b'{"type":"nick","nick":""}', "nick_invalid", True, id="empty-nick"),
    pytest.param(b'{"type":"nick","nick":"\\u001b[2J\\u202e"}', "nick_invalid", True, id="nick-of-controls"),
    pytest.param(b'{"type":"nick","nick":"good"}', "nick_taken", True, id="nick-taken"),
    pytest.param(b'{"type":"whisper","to":"nobody","text":"x"}', "no_such_nick", True, id="whisper-to-nobody"),
    pytest.param(b'{"type":"whisper","to":"","text":"x"}', "nick_invalid", True, id="whisper-to-no-name"),
]


@pytest.mark.parametrize(("line", "code", "lives"), AFTER_HELLO)
def test_after_hello(house: Server, room: str, member: Chatter, line: bytes, code: str, lives: bool) -> None:
    with house.member("bad", room) as bad:
        bad.push(line + b"\n")
        assert bad.frame("error")["code"] == code
        if lives:
            bad.say("still here")
            assert bad.frame("msg")["text"] == "still here"
        else:
            bad.push(b'{"type":"say","text":"too late"}\n')
            assert all(frame["type"] != "msg" for frame in frames(bad.rest()))
        member.goes_on("and so are we")


# The first bytes of a connection; what is answered; always the end of it, or a wait for a better hello.
FIRST = [
    pytest.param(b'{"type":"hello"}\n', b'"code":"bad_frame"', id="no-version"),
    pytest.param(b'{"type":"hello","v":1,"nick":7}\n', b'"code":"bad_frame"', id="nick-of-the-wrong-type"),
    pytest.param(b'{"type":"hello","v":1,"nick":"x","token":"abc"}\n', b'"code":"bad_frame"', id="bad-token"),
    pytest.param(b'{"type":"hello","v":1,"nick":"x","mode":"rule"}\n', b'"code":"bad_frame"', id="bad-mode"),
    pytest.param(b'{"type":"say","text":"x"}\n', b'"code":"not_joined"', id="say-before-hello"),
    pytest.param(b'{"type":"who"}\n', b'"code":"not_joined"', id="who-before-hello"),
]


@pytest.mark.parametrize(("data", "answer"), FIRST)
def test_before_hello_and_then_a_good_one(house: Server, member: Chatter, data: bytes, answer: bytes) -> None:
    """What is wrong with one frame can be put right with the next."""
    with house.wire() as wire:
        wire.send(data)
        assert answer in wire.until(b"\n")
        wire.enter(f"late{id(data)}", member.wire.welcome["room"])
        member.goes_on("on we go")


LAST = [
    pytest.param(b'{"type":"hello","v":2,"nick":"x"}\n', b'"code":"version"', id="another-version"),
    pytest.param(b'{"type":"hello","v":1,"nick":""}\n', b'"code":"nick_invalid"', id="empty-nick"),
    pytest.param(b'{"type":"hello","v":1,"nick":"\\u001b[2J"}\n', b'"code":"nick_invalid"', id="nick-of-esc"),
    pytest.param(b'{"type":"hello","v":1,"nick":"\\u202eevil"}\n', b'"code":"nick_invalid"', id="nick-of-bidi"),
    pytest.param(b'{"type":"hello","v":1,"nick":"x","room":"../etc"}\n', b'"code":"room_invalid"', id="bad-room"),
    pytest.param(b'{"type":"hello","v":1,"nick":"' + b"x" * 8192 + b'"}\n', b'"code":"too_long"', id="hello-too-long"),
    pytest.param(b"{" + b"x" * 1_000_000, b'"code":"too_long"', id="a-megabyte"),
    pytest.param(b"{nonsense}\n", b'"code":"bad_frame"', id="no-json"),
    pytest.param(b"POST /room HTTP/1.1\r\nHost: x\r\n\r\n{}", b"HTTP/1.1 400 Bad Request", id="http-post"),
    pytest.param(b"GET / HTTP/1.0\r\n\r\n", b"not a web server", id="http-get"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"There is no TLS on this port.", id="tls"),
    pytest.param(b"\x00" * 100_000, b'"code":"too_long"', id="zeros"),
]


@pytest.mark.parametrize(("data", "answer"), LAST)
def test_before_hello_and_closed(house: Server, member: Chatter, data: bytes, answer: bytes) -> None:
    with house.wire() as wire:
        wire.push(data)
        assert answer in wire.rest()
        member.goes_on("on we go")


@pytest.mark.parametrize("nick", [b"", b"   ", b"\x1b[2J\x07", "\u202eevil".encode(), b"\xff\xfe", b"x" * 33])
def test_a_text_client_is_asked_for_a_better_name(house: Server, member: Chatter, nick: bytes) -> None:
    with house.wire() as wire:
        answer = wire.send(nick + b"\n").until(b"NAME\n")
        assert answer.startswith(b"! ")
        assert b"\x1b" not in answer
        wire.send(b"/quit\n")
        member.goes_on("on we go")


def test_a_text_line_that_is_no_utf_8(house: Server, member: Chatter) -> None:
    """Told, and the connection lives: a person sits there."""
    with house.wire() as wire:
        wire.send(b"latin\n").until(b"Connected to server!\n")
        wire.send(b"caf\xe9\nafter\n")
        assert "! this line is not UTF-8" in wire.lines_until("! ")[-1]
        assert wire.lines_until("latin: ")[-1] == "latin: after"
        member.goes_on("on we go")


def test_who_two_thousand_times_without_reading(serve: Serve) -> None:
    """The answers wait, then the questions wait: nothing grows without bound, and every one is answered in the end."""
    server = serve("--rate", "off")
    crowd = [server.member(f"a-member-with-a-long-name-{number}") for number in range(20)]
    member = Chatter(crowd[0])
    asker = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted().enter("asker")
    talker = Chatter(asker)
    asker.send(b'{"type":"who"}\n' * 2000)
    member.goes_on("on we go")
    for _ in range(2000):
        assert asker.frame("roster")["count"] == 21
    talker.goes_on("and I can speak")


def test_two_thousand_who_at_the_usual_rate(serve: Serve) -> None:
    """What comes too fast is read later, and costs nobody anything; who leaves does not wait for it."""
    server = serve()
    member = Chatter(server.member("good"))
    with server.member("asker") as asker:
        asker.send(b'{"type":"who"}\n' * 2000)
        for _ in range(30):
            asker.frame("roster")
        member.goes_on("on we go")
    assert member.wire.frame("leave")["nicks"] == ["asker"]


def test_over_the_rate_is_delayed_not_dropped(serve: Serve) -> None:
    """The flood limiter must not eat a pasted text."""
    server = serve("--rate", "50:5")
    busy = BUSY * Chatter(server.member("omar")).usual
    with server.member("nadia") as wire:
        lines = [f"line {number}" for number in range(30)]
        started = time.monotonic()
        wire.send(b"".join(json.dumps({"type": "say", "text": line}).encode() + b"\n" for line in lines))
        assert wire.texts(last=lines[-1]) == lines
        assert 0.4 < time.monotonic() - started < 5 + busy


def test_garbage_of_every_kind_at_once(house: Server, room: str, member: Chatter) -> None:
    """A crowd of broken clients does not slow the others noticeably."""
    kinds = [param.values[0] for param in (*FIRST, *LAST)]
    crowd = [house.wire() for _ in range(3) for _ in kinds]
    for wire, data in zip(crowd, kinds * 3, strict=True):
        wire.send(bytes(data)[:5000])  # type: ignore[arg-type]
    for number in range(5):
        member.goes_on(f"on we go {number}")

"""Who is here: announced when they come, announced once when they go, however they go."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support.environment import DEADLINE
from tests.support.processes import kill
from tests.support.server_process import Server
from tests.support.wire import Frame, Wire

TOKEN = "0123456789abcdef" * 2

MEMBER = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.sendall(b'{"type":"hello","v":1,"nick":"gone","room":"%s"}\\n' % sys.argv[2].encode())
print(len(sock.recv(4)), flush=True)
sys.stdin.read()
"""


def frames_until(wire: Wire, text: str) -> Iterator[Frame]:
    """Yield all frames before the message that says ``text``."""
    while (frame := wire.next_frame()).get("text") != text:
        yield frame


@pytest.mark.parametrize("how", ["close", "reset", "end", "bye"])
def test_left_is_told_once(house: Server, room: str, how: str) -> None:
    with house.member("nadia", room) as wire:
        gone = house.member("gone", room)
        wire.frame("join")
        gone.say("last words")
        gone.frame("msg")
        if how == "bye":
            gone.say_frame(type="bye")
        else:
            getattr(gone, how)()
        leave = wire.frame("leave")
        assert (leave["nicks"], leave["count"]) == (["gone"], 1)
        if how in ("end", "bye"):
            gone.rest()
        wire.say("after")
        assert [frame["type"] for frame in frames_until(wire, "after")] == []


def test_a_killed_member_is_told_once(house: Server, room: str) -> None:
    with house.member("nadia", room) as wire:
        process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(house.port), room], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert wire.frame("join")["nicks"] == ["gone"]
            process.send_signal(signal.SIGKILL)
            assert wire.frame("leave")["nicks"] == ["gone"]
        finally:
            kill(process)
        wire.say("after")
        assert [frame["type"] for frame in frames_until(wire, "after")] == []


def test_last_words_are_shown_before_the_leaving(house: Server, room: str) -> None:
    """``printf … | nc`` and go: what was said counts, and its author is still here when it is shown."""
    with house.member("nadia", room) as wire:
        for number in range(5):
            gone = house.member(f"gone{number}", room)
            gone.say("one").say("two")
            gone.end()
            wire.frame("join")
            told = [wire.next_frame() for _ in range(3)]
            assert [frame.get("text", frame["type"]) for frame in told] == ["one", "two", "leave"]


def test_half_closed_is_answered_first(house: Server, room: str) -> None:
    """EOF says: I will send no more. What was asked before it is carried out and answered, then it is closed."""
    with house.member("nadia", room) as wire:
        wire.say("first", id="a").say_frame(type="who")
        wire.end()
        rest = wire.rest()
        assert b'"ack"' in rest
        assert b'"roster"' in rest
        assert b'"first"' in rest


def test_a_text_line_without_its_end_counts_at_eof(serve: Callable[..., Server]) -> None:
    """``printf 'nick\\nhello' | nc`` says hello."""
    server = serve()
    with server.member("nadia") as wire, server.wire() as other:
        other.send(b"printf\nhello")
        other.end()
        assert wire.frame("msg")["text"] == "hello"
        assert b"printf: hello\n" in other.rest()


def test_who_comes_back_with_the_token_takes_the_name_over(house: Server, room: str) -> None:
    """After a drop your own name is not taken. Nobody else hears of it: no leave, no join."""
    with house.member("nadia", room) as wire:
        before = house.member("rajat", room, token=TOKEN)
        assert wire.frame("join")["nicks"] == ["rajat"]
        after = house.member("Rajat", room, token=TOKEN)
        assert "joined from elsewhere" in before.frame("bye")["why"]
        before.rest()
        after.say("it is me")
        told = list(frames_until(wire, "it is me"))
        assert [(frame["type"], frame.get("new")) for frame in told] == [("rename", "Rajat")]
        wire.say_frame(type="who")
        assert [row["nick"] for row in wire.frame("roster")["members"]] == ["nadia", "Rajat"]


def test_another_token_does_not(house: Server, room: str) -> None:
    with house.member("rajat", room, token=TOKEN) as wire:
        for more in ({}, {"token": TOKEN[::-1]}):
            thief = house.wire().say_frame(type="hello", v=1, nick="RAJAT", room=room, **more)
            assert thief.frame("error")["code"] == "nick_taken"
            assert thief.rest() == b""
        assert wire.say("still me").frame("msg")["nick"] == "rajat"


def test_an_id_is_said_once(house: Server, room: str) -> None:
    """Sent again after a drop it gets its first number, and nobody sees it twice."""
    with house.member("nadia", room) as wire:
        first = house.member("rajat", room, token=TOKEN).say("once", id="a").frame("ack")
        again = house.member("rajat", room, token=TOKEN).say("once", id="a").frame("ack")
        assert (first["duplicate"], again["duplicate"], first["seq"]) == (False, True, again["seq"])
        wire.say("after")
        assert [frame["text"] for frame in frames_until(wire, "after") if frame["type"] == "msg"] == ["once"]


def test_those_who_come_in_one_turn_are_told_in_few_frames(serve: Callable[..., Server]) -> None:
    """When everybody reconnects at once, each coming must not cost a frame for each member."""
    server = serve()
    with server.member("nadia") as wire:
        crowd = [server.wire() for _ in range(200)]
        for number, one in enumerate(crowd):
            one.say_frame(type="hello", v=1, nick=f"member{number}")
        told: list[str] = []
        count = 0
        while len(told) < 200:
            join = wire.frame("join")
            told += join["nicks"]
            count = join["count"]
        assert told == [f"member{number}" for number in range(200)] or sorted(set(told)) == sorted(told)
        assert count == 201


def test_resume_shows_each_message_once(house: Server, room: str) -> None:
    with house.member("nadia", room) as wire:
        other = house.member("rajat", room)
        epoch = other.welcome["epoch"]
        wire.say("one")
        seen = other.frame("msg")["seq"]
        other.close()
        wire.say("two").say("three")
        wire.texts(last="three")
        back = house.member("rajat", room, resume={"epoch": epoch, "after": seen})
        assert back.texts(last="three") == ["two", "three"]
        stranger = house.member("abel", room, resume={"epoch": "another", "after": seen})
        assert stranger.welcome["last"] == 3
        stranger.say_frame(type="history", before=4, limit=2)
        assert [entry["text"] for entry in stranger.frame("page")["entries"]] == ["two", "three"]


def test_a_resume_that_can_not_be_is_told(house: Server, room: str) -> None:
    with house.member("nadia", room) as wire:
        wire.say("one").frame("msg")
        for resume, gap in (
            ({"epoch": "another", "after": 0}, (1, 1, "lost")),
            ({"epoch": wire.welcome["epoch"], "after": 7}, (2, 7, "lost")),
        ):
            late = house.wire().say_frame(type="hello", v=1, nick="", mode="watch", room=room, resume=resume)
            late.frame("welcome")
            frame = late.next_frame()
            assert (frame["from"], frame["to"], frame["why"]) == gap


def test_deadline_is_not_a_sleep() -> None:
    """The helpers above wait for events; this is how long they would wait in vain."""
    assert DEADLINE <= 20

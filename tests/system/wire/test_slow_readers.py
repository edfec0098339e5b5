"""A reader that stops reading costs the others nothing, and is told what it missed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.server_process import Server
from tests.support.wire import Wire

ROUNDS, EACH = 24, 100
SIZE = 3000
"""7 MB in all: more than the kernels' buffers take for a reader that has a small one."""


def talk(server: Server, good: Wire) -> int:
    """Say a lot, each hundred of it seen by a good member before the next; give how many messages it was."""
    poster = server.member("poster", mode="post")
    for round_ in range(ROUNDS):
        for number in range(EACH - 1):
            poster.say(f"{round_}.{number} " + "x" * SIZE)
        poster.say(f"end {round_}")
        good.texts(last=f"end {round_}")
    return ROUNDS * EACH


def stuck_member(server: Server) -> Wire:
    return Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted().enter("stuck")


def numbers_seen(wire: Wire, last: int) -> tuple[list[int], list[int]]:
    """Read on; give the numbers of the messages, and those that gaps announced."""
    seen: list[int] = []
    missed: list[int] = []
    while last not in seen:
        frame = wire.next_frame()
        if frame["type"] == "msg":
            seen.append(frame["seq"])
        elif frame["type"] == "gap":
            assert frame["why"] == "slow"
            missed += range(frame["from"], frame["to"] + 1)
    return seen, missed


@pytest.mark.parametrize("ring", ["100", "100000"])
def test_a_reader_that_stops_and_reads_again(serve: Callable[..., Server], ring: str) -> None:
    """With a small ring it gets its gap, with a large one everything; never a hole that nobody told it of."""
    server = serve("--rate", "off", "--ring-entries", ring)
    good, stuck = server.member("good"), stuck_member(server)
    last = talk(server, good)
    seen, missed = numbers_seen(stuck, last)
    assert sorted(seen + missed) == list(range(1, last + 1))
    assert seen == sorted(seen)
    assert bool(missed) == (ring == "100")
    assert stuck.say("I am back").texts(last="I am back")
    assert good.frame("msg")["text"] == "I am back"


def test_a_text_reader_is_told_in_words(serve: Callable[..., Server]) -> None:
    server = serve("--rate", "off", "--ring-entries", "100")
    good = server.member("good")
    stuck = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted().send(b"stuck\n")
    stuck.until(b"Connected to server!\n")
    good.frame("join")
    talk(server, good)
    lines = stuck.lines_until(f"end {ROUNDS - 1}")
    assert any(line.endswith("messages can't be shown: slow)") for line in lines)


def test_a_whisper_to_a_stuck_member_is_refused(serve: Callable[..., Server]) -> None:
    """It is live only: one that would wait without bound is not taken."""
    server = serve("--rate", "off")
    good = server.member("good")
    stuck_member(server)
    talk(server, good)
    error = good.say_frame(type="whisper", to="stuck", text="hello?", id="w").frame("error")
    assert (error["code"], error["id"]) == ("no_such_nick", "w")


def test_one_that_never_reads_again_is_forgotten_when_it_closes(serve: Callable[..., Server]) -> None:
    server = serve("--rate", "off", "--ring-entries", "100")
    good, stuck = server.member("good"), stuck_member(server)
    talk(server, good)
    stuck.reset()
    assert good.frame("leave")["nicks"] == ["stuck"]


def test_presence_that_a_stuck_reader_missed_is_asked_for(serve: Callable[..., Server]) -> None:
    """Joins and leaves are not kept for it; ``who`` and every later ``count`` tell how it stands."""
    server = serve("--rate", "off")
    good, stuck = server.member("good"), stuck_member(server)
    last = talk(server, good)
    server.member("late")
    good.frame("join")
    numbers_seen(stuck, last)
    stuck.say_frame(type="who")
    assert stuck.frame("roster")["count"] == 3

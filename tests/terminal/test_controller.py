"""The desk, without a terminal and without a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from chatctl import protocol as p
from chatctl.terminal import member_list
from chatctl.terminal.colors import Palette
from chatctl.terminal.member_list import Presence
from chatctl.terminal.render import Lines
from tests.terminal.fakes import House


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in an event loop. (No functools.wraps: pytest would see a coroutine.)"""

    def run() -> None:
        asyncio.run(test())

    run.__doc__ = test.__doc__
    return run


def msg(seq: int, text: str = "x", nick: str = "omar") -> p.Msg:
    return p.Msg(seq=seq, time=0.0, nick=nick, text=text)


@in_loop
async def test_an_entry_is_shown_once() -> None:
    """Whatever the server repeats."""
    house = House()
    assert house.receive(msg(1), msg(2), msg(2), msg(1), msg(3)) == ["00:00 omar: x"] * 3


@in_loop
async def test_whispers_and_questions_need_a_connection() -> None:
    """What can't be kept stays in the line."""
    house = House(connected=False)
    assert not house.desk.submit("/msg omar hi")
    assert not house.desk.submit("/who")
    assert not house.desk.submit("/history")
    assert house.desk.submit("a text")
    assert house.desk.waiting == 1


@in_loop
async def test_a_message_that_is_refused_is_shown_with_its_text() -> None:
    """Nothing that was written vanishes."""
    house = House()
    house.desk.submit("too bold")
    (say,) = house.wire.sent
    assert isinstance(say, p.Say)
    assert house.receive(p.Error("too_long", "too long for this server", id=say.id)) == [
        "! not said: too long for this server: too bold"
    ]
    assert house.desk.waiting == 0


@in_loop
async def test_a_full_disk_there_is_no_refusal() -> None:
    """It stays in the outbox and is said again under its own id."""
    house = House()
    house.desk.submit("patience")
    (say,) = house.wire.sent
    assert isinstance(say, p.Say)
    assert house.receive(p.Error("storage", "disk full", id=say.id, retry_after=-5)) == []
    assert house.desk.waiting == 1
    while len(house.wire.sent) < 2:
        await asyncio.sleep(0.01)
    assert house.wire.sent[1] == say


@in_loop
async def test_context_comes_before_what_was_missed() -> None:
    """An earlier run's cursor: its last messages, the line, the new ones."""
    house = House(cursor=p.Resume("e", 5), connected=False)
    house.welcome(last=7)
    assert house.receive(msg(6, "missed"), msg(7, "missed, too")) == []
    assert house.receive(p.Page([msg(5, "seen")], more=True)) == [
        "00:00 omar: seen",
        "— 2 messages while you were away —",
        "00:00 omar: missed",
        "00:00 omar: missed, too",
    ]


@in_loop
async def test_a_page_that_never_comes_holds_nothing_back() -> None:
    house = House(cursor=p.Resume("e", 5), connected=False)
    house.welcome(last=6)
    house.receive(msg(6, "missed"))
    house.desk.disconnected("the cable")
    assert house.screen.lines == [
        "— 1 message while you were away —",
        "00:00 omar: missed",
        "! disconnected: the cable",
    ]


@in_loop
async def test_without_history_the_line_is_there_too() -> None:
    house = House(cursor=p.Resume("e", 5), connected=False, history=0)
    house.welcome(last=6)
    assert house.receive(msg(6)) == ["00:00 omar: x"]
    assert house.screen.lines[0] == "— 1 message while you were away —"


@in_loop
async def test_status_is_empty_when_all_is_well() -> None:
    house = House()
    assert house.desk.status == ""
    house.desk.submit("hello")
    assert (house.desk.status, house.desk.unsent()) == ("", [])
    house.desk.link._waiting_since -= 2.0
    assert house.desk.status == "1 unsent"
    assert house.desk.unsent() == ["hello"]
    house.desk.link.retry_at = asyncio.get_running_loop().time() + 3
    house.desk.link.lag = 2.25
    assert house.desk.status == "reconnecting in 3 s, 1 unsent, lag 2.2 s"


@in_loop
async def test_lines_and_leaving() -> None:
    house = House()
    assert not house.desk.submit("  \n ")
    assert house.desk.submit("/clear")
    assert house.screen.cleared
    assert house.desk.submit("/quit")
    assert house.screen.left
    assert not house.desk.submit("é" * 2049)
    assert house.wire.sent == []


@in_loop
async def test_somebody_who_is_gone_and_back_is_no_news() -> None:
    """Within a second; and who speaks was announced before."""
    shown: list[str] = []
    someone = Presence(Lines(Palette(0)), shown.extend)
    someone.came(["a"], 1)
    someone.went(["a"], 0)
    someone.came(["a"], 1)
    someone.came(["b", "c"], 3)
    assert shown == ["a joined (1 here)"]
    someone.speaks("a")
    assert len(shown) == 1
    someone.speaks("c")
    assert shown[1:] == ["b, c joined (3 here)"]
    someone.went(["b"], 2)
    someone._over()
    assert shown[2:] == ["b left (2 here)"]
    assert member_list.FOLD_SECONDS == 1.0

"""log_commands.py: what /history and /search mean, what they ask for, and how they go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import msgspec
import pytest

from chatctl import protocol as p
from chatctl.client.requests import Since
from chatctl.terminal import log_commands
from chatctl.terminal.log_commands import SEARCHED, SHOWN, Part, parse_history
from tests.terminal.fakes import Joined

NOW = 1_795_000_000.0
HOUR, DAY = 3600.0, 86400.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in an event loop. (No functools.wraps: pytest would see a coroutine.)"""
    return lambda: asyncio.run(test())


def msg(seq: int, text: str = "x", when: float | None = None) -> p.Msg:
    return p.Msg(seq=seq, time=60.0 * seq if when is None else when, nick="omar", text=text)


def joined(last: int = 0, features: tuple[str, ...] = ("search",)) -> Joined:
    """Be in a room whose log has so many entries, one a minute."""
    made = Joined()
    made.welcome(last=last)
    made.controller.membership.welcome = msgspec.structs.replace(
        made.controller.membership.welcome, features=[*features]
    )
    made.screen.lines.clear()
    return made


# --- what is typed


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("", Part(None, SHOWN)),
        ("20", Part(None, 20)),
        ("99999", Part(None, 99999)),
        ("#17", Part(Since(seq=17), SHOWN)),
        ("#17 5", Part(Since(seq=17), 5)),
        ("10m", Part(Since(time=NOW - 600), SHOWN)),
        ("today", Part(Since(time=NOW // DAY * DAY), SHOWN)),
        ("yesterday 200", Part(Since(time=NOW // DAY * DAY - DAY), 200)),
        ("20260101", Part(Since(time=1_767_225_600.0), SHOWN)),
        ("2026-01-01", Part(Since(time=1_767_225_600.0), SHOWN)),
        ("2026-01-01 14:30", Part(Since(time=1_767_225_600.0 + 14.5 * HOUR), SHOWN)),
        ("2026-01-01T14:30 7", Part(Since(time=1_767_225_600.0 + 14.5 * HOUR), 7)),
        ("@5", Part(Since(time=5.0), SHOWN)),
    ],
)
def test_parts_of_the_log(typed: str, part: Part) -> None:
    assert parse_history(typed, NOW) == part


@pytest.mark.parametrize(
    "typed", ["0", "123456", "x", "#", "#0", "-5", "5 5", "tomorrow", "2026-13-01", "9999999999d", "٣"]
)
def test_what_is_none(typed: str) -> None:
    assert parse_history(typed, NOW) is None


# --- /history


@in_loop
async def test_the_last_ones_are_shown_between_two_lines() -> None:
    room = joined(9)
    assert room.controller.submit("/history 2")
    shown = await room.answer(p.Page([msg(8), msg(9)], more=True))
    assert room.wire.sent == [p.History(limit=2, before=10)]
    assert shown == ["— the last 2 messages again —", "00:08 omar: x", "00:09 omar: x", "— until here —"]


@in_loop
async def test_a_page_is_no_longer_than_the_server_gives() -> None:
    room = joined(9)
    room.controller.submit("/history 99999")
    await room.rest()
    assert room.wire.sent == [p.History(limit=1000, before=10)]


@in_loop
async def test_from_a_moment_on_it_is_looked_for_and_says_how_it_goes_on() -> None:
    """With the log as it is now, not as it was when we came in."""
    room = joined(50)
    room.receive(*[msg(n) for n in range(51, 91)])
    room.screen.lines.clear()
    assert room.controller.submit("/history @4860 3")
    shown = await room.answer(
        p.Page([msg(n) for n in range(1, 91)], more=False), p.Page([msg(81), msg(82), msg(83)], more=True)
    )
    assert room.wire.sent == [p.History(limit=90, after=0), p.History(limit=3, after=80)]
    assert shown[0] == "— 3 messages from 1970-01-01 01:21 on —"
    assert shown[-1] == "— until here: /history #84 continues —"
    room.controller.submit("/history #90")
    shown = await room.answer(p.Page([msg(90)], more=False))
    assert room.wire.sent[2:] == [p.History(limit=50, after=89)]
    assert (shown[0], shown[-1]) == ("— 1 message from 1970-01-01 01:30 on —", "— until here —")


@in_loop
async def test_nothing_since_then() -> None:
    room = joined(0)
    room.controller.submit("/history today")
    assert await room.answer(p.Page([], more=False)) == ["no messages since then"]


@in_loop
async def test_commands_wait_for_their_turn() -> None:
    """Two that are typed at once: each gets its own page."""
    room = joined(9)
    room.controller.submit("/history 1")
    room.controller.submit("/show 3")
    shown = await room.answer(p.Page([msg(9, "nine")], more=True), p.Page([msg(3, "three")], more=True))
    assert [line for line in shown if "omar" in line] == ["00:09 omar: nine", "00:03 omar: three"]


@in_loop
async def test_a_break_of_the_connection_ends_them() -> None:
    room = joined(9)
    room.controller.submit("/history 1")
    await room.rest()
    room.controller.view.disconnected("the cable")
    await room.rest()
    assert room.screen.lines == ["! the connection broke before the server had answered: try again"]
    room.controller.submit("/history 1")
    assert len(await room.answer(p.Page([msg(9)], more=True))) == 3


@in_loop
async def test_what_is_said_meanwhile_is_shown_and_errors_of_others_are_theirs() -> None:
    room = joined(9)
    room.controller.submit("/search x")
    others = msg(10, "meanwhile"), p.Error("nick_taken", "somebody else's")
    shown = await room.answer(*others, p.Found([msg(3, "x")], 1, False, 60.0, "search"))
    assert [line for line in shown if "—" not in line] == [
        "00:10 omar: meanwhile",
        "! somebody else's",
        "1970-01-01 00:03 #3 omar: x",
    ]
    room.controller.submit("/search x")
    assert await room.answer(p.Error("storage", "unreadable", id="search")) == ["! unreadable"]


@in_loop
async def test_numbers_of_another_log_are_not_gone_on_from() -> None:
    room = joined(99)
    room.controller.submit("/search x")
    await room.answer(p.Found([msg(9)] * SEARCHED, 9, True, 60.0, "search"))
    room.welcome(epoch="another", last=50)
    welcome = room.controller.membership.welcome
    room.controller.membership.welcome = msgspec.structs.replace(welcome, features=["search"])
    assert not room.controller.submit("/search")
    assert "nothing older to look for" in room.screen.lines[-1]


# --- /search


@in_loop
async def test_the_newest_stands_below_and_it_goes_on_without_words() -> None:
    room = joined(99)
    assert room.controller.submit("/search Two words")
    shown = await room.answer(
        p.Found([msg(9, "b"), msg(5, "a")], 5, True, 300.0, "search"),
        p.Found([], 3, True, 180.0, "search"),
        p.Found([], 1, False, 60.0, "search"),
    )
    first = p.Search("Two words", limit=SEARCHED, id="search")
    assert room.wire.sent == [
        first,
        msgspec.structs.replace(first, before=5, limit=SEARCHED - 2),
        msgspec.structs.replace(first, before=3, limit=SEARCHED - 2),
    ]
    assert shown == [
        "— found: Two words —",
        "1970-01-01 00:05 #5 omar: a",
        "1970-01-01 00:09 #9 omar: b",
        "— no older ones, /history #9 shows what followed —",
    ]
    assert not room.controller.submit("/search")
    assert room.screen.lines[-1] == "! nothing older to look for: /search WORDS finds what was said"


@in_loop
async def test_older_ones_are_looked_for_behind_what_was_found() -> None:
    room = joined(99)
    room.controller.submit("/search x")
    found = [msg(n) for n in range(99, 99 - SEARCHED, -1)]
    shown = await room.answer(p.Found(found, 80, True, 4800.0, "search"))
    assert shown[-1] == "— looked back to 1970-01-01 01:20, /search continues, /history #99 shows what followed —"
    assert room.controller.submit("/search")
    shown = await room.answer(p.Found([msg(2)], 1, False, 60.0, "search"))
    assert room.wire.sent[-1] == p.Search("x", before=80, limit=SEARCHED, id="search")
    assert shown[1:] == ["1970-01-01 00:02 #2 omar: x", "— no older ones, /history #2 shows what followed —"]


@in_loop
async def test_nothing_found() -> None:
    room = joined(99)
    room.controller.submit("/search x\x1b[31m")
    assert await room.answer(p.Found([], 1, False, 60.0, "search")) == ["nothing found: x␛[31m"]


def test_a_search_that_takes_long_shows_what_it_has_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_commands, "SEARCH_SECONDS", 0.05)

    @in_loop
    async def main() -> None:
        room = joined(99)
        room.controller.submit("/search x")
        await room.answer(p.Found([msg(90)], 50, True, 3000.0, "search"))
        while not room.screen.lines:
            await asyncio.sleep(0.01)
        assert room.screen.lines[-1].startswith("— looked back to 1970-01-01 00:50, /search continues")
        room.receive(p.Found([msg(3)], 3, True, 180.0, "search"))  # too late
        assert room.controller.submit("/search")
        await room.rest()
        assert room.wire.sent[-1] == p.Search("x", before=50, limit=SEARCHED, id="search")

    main()


@in_loop
async def test_what_is_redacted_meanwhile_is_not_shown() -> None:
    room = joined(99)
    room.controller.submit("/search x")
    shown = await room.answer(
        p.Found([msg(9, "secret")], 9, True, 60.0, "search"),
        p.Redacted([9]),
        p.Found([msg(5, "x")], 1, False, 60.0, "search"),
    )
    assert [line for line in shown if "#" in line and "omar" in line] == ["1970-01-01 00:05 #5 omar: x"]


@in_loop
async def test_a_long_message_that_is_found_is_folded_and_cleaned() -> None:
    room = joined(99)
    room.controller.submit("/search x")
    text = "\n".join(f"x\x1b[2J {n}" for n in range(500))
    shown = await room.answer(p.Found([msg(9, text)], 1, False, 60.0, "search"))
    assert "\x1b" not in "".join(shown)
    assert any("more lines: /show 9" in line for line in shown)
    room.controller.submit("/show 9")
    assert room.screen.lines[-2].endswith("x␛[2J 499")


@in_loop
async def test_what_no_server_takes_is_refused_here() -> None:
    room = joined(99)
    assert not room.controller.submit("/search " + "x" * 4096)
    assert "at most 256 characters" in room.screen.lines[-1]
    assert not room.controller.submit("/search")
    old = joined(99, features=())
    assert not old.controller.submit("/search x")
    assert "a search takes a newer server" in old.screen.lines[-1]
    out = Joined(connected=False)
    assert not out.controller.submit("/search x")
    assert room.wire.sent == old.wire.sent == []

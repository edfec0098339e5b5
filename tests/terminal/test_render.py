"""What frames look like, and the colours."""

from __future__ import annotations

import re

import pytest

from chatctl.protocol import Gap, Identity, Msg, Roster, RosterRow
from chatctl.terminal.colors import Palette
from chatctl.terminal.render import FrameRenderer, idle, mentions

DAY = 86400.0


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def lines(now: float = 0.0) -> FrameRenderer:
    return FrameRenderer(Palette(0), now=lambda: now)


def msg(text: str, at: float = 0.0, nick: str = "omar", seq: int = 1) -> Msg:
    return Msg(seq=seq, time=at, nick=nick, text=text)


def test_a_new_day_has_a_line() -> None:
    """History of another day begins with that day's name; midnight brings the next."""
    made = lines(now=DAY)
    assert made.message(msg("old"), "me") == ["— Thursday, 01 January 1970 —", "00:00 omar: old"]
    assert made.message(msg("old, too"), "me") == ["00:00 omar: old, too"]
    assert made.message(msg("new", at=DAY), "me") == ["— Friday, 02 January 1970 —", "00:00 omar: new"]
    assert lines(now=60.0).message(msg("today"), "me") == ["00:00 omar: today"]


def test_what_is_shown_again_does_not_change_the_day() -> None:
    made = lines(now=DAY)
    made.message(msg("new", at=DAY), "me")
    shown = made.history([msg("old")], "me")
    assert shown == ["— the last message again —", "— Thursday, 01 January 1970 —", "00:00 omar: old", "— until here —"]
    assert made.one(msg("old", seq=17), "me") == ["— message #17 —", *shown[1:]]
    assert made.message(msg("newer", at=DAY + 60), "me") == ["00:01 omar: newer"]
    assert made.history([], "me") == ["no messages yet"]


def test_a_message_that_shows_nothing_is_told() -> None:
    """It looked like somebody who had said nothing; several lines of it, like a hole in the room."""
    assert lines().message(msg("\u3164\n\ufe0f"), "me") == [
        "00:00 omar: (3 invisible characters: U+3164 U+000A U+FE0F)"
    ]
    assert lines().whisper(0.0, "omar", "\u2800", sent=False)[0].endswith(": (1 invisible character: U+2800)")


def test_nothing_is_folded_where_there_is_no_show() -> None:
    """In the linear mode lines are all that there is."""
    assert len(lines().message(msg("x\n" * 500), "me")) == 501
    assert lines().whole("1") is None


def test_a_mention_is_found_in_every_line() -> None:
    made = FrameRenderer(Palette(16), now=lambda: 0.0)
    first, second = made.message(msg("one\nNadia, two"), "nadia")
    assert "\x1b[1;7m" not in first
    assert "\x1b[1;7mNadia\x1b[0m" in second


@pytest.mark.parametrize(
    ("text", "found"), [("nadia", True), ("hi NADIA!", True), ("nadia's", True), ("nadiah", False), ("x_nadia", False)]
)
def test_mentions(text: str, found: bool) -> None:
    assert mentions(text, "nadia") is found
    assert not mentions(text, "")


def test_gaps() -> None:
    made = lines()
    assert made.gap(Gap(from_=3, to=3, why="slow")) == "— 1 message missing: this terminal was too slow for them —"
    assert made.gap(Gap(from_=1, to=9, why="lost")) == "— the server began a new log —"
    assert made.gap(Gap(from_=8, to=9, why="lost")) == "— 2 messages missing: the server has lost them —"


def test_comings_and_goings_in_one_line() -> None:
    crowd = [f"n{number}" for number in range(7)]
    assert lines().presence(crowd, [], 9) == "n0, n1, n2, n3, n4 and 2 more joined (9 here)"
    assert lines().presence(["a"], ["b", "c"], 1) == "a joined, b, c left (1 here)"


def test_roster() -> None:
    roster = Roster([RosterRow("omar", 0, 4000.0)], count=1, watchers=2)
    assert lines().roster(roster) == ["1 here, 2 watching:", "  omar idle 1 h"]


@pytest.mark.parametrize(
    ("seconds", "here"),
    [(0, "here since 01 January 1970 00:00"), (12, "here since 01 January 1970 00:00, idle 12 s")],
)
def test_identity(seconds: float, here: str) -> None:
    assert lines().identity(Identity("omar", since=0, idle=seconds))[:2] == ["omar:", f"  {here}"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, ""), (12, "idle 12 s"), (90, "idle 1 min"), (1e300, "idle 999 d"), (float("inf"), "idle 999 d")],
)
def test_idle(seconds: float, shown: str) -> None:
    assert idle(seconds) == shown


def test_nothing_raw_is_left_of_a_message() -> None:
    shown = lines().message(msg("a\x1b[31mb\r\nc\u202e", nick="o\x9dmar"), "me")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join(shown))


@pytest.mark.parametrize(
    ("others", "count", "told"),
    [
        ([], 1, "alone"),
        (["abel"], 2, "with abel"),
        (["abel", "nadia"], 3, "with abel and nadia"),
        (["a", "b", "c", "d", "e", "f"], 5_001, "with a, b, c, d, e and 4,995 more"),
    ],
)
def test_on_entering_one_line_says_who_is_here_and_what_to_do(others: list[str], count: int, told: str) -> None:
    shown = FrameRenderer(Palette(0)).entered("amy", "lobby", others, count)
    assert shown == f"You are amy in lobby, {told}. /help lists commands, Ctrl-D leaves."


def test_a_whisper_and_a_notice_come_below_the_line_of_their_day() -> None:
    """Else an hour of tomorrow would be read as one of today."""
    day = 24 * 3600.0
    render = FrameRenderer(Palette(0), now=lambda: 0.0)
    assert render.whisper(60.0, "omar", "psst", sent=False) == ["00:01 omar -> you (privately): psst"]
    assert render.whisper(day, "omar", "psst", sent=False)[0] == "— Friday, 02 January 1970 —"
    assert render.date_line(day) == []
    assert render.date_line(2 * day) == ["— Saturday, 03 January 1970 —"]


def test_addresses_are_links_where_the_terminal_has_them() -> None:
    """In every line of a message, in a whisper, and in what is kept for /show; also in another room."""
    render = FrameRenderer(Palette(0), now=lambda: 0.0, links=True).for_room()
    link = "\x1b]8;;https://a.org\x1b\\https://a.org\x1b]8;;\x1b\\"
    assert render.message(msg("see https://a.org\nhttps://a.org"), "me") == [
        f"00:00 omar: see {link}",
        f"    | {link}",
    ]
    assert render.whisper(0.0, "omar", "https://a.org", sent=True) == [f"00:00 you -> omar (privately): {link}"]
    assert "\x1b" not in FrameRenderer(Palette(0), now=lambda: 0.0).message(msg("https://a.org"), "me")[0]

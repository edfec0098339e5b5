"""The room's log in a terminal: /search, /history, and the line above what came while somebody looked elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.common.text import clean
from tests.support.environment import CHATCTL
from tests.support.naughty import NAUGHTY
from tests.support.needs import need
from tests.support.server_process import Server
from tests.support.wire import Wire, say_all
from tests.system.terminal.multiplexer import Tmux, wait
from tests.system.terminal.term import Start, Term, terminal_env

Other = Callable[..., Wire]
STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d"


def below(term: Term, text: str) -> list[str]:
    """Return the lines from the last one with ``text`` on, without the prompt, once all of them are there."""
    term.wait_drawn()
    lines = [line for line in term.lines() if not line.startswith("nadia@")]
    at = max(number for number, line in enumerate(lines) if text in line)
    return lines[at:]


def test_search_and_what_stood_around_it(join: Start, other: Other) -> None:
    """The newest stands just above the line that is typed; dates, numbers and texts can be copied."""
    omar = other()
    say_all(omar, ["Deploy 1 started", "lunch?", "deploy 1 FAILED", *(f"other {n}" for n in range(60))])
    term = join("--history", "0")
    term.keys("/search deploy\r")
    term.wait_for("no older ones")
    shown = below(term, "found: deploy")
    assert [re.sub(STAMP, "…", line) for line in shown] == [
        "— found: deploy —",
        "… #1 omar: Deploy 1 started",
        "… #3 omar: deploy 1 FAILED",
        "— no older ones, /history #3 shows what followed —",
    ]
    term.keys("/history #3 2\r")
    term.wait_for("/history #5 continues")
    assert [line[6:] for line in below(term, "2 messages from")[1:3]] == ["omar: deploy 1 FAILED", "omar: other 0"]
    term.keys("/search other\r")
    term.wait_for("/search continues")
    term.keys("/search\r")
    term.wait_for("omar: other 39")
    term.keys("/history yesterday 3\r")
    term.wait_for("/history #4 continues")
    assert "omar: Deploy 1 started" in below(term, "3 messages from")[1]


@pytest.mark.parametrize("kind", ["osc title", "csi erase", "csi cursor", "fake join", "bidi marks", "zero width"])
def test_what_is_found_acts_on_nothing(join: Start, other: Other, kind: str) -> None:
    omar = other()
    omar.say(f"findme {NAUGHTY[kind]}", id="x").frame("ack")
    term = join("--history", "0")
    term.keys("/search findme\r")
    term.wait_for("no older ones")
    assert NAUGHTY[kind].encode() not in term.raw
    first, *_ = clean(NAUGHTY[kind], lines=True).split("\n")
    assert re.fullmatch(rf"{STAMP} #1 omar: findme {re.escape(first)}", below(term, "found: findme")[1])
    term.wait_input("")


def test_without_a_terminal_it_is_the_same_lines(start: Start, house: Server, room: str, other: Other) -> None:
    omar = other()
    omar.say("deploy done", id="x").frame("ack")
    where = ("--port", str(house.port), "--room", room, "--nick", "nadia", "--history", "0")
    term = start(*CHATCTL, "join", "--plain", *where)
    term.keys("/search deploy\r")
    term.wait_for("no older ones")
    assert any(re.fullmatch(rf"{STAMP} #1 omar: deploy done", line) for line in term.lines())
    term.keys("\x1b[O/history\r")
    term.wait(lambda: b"\x1b[?1004h" not in term.raw, "a mode that was never switched on")


# --- looking away


def unread(term: Term) -> list[str]:
    """Return what was said, and the lines about looking away."""
    return [
        line.rpartition(" ")[2] if "omar: " in line else line
        for line in term.lines()
        if "omar: " in line or "unread" in line
    ]


def test_a_line_stands_above_the_first_that_came_meanwhile(join: Start, other: Other) -> None:
    omar, term = other(), join("--history", "0")
    omar.say("one")
    term.wait_for("omar: one")
    term.focus(False, "a")
    term.wait_input("a")
    omar.say("two")
    omar.say("three")
    term.wait_for("omar: three")
    term.focus(True, "b")
    term.wait_input("ab")
    omar.say("four")
    term.wait_for("omar: four")
    term.focus(False, "c")
    term.wait_input("abc")
    term.focus(True, "d")
    term.wait_input("abcd")
    omar.say("five")
    term.wait_for("omar: five")
    assert unread(term) == ["one", "— unread —", "two", "three", "four", "five"]
    term.focus(False, "e")
    term.wait_input("abcde")
    omar.say("six")
    term.wait_for("omar: six")
    assert unread(term)[-2:] == ["— unread —", "six"]
    term.wait_input("abcde")
    term.keys("\x15\x04")
    assert term.wait_end() == 0
    term.assert_restored()


def test_a_terminal_that_does_not_tell_shows_no_such_line(join: Start, other: Other) -> None:
    omar, term = other(), join("--history", "0")
    omar.say("one")
    omar.say("two")
    term.wait_for("omar: two")
    assert unread(term) == ["one", "two"]


def test_tmux_passes_it_on(house: Server, room: str, state: Path, other: Other) -> None:
    """With ``focus-events on``: the terminal around it tells tmux, and tmux tells us."""
    need("tmux")
    omar = other()
    where = ("--port", str(house.port), "--room", room, "--nick", "nadia", "--history", "0")
    tmux = Tmux((*CHATCTL, "join", *where), state)
    term = tmux.attach(terminal_env(state, TERM="xterm-256color"))
    try:
        wait(lambda: any(f"nadia@{room[:15]}" in line for line in tmux.lines()), "prompt", tmux.lines)
        for focus, typed in (("I", "a"), ("O", "b")):
            term.keys(f"\x1b[{focus}{typed}")
            wait(
                lambda typed=typed: any(line.endswith(f"> {'ab'[: 'ab'.index(typed) + 1]}") for line in tmux.lines()),
                typed,
                tmux.lines,
            )  # type: ignore[misc]
        omar.say("one")
        omar.say("two")
        wait(lambda: any("omar: two" in line for line in tmux.lines()), "two", tmux.lines)
        shown = [line for line in tmux.lines() if "omar: " in line or "unread" in line]
        assert [line[-3:] for line in shown] == ["d —", "one", "two"]
    finally:
        term.close()
        tmux.close()

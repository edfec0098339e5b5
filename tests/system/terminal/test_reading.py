"""What a person sees of what others say and do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.support.wire import Wire
from tests.system.terminal.term import Start

Other = Callable[..., Wire]


def test_who_says_what(join: Start, other: Other) -> None:
    """Messages, /me and whispers are told apart."""
    omar, term = other(), join()
    omar.say("hello")
    omar.say("waves", action=True)
    omar.say_frame(type="whisper", to="nadia", text="psst")
    term.wait_for("omar: hello", "* omar waves", "omar -> you (privately): psst")
    assert term.screen.bells == 1, "a whisper rings"


def test_a_further_line_looks_like_nobody_elses(join: Start, other: Other) -> None:
    """A message of several lines can't pretend that somebody else spoke."""
    omar, term = other(), join()
    omar.say("first\n12:00 nadia: I never said this")
    term.wait_for("    | 12:00 nadia: I never said this")


def test_mentions_are_highlighted_and_ring(join: Start, other: Other) -> None:
    omar, term = other(), join()
    omar.say("nadiah is somebody else")
    omar.say("what do you think, Nadia?")
    term.wait_for("think, Nadia?")
    term.wait(lambda: term.screen.bells == 1, "one bell")
    assert all(cell.reverse for cell in term.style_of("Nadia?")[:5])
    assert not any(cell.reverse for cell in term.style_of("nadiah"))


@pytest.mark.parametrize(("notify", "bells"), [("off", 0), ("mention", 1), ("all", 3)])
def test_notify(join: Start, other: Other, notify: str, bells: int) -> None:
    omar, term = other(), join("--notify", notify)
    for text in ("one", "nadia!", "three"):
        omar.say(text)
    term.wait_for("three")
    term.keys("mine\r")  # one's own never rings
    term.wait_for("nadia: mine")
    term.wait(lambda: term.screen.bells == bells, f"{bells} bells")


@pytest.mark.parametrize(
    ("environ", "sequence"),
    [
        ({"TERM_PROGRAM": "WezTerm"}, b"\x1b]9;chatctl: omar mentions you: hey nadia\x1b\\"),
        ({"TERM": "rxvt-unicode-256color"}, b"\x1b]777;notify;chatctl;omar mentions you: hey nadia\x1b\\"),
        ({}, b""),
    ],
)
def test_desktop_notifications(join: Start, other: Other, environ: dict[str, str], sequence: bytes) -> None:
    """Only where the terminal is known to make something of it."""
    omar, term = other(), join(**environ)
    omar.say("hey nadia")
    term.wait(lambda: term.screen.bells == 1, "a bell")
    term.wait(lambda: sequence in term.raw, "notification")
    assert sequence or b"\x1b]" not in term.raw


@pytest.mark.parametrize(
    ("environ", "coloured", "plain"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, True),
    ],
)
def test_colours(join: Start, other: Other, environ: dict[str, str], coloured: bool, plain: bool) -> None:
    """256, 16, none; and a dumb terminal gets lines only."""
    omar, term = other(), join(ready=not plain, **environ)
    omar.frame("join", where=lambda frame: "nadia" in frame["nicks"])
    omar.say("hello")
    term.wait_for("omar: hello")
    cells = term.style_of("omar: hello")
    assert (cells[0].fg != "default") == coloured
    assert cells[-1].fg == "default"
    assert (b"\x1b" in term.raw) != plain


def test_one_nickname_has_one_colour(join: Start, other: Other) -> None:
    """Whatever the room, the day or the program's run."""
    omar, term = other(), join()
    omar.say("hello")
    term.wait_for("omar: hello")
    first = term.style_of("omar: hello")[0].fg
    term.keys("\x04")
    term.wait_end()
    back = join()
    back.wait_for("omar: hello")
    assert back.style_of("omar: hello")[0].fg == first


def test_history_on_join(join: Start, other: Other) -> None:
    omar = other()
    for number in range(60):
        omar.say(f"number {number}", id=str(number))
    omar.frame("ack", where=lambda frame: frame["id"] == "59")
    some = join("--history", "5")
    some.wait_for("number 59")
    assert [line[12:] for line in some.lines() if "number" in line] == [f"number {number}" for number in range(55, 60)]
    default = join(nick="nina")
    default.wait_for("number 59")
    assert sum("number" in line for line in default.lines()) == 50


def test_comings_and_goings_are_folded(join: Start, other: Other) -> None:
    """Forty who come one after the other don't fill the screen."""
    term = join()
    others = [other(f"guest{number}") for number in range(40)]
    term.wait(lambda: any("(41 here)" in line for line in term.screen.all_lines()), "all forty")
    lines = [line for line in term.lines() if "joined" in line]
    assert len(lines) <= 4, lines
    assert "more joined" in lines[-1]
    assert term.style_of("joined (41 here)")[0].fg == "default"  # dim, which pyte does not model
    for one in others:
        one.close()
    term.wait(lambda: any("(1 here)" in line for line in term.screen.all_lines()), "all gone")
    assert sum("left" in line for line in term.lines()) <= 4


def test_the_prompt_counts_members(join: Start, other: Other, room: str) -> None:
    term = join()
    assert term.prompt() == (term.screen.cursor.y, f"nadia@{room}(1)> ")
    omar = other()
    term.wait(lambda: (term.prompt() or ("", ""))[1] == f"nadia@{room}(2)> ", "two members")
    omar.close()
    term.wait(lambda: (term.prompt() or ("", ""))[1] == f"nadia@{room}(1)> ", "one member")


def test_nothing_is_drawn_while_nothing_happens(join: Start, other: Other, room: str) -> None:
    """Quiet when all is well: a word from elsewhere is the next byte that comes."""
    omar, term = other(), join()
    omar.frame("join")
    omar.say("first")
    term.wait_for("omar: first")
    term.wait_drawn(f"nadia@{room}(2)> ")
    before = len(term.raw)
    threading.Event().wait(0.7)  # more than one turn of what saves and counts
    assert len(term.raw) == before


def test_one_line_says_who_is_here_and_what_to_do(join: Start, other: Other, room: str) -> None:
    """Below the past, where it is seen; a script is told nothing of it (test_plain.py)."""
    omar = other()
    for number in range(60):
        omar.say(f"number {number}", id=str(number))
    omar.frame("ack", where=lambda frame: frame["id"] == "59")
    term = join()
    hint = f"You are nadia in {room}, with omar. /help lists commands, Ctrl-D leaves."
    term.wait_for(hint)
    shown = [line for line in term.lines() if line]
    assert shown.index(hint) == next(at for at, line in enumerate(shown) if "number 59" in line) + 1


def test_a_narrow_window_keeps_room_for_typing(join: Start, room: str) -> None:
    """Our nickname goes first, then the room's name."""
    term = join()
    long, short = f"nadia@{room}(1)> ", f"{room}(1)> "
    for columns, prompt in ((len(long) + 20, long), (len(long) + 19, short), (len(short) + 6, short)):
        term.resize(columns)
        term.wait(lambda prompt=prompt: (term.prompt() or ("", ""))[1] == prompt, prompt)  # type: ignore[misc]


def test_addresses_are_links_and_copy_as_they_were(join: Start, other: Other) -> None:
    """In a terminal that is known to have them; a long one is a line of the terminal, whole."""
    omar = other()
    term = join(VTE_VERSION="7006", columns=40)
    long = f"https://example.org/{'x' * 100}"
    omar.say(f"look: {long} nadia")
    term.wait_for(f"omar: look: {long} nadia")
    assert f"\x1b]8;;{long}\x1b\\{long}\x1b]8;;\x1b\\".encode() in term.raw
    omar.say("https://a.org/\x1b\\\x1b]0;evil\x07 https://evil@a.org/")
    omar.say("end")
    term.wait_for("omar: end")
    assert term.raw.count(b"\x1b]8;;h") == 1
    term.keys("typed")
    term.wait_input("typed")


def test_a_terminal_that_is_not_known_gets_no_links(join: Start, other: Other) -> None:
    omar, term = other(), join()
    omar.say("https://example.org/x")
    term.wait_for("omar: https://example.org/x")
    assert b"\x1b]8;" not in term.raw

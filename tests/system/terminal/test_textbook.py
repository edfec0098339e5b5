"""Each defect of the textbook recipe, brought about on purpose; and that ``join`` has it not.

The hazards are windows of milliseconds. A file makes the recipe's prints slow, so that a key can be sent into the
window for certain; what random keys make of it shows benchmarks/key_echo.py.
"""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import kill
from tests.support.wire import Wire
from tests.system.terminal.emulator import BRACKETED_PASTE
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Return the file that makes the recipe's prints slow while it is there."""
    return tmp_path / "slow"


def test_recipe_lets_the_terminal_swallow_keys(textbook: Callable[[], Term], other: Other, slow: Path) -> None:
    """In the middle of a print the terminal is in cooked mode: it takes the Backspace, and echoes the key."""
    term, omar = textbook(), other()
    term.keys("abc")
    term.wait_input("abc")
    slow.touch()
    omar.say("something")
    term.wait(lambda: term.cooked, "print in cooked mode")
    term.keys("\x7fz")
    term.wait(lambda: "z" in term.screen.row(term.screen.cursor.y), "echo by the terminal")
    slow.unlink()
    term.wait_input("abcz")  # the person typed: a b c Backspace z


def test_join_never_leaves_raw_mode(join: Start, flood: Callable[..., object]) -> None:
    """There is no window in which the terminal could take a key. Sampled all through a flood."""
    term = join()
    running = flood(2000, 3000)
    term.wait_for("<000000")
    samples = 0
    while running.poll() is None:  # type: ignore[attr-defined]
        assert not term.cooked
        samples += 1
    assert samples > 100
    term.wait_for("002999>")


def test_recipe_submits_a_paste(textbook: Callable[[], Term], other: Other, slow: Path) -> None:
    """It switches bracketed paste off for every print: a paste that meets it is sent line by line."""
    term, omar = textbook(), other()
    slow.touch()
    omar.say("something")
    term.wait(lambda: BRACKETED_PASTE not in term.screen.mode, "end of bracketed paste")
    term.paste("first\nsecond\n")
    slow.unlink()
    assert omar.texts("second") == ["something", "first", "second"]


def test_join_never_submits_a_paste(join: Start, flood: Callable[..., subprocess.Popen[bytes]]) -> None:
    """Pasted in the middle of a flood, lines become one message of several lines, which waits for Enter."""
    term = join()
    running = flood(2000, 200_000)  # it is ended when we are through
    term.wait_for("<000000")
    for pasted in range(1, 31):
        term.paste("one\ntwo\n")
        term.wait_input("one\ntwo\n" * pasted) if pasted < 6 else None
    assert running.poll() is None
    kill(running)
    assert "nadia: one" not in term.text(), "a paste was submitted"
    term.keys("\r")
    term.wait_for("nadia: one", "    | two")
    assert term.text().count("nadia:") == 1


def test_recipe_leaks_keys_between_two_prompts(textbook: Callable[[], Term], other: Other, slow: Path) -> None:
    """After Enter there is no prompt for a moment: what is typed then stands among the messages."""
    term = textbook()
    slow.touch()
    term.keys("one\r")
    term.wait(lambda: term.cooked, "end of the first prompt")
    term.keys("leaked")
    term.wait(lambda: term.screen.row(term.screen.cursor.y).startswith("leaked"), "echo by the terminal")
    slow.unlink()


def test_join_takes_keys_right_after_enter(join: Start, other: Other) -> None:
    """One prompt for the whole session: there is no moment between two."""
    term, omar = join(), other()
    term.keys("one\rtwo\rthree\x7f\x7f")
    term.wait_input("thr")
    assert omar.texts("two") == ["one", "two"]
    term.wait_for("nadia: two")
    term.wait_drawn()
    said = [line[6:] for line in term.lines() if "nadia: " in line]
    assert said == ["nadia: one", "nadia: two"]
    assert sum("thr" in line for line in term.lines()) == 1


def test_recipe_complains_of_cursor_requests(textbook: Callable[..., Term]) -> None:
    """A terminal that does not say where its cursor is gets a warning into the chat."""
    textbook(asks=True).wait_for("your terminal doesn't support cursor position requests")


def test_join_asks_no_cursor_position(join: Start, other: Other) -> None:
    term, omar = join(), other()
    omar.say("hello")
    term.wait_for("omar: hello")
    assert b"\x1b[6n" not in term.raw


def test_recipe_leaves_blank_rows(textbook: Callable[[], Term], other: Other) -> None:
    """A completer that may show a menu reserves eight rows for it, for good."""
    term, omar = textbook(), other()
    for number in range(40):
        omar.say(f"line {number}")
    term.wait_for("line 39")
    term.wait(lambda: (term.prompt() or (99,))[0] <= 24 - 8, "blank rows")


def test_join_leaves_no_blank_rows(join: Start, other: Other) -> None:
    term, omar = join(), other()
    for number in range(40):
        omar.say(f"line {number}")
    term.wait_for("line 39")
    term.wait(lambda: (term.prompt() or (0,))[0] == 23, "prompt on the last row")


def test_recipe_shows_everybody_what_was_typed(textbook: Callable[[], Term], tmp_path: Path) -> None:
    """FileHistory makes a file that others can read. What join makes: test_kept.py."""
    term = textbook()
    term.keys("a secret\r")
    term.wait(lambda: (tmp_path / "history").exists(), "history file")
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) & 0o044


def test_recipe_lets_others_set_the_title(textbook: Callable[[], Term], other: Other) -> None:
    """Raw text acts on the terminal; patch_stdout takes out ESC only. What join makes of it: test_hostile.py."""
    term, omar = textbook(), other()
    omar.say("\x9d0;owned\x07 and more")
    term.wait_for("and more")
    assert term.screen.title == "owned"

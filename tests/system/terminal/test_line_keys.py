"""Keys of the line: vi mode, the menu and Escape, what Up brings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from chatctl.terminal.slash_commands import COMMANDS
from tests.support.wire import Wire
from tests.system.terminal.term import Start, Term

Other = Callable[..., Wire]
ESC, UP, CTRL_U = "\x1b", "\x1b[A", "\x15"


def wait_navigation(term: Term, room: str, line: str) -> None:
    """Wait until the prompt shows vi's navigation mode."""
    term.wait(lambda: f"{room}(2): {line}" in term.text(), f"navigation mode with {line!r}")


@pytest.mark.parametrize("how", ["option", "file"])
def test_vi_mode(join: Start, other: Other, room: str, tmp_path: Path, how: str) -> None:
    """The prompt tells the mode; a line is sent from both, and the next one begins in insert mode."""
    omar = other()
    (tmp_path / "config.toml").write_text('[join]\nkeys = "vi"\n')
    options = ["--keys", "vi"] if how == "option" else []
    environ = {} if how == "option" else {"CHATCTL_CONFIG": str(tmp_path / "config.toml")}
    term = join(*options, **environ)
    term.keys(f"hello my world{ESC}")
    wait_navigation(term, room, "hello my world")
    term.keys("0wceyour")
    term.wait_input("hello your world", 10)
    term.keys(ESC)
    wait_navigation(term, room, "hello your world")
    omar.say("in between")
    term.wait_for("omar: in between")
    term.keys("A!" + ESC)
    wait_navigation(term, room, "hello your world!")
    term.keys("\rnext\r")
    assert omar.texts("next")[-2:] == ["hello your world!", "next"]
    term.keys(f"/hlep\r{ESC}")
    wait_navigation(term, room, "/hlep")
    term.keys("Sdone")  # S clears it; the d is none of a visual mode
    term.wait_input("done")


def test_a_refused_command_is_replaced_in_vi_mode(join: Start) -> None:
    term = join("--keys", "vi")
    term.keys("/hlep me\r")
    term.wait_for("! there is no command /hlep")
    term.keys("day")
    term.wait_input("day")
    term.keys(f"{CTRL_U}{UP}{UP}")
    term.wait_input("/hlep me")


def test_escape_closes_the_menu(join: Start) -> None:
    """What was typed stays, and typing goes on. Alt with a letter is still that."""
    term = join()
    term.keys("/m\t")
    term.wait_for("/msg")
    term.keys("\t")
    term.wait(lambda: "> /me" in term.text(), "chosen completion")
    term.keys(ESC)
    term.wait_input("/m")
    term.keys("s\t")
    term.wait_input("/msg ")
    term.keys(f"{CTRL_U}/m\t")
    term.wait_for("send a message to one member")
    term.keys("\t")
    term.wait(lambda: "> /me" in term.text(), "chosen completion")
    term.keys(f"{ESC}b")
    term.wait_input("/me ", 1)


def test_the_menu_shows_as_many_rows_as_fit(join: Start) -> None:
    """Three of twenty were shown."""
    term = join(rows=50)
    term.keys("/\t")
    term.wait_for(*(f"/{name}" for name in COMMANDS))
    assert not any(f"/{name} " in term.text() for name in OPERATOR_COMMANDS if name not in COMMANDS)
    term.keys(ESC)
    term.wait_input("/")
    term.resize(80, 12)
    term.wait_input("/")
    term.keys("\t")
    term.wait(lambda: len([line for line in term.lines() if line.strip().startswith("/")]) == 11, "11 rows")


def test_up_finds_what_begins_like_the_line(join: Start, other: Other) -> None:
    """Without a beginning it brings all, and a line that Ctrl-U has cleared comes first."""
    omar, term = other(), join()
    for line in ("/me waves", "hello", "/me sings", "good bye"):
        term.keys(f"{line}\r")
    omar.texts("good bye")
    term.wait_for("nadia: good bye")
    term.wait_input("")
    term.keys(f"/me{UP}")
    term.wait_input("/me sings")
    term.keys(UP)
    term.wait_input("/me waves")
    term.keys(UP)
    term.wait_input("/me waves")
    term.keys(f"{CTRL_U}half a line{CTRL_U}{UP}")
    term.wait_input("half a line")
    term.keys(f"{CTRL_U}{UP}{UP}")
    term.wait_input("/me waves")


def test_up_from_a_refused_command_goes_to_any_line(join: Start) -> None:
    """And not only to those that begin like it."""
    term = join()
    term.keys("hello\r")
    term.wait_for("nadia: hello")
    term.keys("/hlep\r")
    term.wait_for("! there is no command /hlep")
    term.wait_input("/hlep")
    term.keys(UP)
    term.wait_input("/hlep")
    term.keys(UP)
    term.wait_input("hello")


def test_an_entered_line_is_no_cleared_one(join: Start) -> None:
    """Nor is the one of another room: it would stand there twice."""
    term = join()
    term.keys("hello\r")
    term.wait_for("nadia: hello")
    term.wait_input("")
    term.keys(UP)
    term.wait_input("hello")
    term.keys(f"{UP}{UP}\x1b[B")
    term.wait_input("")


def test_near_the_limit_the_bytes_are_counted(join: Start, other: Other) -> None:
    """Below the line, which has filled the screen by then; messages come as ever, and nothing of it stays."""
    omar, term = other(), join(rows=30)
    term.paste("x" * 3276)
    term.wait(lambda: "x" * 60 in term.text(), "paste")
    assert "bytes" not in term.text()
    term.keys("x")
    term.wait(lambda: term.screen.row(29) == "3,277 of 4,096 bytes", "counter")
    omar.say("in between")
    term.wait_for("omar: in between")
    term.keys("é")
    term.wait(lambda: term.screen.row(29) == "3,279 of 4,096 bytes", "counter")
    term.keys("\x7f\x7f")
    term.wait(lambda: "bytes" not in term.text(), "no counter")
    term.keys(f"{CTRL_U}short")
    term.wait_input("short")
    assert [line for line in term.lines() if "omar" in line][-1].endswith("omar: in between")

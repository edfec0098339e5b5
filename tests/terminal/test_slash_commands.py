"""What a line means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.protocol import Admin
from chatctl.terminal.help_text import help_lines
from chatctl.terminal.slash_commands import COMMANDS, Command, Invalid, is_whisper, parse


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("hello", "hello"),
        ("//etc", "/etc"),
        ("/who", Command("who", "")),
        ("/WHO", Command("who", "")),
        ("/me  waves", Command("me", " waves")),
        ("/msg omar hi there", Command("msg", "omar hi there")),
        ("/history", Command("history", "")),
        ("/history 20", Command("history", "20")),
    ],
)
def test_meanings(line: str, meaning: object) -> None:
    assert parse(line) == meaning


@pytest.mark.parametrize(
    "line",
    [
        "/",
        "/hlep",
        "/me",
        "/me  ",
        "/msg",
        "/msg omar",
        "/nick",
        "/history x",
        "/history 0",
        "/history 123456",
        "/ who",
    ],
)
def test_what_is_never_sent(line: str) -> None:
    assert isinstance(parse(line), Invalid)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/who bob", "usage: /who, alone; /whois NICK tells of one member"),
        ("/Names bob", "usage: /names, alone; /whois NICK tells of one member"),
        ("/rooms ops", "usage: /rooms, alone"),
    ],
)
def test_what_a_command_would_ignore_is_refused(line: str, why: str) -> None:
    assert parse(line) == Invalid(why)
    assert parse("/quit bye") == Command("quit", "bye"), "the parting words of other chat programs"


@given(st.text())
def test_a_line_that_starts_with_a_slash_is_no_text(rest: str) -> None:
    """But for the one that says so."""
    meaning = parse("/" + rest)
    assert isinstance(meaning, str) == rest.startswith("/")


def test_help_lists_everything() -> None:
    shown = "\n".join(help_lines())
    assert all(f"/{name}" in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/names", Command("who", "")),
        ("/exit", Command("quit", "")),
        ("/EXIT", Command("quit", "")),
        ("/topic", Command("topic", "")),
        ("/topic  ", Command("topic", "")),
        ("/topic new", Admin(verb="topic", text="new")),
        ("/query omar", Command("query", "omar")),
        ("/query", Command("query", "")),
        ("/r hi there", Command("r", "hi there")),
        ("/help keys", Command("help", "keys")),
    ],
)
def test_what_people_of_other_programs_type(line: str, meaning: object) -> None:
    assert parse(line) == meaning


@pytest.mark.parametrize(
    ("line", "hint"),
    [("/whoo", "did you mean /who?"), ("/hlep", "did you mean /help?"), ("/namse", "/names?"), ("/xyzzy", "text)")],
)
def test_a_command_that_is_near_is_named(line: str, hint: str) -> None:
    found = parse(line)
    assert isinstance(found, Invalid)
    assert found.reason.endswith(hint)


@pytest.mark.parametrize("line", ["/r psst", "/R psst", "/query omar", " /r psst"])
def test_an_answer_and_whom_one_talks_to_are_in_no_file(line: str) -> None:
    assert is_whisper(line)

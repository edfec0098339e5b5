"""What a line means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from chatctl.terminal.completer import PromptCompleter
from chatctl.terminal.reflow import reflows, rows_above
from chatctl.terminal.slash_commands import COMMANDS, Command, Invalid, help_lines, parse


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


@given(st.text())
def test_a_line_that_starts_with_a_slash_is_no_text(rest: str) -> None:
    """But for the one that says so."""
    meaning = parse("/" + rest)
    assert isinstance(meaning, str) == rest.startswith("/")


def test_help_lists_everything() -> None:
    shown = "\n".join(help_lines())
    assert all(f"/{name}" in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("text", "completions"),
    [
        ("na", ["nadia: ", "Nancy: "]),
        ("nad", ["nadia: "]),
        ("hi nad", ["hi nadia "]),
        ("hi @nad", ["hi @nadia "]),
        ("/q", ["/quit"]),
        ("hi /q", []),
        (":coff", ["☕"]),
        ("", []),
        (":", []),
        ("x ", []),
    ],
)
def test_completion(text: str, completions: list[str]) -> None:
    completer = PromptCompleter(lambda: ["Nancy", "nadia", "omar"])
    found = completer.get_completions(Document(text), CompleteEvent())
    assert sorted(text[: len(text) + one.start_position] + one.text for one in found) == sorted(completions)


@pytest.mark.parametrize(
    ("environ", "does"),
    [
        ({"TMUX": "x"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"VTE_VERSION": "7006"}, True),
        ({"TERM": "xterm-256color"}, False),
    ],
)
def test_which_terminals_wrap_anew(environ: dict[str, str], does: bool) -> None:
    assert reflows(environ) is does


def test_rows_after_wrapping_anew() -> None:
    assert rows_above([], 10, 80) == 0
    assert rows_above([], 75, 50) == 1
    assert rows_above([80, 0, 50, 51], 3, 50) == 2 + 1 + 1 + 2

"""Notifications by the terminal: which sequence, and that nothing leaves it."""

from __future__ import annotations

import re

import pytest

from chatctl.terminal.desktop_notification import MAX_CHARS, Form, notification

TMUX = {"TERM": "tmux-256color", "TMUX": "/tmp/s,1,0"}
SCREEN = {"TERM": "screen-256color", "STY": "1.pts"}


@pytest.mark.parametrize(
    ("form", "environ", "wanted"),
    [
        ("auto", {"TERM": "xterm-256color"}, ""),
        ("auto", {"TERM": "xterm-kitty"}, "\x1b]9;chatctl: hi\x1b\\"),
        ("auto", {"TERM": "xterm", "TERM_PROGRAM": "iTerm.app"}, "\x1b]9;chatctl: hi\x1b\\"),
        ("auto", {"TERM": "foot"}, "\x1b]9;chatctl: hi\x1b\\"),
        ("auto", {"TERM": "rxvt-unicode-256color"}, "\x1b]777;notify;chatctl;hi\x1b\\"),
        ("auto", TMUX, ""),
        ("off", {"TERM": "xterm-kitty"}, ""),
        ("9", {"TERM": "xterm"}, "\x1b]9;chatctl: hi\x1b\\"),
        ("777", {"TERM": "xterm"}, "\x1b]777;notify;chatctl;hi\x1b\\"),
        ("9", TMUX, "\x1bPtmux;\x1b\x1b]9;chatctl: hi\x1b\x1b\\\x1b\\"),
        ("777", TMUX, "\x1bPtmux;\x1b\x1b]777;notify;chatctl;hi\x1b\x1b\\\x1b\\"),
        ("9", SCREEN, "\x1bP\x1b]9;chatctl: hi\a\x1b\\"),
        ("9", TMUX | SCREEN, "\x1bPtmux;\x1b\x1b]9;chatctl: hi\x1b\x1b\\\x1b\\"),
    ],
)
def test_which_sequence(form: Form, environ: dict[str, str], wanted: str) -> None:
    """A multiplexer passes on what is wrapped for it."""
    assert notification("hi", form, environ) == wanted


@pytest.mark.parametrize("environ", [{"TERM": "xterm"}, TMUX, SCREEN])
@pytest.mark.parametrize("form", ["9", "777"])
@pytest.mark.parametrize(
    "text",
    [
        "a\x1b\\\x1b[2J",
        "a\a\x1b]52;c;eA==\a",
        "a\x9c\x9b2J",
        "a\nb\r\x00",
        "a;b;4;3",
        "a\x1bPtmux;\x1b\x1b[2J",
        "\u202e",
    ],
)
def test_nothing_that_others_typed_ends_it(environ: dict[str, str], form: Form, text: str) -> None:
    """What is between its beginning and its end is text, without a field of its own."""
    begin, _, end = notification("@@", form, environ).partition("@@")
    found = notification(text, form, environ)
    assert found.startswith(begin)
    assert found.endswith(end)
    inside = found[len(begin) : len(found) - len(end)]
    assert not re.search("[\x00-\x1f\x7f-\x9f;\u202e]", inside), inside


def test_a_long_text_is_cut() -> None:
    assert notification("x" * 5000, "9", {}).count("x") == MAX_CHARS

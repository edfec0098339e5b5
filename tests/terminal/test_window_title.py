"""The window's title, and what was there before."""

from __future__ import annotations

import pytest

from chatctl.terminal.window_title import WindowTitle


def test_the_title_that_was_there_is_kept_once_and_restored_once() -> None:
    sent: list[str] = []
    title = WindowTitle(sent.append, {"TERM": "xterm-256color"})
    title.set("")
    title.set("nadia@lobby")
    title.set("nadia@lobby")
    title.set("1 unread: nadia@lobby")
    title.set("")
    title.restore()
    assert sent == [
        "\x1b[22;2t\x1b]2;nadia@lobby\x1b\\",
        "\x1b]2;1 unread: nadia@lobby\x1b\\",
        "\x1b[23;2t",
    ]


@pytest.mark.parametrize(
    ("environ", "works"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "screen-256color", "TMUX": "/tmp/s,1,0"}, True),
        ({"TERM": "screen.xterm-256color", "STY": "1.pts"}, False),
        ({"TERM": "xterm-256color", "STY": "1.pts"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_only_a_terminal_that_can_put_it_back_gets_one(environ: dict[str, str], works: bool) -> None:
    sent: list[str] = []
    title = WindowTitle(sent.append, environ)
    title.set("nadia@lobby")
    title.restore()
    assert bool(sent) == works


def test_a_name_acts_on_no_terminal() -> None:
    sent: list[str] = []
    WindowTitle(sent.append, {"TERM": "xterm"}).set("a\x1b\\\x07b" + "x" * 1000)
    (sequence,) = sent
    assert sequence.count("\x1b") == 3
    assert "\x07" not in sequence
    assert len(sequence) < 150

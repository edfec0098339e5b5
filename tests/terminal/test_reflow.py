"""How many rows a line takes after the terminal was resized."""

from __future__ import annotations

import pytest

from chatctl.terminal.reflow import reflows, rows_above


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

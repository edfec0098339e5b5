"""How many rows up the old prompt begins, in each terminal: the table of what was measured."""

from __future__ import annotations

import pytest

from chatctl.terminal.reflow import Kind, Painted, Resize, kind_of, may_be_low, rows_up


def ascii_width(text: str) -> int | None:
    return len(text) if text.isascii() else None


TABLE = [kind for kind in Kind if kind is not Kind.TERMINOLOGY]


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm-256color"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, Kind.FIXED),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006"}, Kind.VTE),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, Kind.KITTY),
        ({"TERM": "alacritty"}, Kind.ALACRITTY),
        ({"TERM": "xterm-256color", "KONSOLE_VERSION": "221203"}, Kind.KONSOLE),
        ({"TERM": "st-256color"}, Kind.FIXED),
        ({"TERM": "rxvt-unicode-256color"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode"}, Kind.UNKNOWN),
        # what a terminal was started from does not count
        ({"TERM": "screen", "STY": "1.a", "VTE_VERSION": "7006"}, Kind.SCREEN),
        ({"TERM": "screen-256color", "TMUX": "x", "STY": "1.a"}, Kind.TMUX),
        ({"TERM": "tmux-256color", "TMUX": "x", "KONSOLE_VERSION": "1"}, Kind.TMUX),
        ({"TERM": "screen-256color"}, Kind.TMUX),
        # it can't be known
        ({"TERM": "st-256color", "VTE_VERSION": "7006"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006", "KONSOLE_VERSION": "1"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7006", "NCURSES_NO_UTF8_ACS": "1"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "TMUX": "x", "XTERM_VERSION": "1"}, Kind.UNKNOWN),
        ({"TERM": "xterm-256color", "STY": "1.a", "VTE_VERSION": "1"}, Kind.UNKNOWN),
        # what is done in terminology loses nothing elsewhere
        ({"TERM": "xterm-256color", "TERMINOLOGY": "1", "VTE_VERSION": "1"}, Kind.TERMINOLOGY),
    ],
)
def test_which_terminal_it_is(environ: dict[str, str], kind: Kind) -> None:
    assert kind_of(environ) is kind


def own(before: str, after: str = "") -> Painted:
    return Painted(80, (), before, after)


# What was measured: the cursor's row below the first row of the prompt, at the width that follows. None: as 0.
F, T, S, V, K, A, N, U = (
    Kind.FIXED,
    Kind.TMUX,
    Kind.SCREEN,
    Kind.VTE,
    Kind.KITTY,
    Kind.ALACRITTY,
    Kind.KONSOLE,
    Kind.UNKNOWN,
)
MEASURED = {
    "behind 60 cells": (own("x" * 60), 40, {T: 1, V: 1, A: 1, K: 1, S: 1}),
    "on cell 40": (own("x" * 40, "x" * 20), 40, {T: 1, V: 1, A: 1, K: 1, S: 1}),
    "behind 40 cells, just full": (own("x" * 40), 40, {S: 1}),
    "behind 60 cells, 30": (own("x" * 60), 30, {T: 1, V: 1, A: 1, K: 1, S: 2}),
    "10 cells, cursor in column 61": (own("x" * 10 + " " * 50), 40, {A: 1, S: 1}),
    "60 cells above": (Painted(80, ("x" * 60,), "", ""), 40, {T: 2, V: 2, A: 2, K: 2, S: 2, N: 2}),
    "wide above": (Painted(80, ("漢" * 40,), "", ""), 27, {T: 4, V: 4, A: 4, K: 3, S: 4, N: 3}),
    "an empty row above": (Painted(80, ("", "x"), "", ""), 40, dict.fromkeys(Kind, 2)),
}


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("case", MEASURED)
def test_no_row_above_the_prompt_is_counted(case: str, kind: Kind) -> None:
    """Whatever was measured is the most that may be counted: one more would be a message."""
    painted, columns, measured = MEASURED[case]
    counted = rows_up(painted, Resize(columns, columns, certain=True), kind, ascii_width)
    assert len(painted.above) <= counted <= max(measured.get(kind, 0), len(painted.above))


@pytest.mark.parametrize("kind", [T, V, K])
@pytest.mark.parametrize("case", [case for case in MEASURED if "wide" not in case])
def test_the_count_is_exact_where_the_terminal_is_known(case: str, kind: Kind) -> None:
    painted, columns, measured = MEASURED[case]
    resize = Resize(columns, columns, certain=True)
    assert rows_up(painted, resize, kind, ascii_width) == max(measured.get(kind, 0), len(painted.above))
    assert not may_be_low(painted, resize, kind, ascii_width)


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize(
    "resize",
    [
        None,
        pytest.param(Resize(40, 40, certain=False), id="painted by chance after it"),
        pytest.param(Resize(40, 80, certain=True), id="narrow and wide again"),
        pytest.param(Resize(120, 120, certain=True), id="wider"),
    ],
)
def test_otherwise_a_row_counts_once(kind: Kind, resize: Resize | None) -> None:
    assert rows_up(Painted(80, ("x" * 70, "y" * 70), "z" * 70, ""), resize, kind, ascii_width) == 2


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("text", ["हिन्दी भाषा" * 5, "👨‍👩‍👧‍👦" * 8, "❤️" * 20, "e" + "\u0301" * 70, "ﷺ" * 30])
def test_what_may_take_no_column_counts_for_none(kind: Kind, text: str) -> None:
    """A terminal that joins these shows them in a row: what is above it is a message."""
    painted = Painted(80, (text,), text, "")
    assert rows_up(painted, Resize(40, 40, certain=True), kind, ascii_width) == 1
    assert may_be_low(painted, Resize(40, 40, certain=True), kind, ascii_width) == (kind is not Kind.FIXED)


def test_the_next_message_is_not_glued_to_an_old_prompt() -> None:
    """Only where a row may have been split: elsewhere a blank row would be for nothing."""
    narrowed = Resize(40, 40, certain=True)
    assert may_be_low(own("x" * 41), narrowed, Kind.UNKNOWN, ascii_width)
    assert may_be_low(own("x" * 41), Resize(40, 40, certain=False), Kind.TMUX, ascii_width)
    assert not may_be_low(own("x" * 40), narrowed, Kind.UNKNOWN, ascii_width)
    assert not may_be_low(own("x" * 41), Resize(100, 100, certain=True), Kind.UNKNOWN, ascii_width)
    assert not may_be_low(own("x" * 41), narrowed, Kind.FIXED, ascii_width)


@pytest.mark.parametrize("kind", [T, V, K, A])
def test_what_the_terminal_has_reported_counts(kind: Kind) -> None:
    """Of a text that may take more or less columns elsewhere."""
    text = "हिन्दी" * 10
    painted, resize = Painted(80, (text,), text, ""), Resize(40, 40, certain=True)
    assert rows_up(painted, resize, kind, lambda _: 60) == 2 + 1
    assert not may_be_low(painted, resize, kind, lambda _: 60)
    assert rows_up(Painted(80, (), text, text), resize, kind, lambda _: 40) == 1, "on cell 40"

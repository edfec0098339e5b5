"""Where a long message is cut."""

from __future__ import annotations

from chatctl.terminal.folding import KEPT, SHOWN_CHARS, SHOWN_LINES, Folded, Folds, fold


def lines(number: int) -> str:
    return "\n".join("x" for _ in range(number))


def test_what_is_not_long_is_shown_whole() -> None:
    """A notice in place of a single line would save nothing."""
    assert fold("") is None
    assert fold(lines(SHOWN_LINES + 1)) is None
    assert fold("x" * SHOWN_CHARS) is None


def test_lines_are_counted() -> None:
    assert fold(lines(SHOWN_LINES + 2)) == Folded(lines(SHOWN_LINES), "2 more lines")
    assert fold("\n" * 4096) == Folded("\n" * (SHOWN_LINES - 1), f"{4097 - SHOWN_LINES:,} more lines")


def test_a_server_may_allow_longer_lines_than_a_screen_holds() -> None:
    assert fold("x" * (SHOWN_CHARS + 1)) == Folded("x" * SHOWN_CHARS, "1 more characters")
    assert fold("\n".join(["x" * SHOWN_CHARS] * 20)) == Folded(
        "x" * SHOWN_CHARS, f"{19 * (SHOWN_CHARS + 1):,} more characters"
    )


def test_only_the_last_ones_are_kept() -> None:
    folds = Folds()
    for number in range(KEPT):
        folds.keep(str(number), [f"{number}"])
    folds.keep("0", ["again"])
    folds.keep("one more", ["one more"])
    assert folds.find("0") == ["again"]
    assert folds.find("1") is None
    assert folds.find("2") == ["2"]

"""The last lines of a program's output, without a process."""

from __future__ import annotations

import pytest

from chatctl.commands.run.last_lines import LastLines, fit, shown


def test_the_last_lines_of_two_streams_in_bounded_memory() -> None:
    lines = LastLines(3)
    for number in range(10_000):
        lines.feed(1 + number % 2, b"%d\n" % number)
    lines.feed(2, b"x" * 1_000_000)
    assert lines.take()[:2] == ["9998", "9999"]
    empty = LastLines(0)
    empty.feed(1, b"a\n")
    assert empty.take() == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_any_cut_gives_the_same_lines(size: int) -> None:
    data = "one\ntwo ✓\n\x1b[31mred\x1b[0m\nhalf".encode()
    lines = LastLines(10)
    for at in range(0, len(data), size):
        lines.feed(1, data[at : at + size])
    assert lines.take() == ["one", "two ✓", "red", "half"]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"\x1b[1;31merror\x1b[0m", "error"),
        (b"\x1b]0;title\x07text", "text"),
        (b"10%\r50%\r100%", "100%"),
        (b"dos\r", "dos"),
        (b"bad \xff byte", "bad \ufffd byte"),
        (b"bell\x07 nul\x00", "bell␇ nul␀"),
        ("\u202eevil".encode(), "<U+202E>evil"),
    ],
)
def test_a_line_is_what_a_terminal_would_have_shown(line: bytes, seen: str) -> None:
    assert shown(line) == seen


def test_it_fits_the_server_s_limit() -> None:
    """The newest lines are kept; of one that is too long, its end."""
    lines = [f"line {number} ✓" for number in range(1000)]
    text = fit("failed", lines, 100)
    assert len(text.encode()) <= 100
    assert text.startswith("failed\n")
    assert text.endswith("\nline 999 ✓")
    assert fit("failed", ["x" * 500], 50) == "failed\n…" + "x" * 40
    assert len(fit("é" * 500, ["a"], 50).encode()) <= 50

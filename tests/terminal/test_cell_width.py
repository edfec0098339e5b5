"""Bounds of the columns that a text takes."""

from __future__ import annotations

import pytest

from chatctl.terminal.cell_width import greatest_width, least_width, wrapped_rows


@pytest.mark.parametrize(
    ("text", "least", "greatest"),
    [
        ("", 0, 0),
        ("abc ~", 5, 5),
        ("Zürich", 6, 7),
        ("漢字", 4, 4),
        ("한글", 4, 4),
        ("नि", 0, 4),
        ("👨‍👩", 0, 6),
        ("e\u0301", 1, 3),
    ],
)
def test_bounds(text: str, least: int, greatest: int) -> None:
    assert (least_width(text), greatest_width(text)) == (least, greatest)


def test_a_wide_character_is_not_cut_in_two() -> None:
    assert wrapped_rows("", 5) == 0
    assert wrapped_rows("abcde", 5) == 1
    assert wrapped_rows("abcdef", 5) == 2
    assert wrapped_rows("漢" * 40, 27) == 4

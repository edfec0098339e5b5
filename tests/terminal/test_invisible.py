"""Texts that show nothing."""

from __future__ import annotations

import pytest

from chatctl.terminal.invisible import describe, is_invisible


@pytest.mark.parametrize(
    "text", [" ", "\u00a0", "\u3164\n", "\ufe0f", "\u200d", "\u0301", "\U000e0041", "\u2800 \u115f"]
)
def test_nothing_of_these_shows(text: str) -> None:
    assert is_invisible(text)


@pytest.mark.parametrize("text", ["a", " .", "e\u0301", "\u3164x", "<U+200B>", "漢", "❤\ufe0f"])
def test_something_of_these_does(text: str) -> None:
    assert not is_invisible(text)


def test_it_is_told_what_they_are() -> None:
    assert describe("\u3164") == "(1 invisible character: U+3164)"
    assert describe(" \u3164 ") == "(3 invisible characters: U+0020 U+3164)"
    assert describe("".join(map(chr, range(0xFE00, 0xFE08)))).endswith("U+FE04 …)")

"""Pastes of any size, cut anywhere."""

from __future__ import annotations

import pytest

from chatctl.terminal.pasted_text import END, MAX_KEPT, PasteCollector


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_the_end_mark_is_found_however_it_is_cut(size: int) -> None:
    """And what looks like its beginning is text."""
    inside = "a\x1b[20\x1b\x1b[201 b\x1b[201"
    data, paste = f"{inside}{END}rest", PasteCollector()
    for at in range(0, len(data), size):
        rest = paste.feed(data[at : at + size])
        if rest is not None:
            break
    assert rest is not None
    assert "rest".startswith(rest)
    assert paste.text(bytearray()) == inside


def test_a_paste_of_any_size_takes_bounded_memory() -> None:
    """Its size is told in full."""
    paste = PasteCollector()
    for _ in range(100):
        assert paste.feed("ä" * MAX_KEPT) is None
    assert paste.feed(END) == ""
    text = paste.text(bytearray())
    assert len(text) == MAX_KEPT
    assert text.size == 100 * 2 * MAX_KEPT

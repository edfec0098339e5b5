"""common/plain_text.py: what programs print for terminals, as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.plain_text import cut_end, cut_start, plain


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("\x1b[1;31merror\x1b[0m", "error"),
        ("\x1b[38:2::255:0:0mred\x1b[m\x1b[K", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0~~\x1b\\image", "image"),
        ("\x1b]0;never ended", ""),
        ("\x1b(Bcharset", "charset"),
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("10%\r100%\r\r\n", "100%\n"),
        ("dos\r\nlines\r\n", "dos\nlines\n"),
        ("\ufefffirst", "first"),
        ("tab\tstays, and so does é", "tab\tstays, and so does é"),
    ],
)
def test_what_a_terminal_would_show_in_the_end(written: str, seen: str) -> None:
    assert plain(written) == seen


@given(st.text(st.sampled_from("\x1b[]mP0\\\r\n\x07\ufeffa\x9c")))
def test_nothing_is_left_of_it(text: str) -> None:
    assert not set("\r\ufeff\x1b") & set(plain(text))
    assert plain(plain(text)) == plain(text)


@given(st.text(), st.integers(3, 40))
def test_a_cut_has_at_most_so_many_bytes(text: str, limit: int) -> None:
    """No character is cut in half."""
    begun, ended = cut_end(text, limit), cut_start(text, limit)
    assert max(len(begun.encode()), len(ended.encode())) <= limit
    assert begun == text or text.startswith(begun[:-1])
    assert ended == text or text.endswith(ended[1:])


def test_a_cut_is_marked() -> None:
    assert cut_end("éééé", 7) == "éé…"
    assert cut_start("éééé", 7) == "…éé"

"""sizes.py: nothing takes more than it says."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.sizes import ENTRY_OVERHEAD, fitting, size_of, size_of_all
from chatctl.protocol import Msg, encode

HEADER = 80
"""Bytes of a string's own, in ENTRY_OVERHEAD."""


@given(st.text(max_size=300))
def test_a_string_takes_no_more(text: str) -> None:
    """Encoding it leaves a second copy with it."""
    text = "".join([text, text])  # an object of our own
    encode(Msg(1, 1.0, "nick", text))
    assert sys.getsizeof(text) <= HEADER + size_of(text)


@given(st.lists(st.text(max_size=30) | st.text(st.characters(max_codepoint=127), max_size=30), max_size=5))
def test_all_together_take_as_much_as_each(texts: list[str]) -> None:
    """What was counted together is given back in parts."""
    assert size_of_all(texts) == sum(size_of(text) for text in texts)


def entries(*texts: str) -> list[Msg]:
    return [Msg(seq, 1.0, "nick", text) for seq, text in enumerate(texts, 1)]


@pytest.mark.parametrize(
    ("most", "count"), [(None, 5), (0, 1), (1, 1), (ENTRY_OVERHEAD + 11, 2), (1 << 20, 5), (ENTRY_OVERHEAD + 10, 1)]
)
def test_as_many_are_taken_as_fit_and_one_at_least(most: int | None, count: int) -> None:
    rows = iter(entries(*["x" * 10] * 5))
    assert len(fitting(rows, most)) == count
    assert len(list(rows)) == 5 - count, "no other was taken"
    assert fitting([], most) == []

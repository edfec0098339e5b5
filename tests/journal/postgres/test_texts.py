"""Texts as the engine can hold them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatctl.journal.postgres.texts import from_engine, to_engine

TEXTS = st.text(st.sampled_from("a\0\x1a\x1b☺"), max_size=12)


@given(TEXTS)
def test_every_text_comes_back_and_none_has_a_nul_meanwhile(text: str) -> None:
    kept = to_engine(text)
    assert "\0" not in kept
    assert from_engine(kept) == text


@given(TEXTS, TEXTS)
def test_two_texts_stay_two(one: str, other: str) -> None:
    """Ids are compared there."""
    assert (to_engine(one) == to_engine(other)) == (one == other)


@given(TEXTS, TEXTS, TEXTS)
def test_a_part_of_a_text_stays_a_part(before: str, part: str, after: str) -> None:
    """A search is made there."""
    assert to_engine(part) in to_engine(before + part + after)


def test_what_the_engine_was_given_by_others_does_no_harm() -> None:
    assert from_engine("a\x1a") == "a\x1a"
    assert from_engine("\x1ab") == "\x1ab"

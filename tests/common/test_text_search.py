"""text_search.py: what is found, in whatever case and spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.text_search import Query, fold_text, look_through
from chatctl.protocol import Msg, Search
from tests.support.naughty import NAUGHTY


def query(text: str, *nicks: str, since: float | None = None) -> Query:
    return Query.of(Search(text, from_=list(nicks), since=since))


def said(text: str, nick: str = "nadia", time: float = 5.0) -> Msg:
    return Msg(seq=1, time=time, nick=nick, text=text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("Deploy", "the DEPLOY is done"),
        ("ploy is", "the DEPLOY is done"),
        ("STRASSE", "Hauptstraße 1"),
        ("straße", "HAUPTSTRASSE 1"),
        ("istanbul", "İstanbul"),
        ("İSTANBUL", "istanbul"),
        ("i\u0307stanbul", "ISTANBUL"),
        ("caf\u00e9", "CAFE\u0301"),
        ("cafe\u0301", "CAF\u00c9"),
        ("\u1ed9", "o\u0302\u0323"),  # two marks, in the other order
        ("\u1fb4", "\u03b1\u0345\u0301"),  # one of them becomes a letter when it is folded
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("語", "日本語です"),
        ("\x00", "before\x00after"),
        ("\u202eevil", "an \u202eEVIL name"),
        ("👩‍👩‍👧", "hi 👩‍👩‍👧"),
        ("K", "5 \u212a"),  # the Kelvin sign
        ("a\nb", "A\nB"),
    ],
)
def test_what_is_found(wanted: str, text: str) -> None:
    assert query(wanted).finds(said(text))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("cafe", "caf\u00e9"),  # an accent counts, however it is spelt
        ("cafe", "cafe\u0301"),
        ("deploy", "de ploy"),
        ("a.c", "abc"),
        ("%", "abc"),
        ("_", "abc"),
        ("ı", "I"),
    ],
)
def test_what_is_not_found(wanted: str, text: str) -> None:
    assert not query(wanted).finds(said(text))


@given(st.text(), st.text(min_size=1, max_size=5), st.text())
def test_a_text_is_found_in_any_that_holds_it_in_any_case(before: str, text: str, after: str) -> None:
    """Joined texts may become others: a mark goes with the letter before it."""
    whole = f"{before}\n{text}\n{after}"
    if unicodedata.combining(text[0]) == 0:
        assert query(text).finds(said(whole))
        assert query(text).finds(said(whole.upper())) or fold_text(text.upper()) != fold_text(text)
    assert fold_text(fold_text(text)) == fold_text(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_folds_to_ascii_and_as_databases_fold_it(text: str) -> None:
    assert fold_text(text) == text.lower()
    assert fold_text(text).isascii()


@pytest.mark.parametrize("text", NAUGHTY.values(), ids=NAUGHTY)
def test_texts_made_to_annoy_are_found_as_they_stand(text: str) -> None:
    assert not text or query(text[:200]).finds(said(f"x {text} y"))


def test_authors_and_times() -> None:
    assert query("a", "NADIA").finds(said("a"))
    assert query("a", "omar", "nadia").finds(said("a"))
    assert not query("a", "omar").finds(said("a"))
    assert query("a", "ﬁ: no nickname").finds(said("a", nick="ﬁ: No Nickname"))
    assert query("a", since=5.0).finds(said("a"))
    assert not query("a", since=5.1).finds(said("a"))


def test_a_redacted_message_is_never_found() -> None:
    assert not query("a").finds(Msg(seq=1, time=5.0, nick="", text="", redacted=True))


def test_a_look_stops_where_enough_is_found_or_it_is_over() -> None:
    entries = [Msg(seq, float(seq), "nadia", "a" if seq % 2 else "b") for seq in range(9, 0, -1)]
    assert look_through(entries, query("a"), 9, lambda: False) == (entries[::2], None)
    assert look_through(entries, query("a"), 2, lambda: False) == (entries[0:3:2], entries[2])
    times: Iterator[bool] = iter([False, False, False, True])
    assert look_through(entries, query("b"), 9, lambda: next(times)) == (entries[1:4:2], entries[3])
    assert look_through([], query("b"), 9, lambda: True) == ([], None)

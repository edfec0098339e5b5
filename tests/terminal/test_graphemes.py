"""Positions between what a person sees as characters and words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.terminal.graphemes import before, behind, boundaries, snapped, word_end, word_start

FAMILY, FLAGS = "👨\u200d👩\u200d👧\u200d👦", "🇩🇪🇪🇺"
TEXTS = st.text(alphabet="a e\u0301ß_-\n\u200d\ufe0f👨👩🇩🇪🏽हिन्दी漢각")


@pytest.mark.parametrize("cluster", ["e\u0301", FAMILY, "❤\ufe0f", "👍🏽", "🇩🇪", "न्दी", "각"])
def test_a_cluster_is_one(cluster: str) -> None:
    text = f"a{cluster}b"
    end = 1 + len(cluster)
    assert (before(text, end), behind(text, 1)) == (1, end)
    for inside in range(2, end):
        assert before(text, inside) == 1
        assert behind(text, inside) == end
        assert snapped(text, inside, forward=False) == 1
        assert snapped(text, inside, forward=True) == end


def test_several_at_once_and_the_ends() -> None:
    text = f"{FAMILY}{FLAGS}x"
    assert behind(text, 0, 3) == len(text) - 1
    assert before(text, len(text), 2) == len(text) - 3
    assert behind(text, 0, 99) == len(text)
    assert before(text, len(text), 99) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("größer als", ["größer", "als"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("caf\u0065\u0301s, x_1", ["caf\u0065\u0301s", "x_1"]),
        (f"ok {FAMILY} ja", ["ok", "ja"]),
    ],
)
def test_words_of_any_script(text: str, words: list[str]) -> None:
    """Alt-B and Alt-F stopped at each letter that is not ASCII."""
    at, found = 0, []
    while at < len(text):
        end = word_end(text, at)
        found.append(text[word_start(text, end) : end])
        at = end
    assert found == words


@given(TEXTS, st.data())
def test_every_step_ends_between_two_clusters(text: str, data: st.DataObject) -> None:
    """From anywhere, and it goes in its direction."""
    at = data.draw(st.integers(0, len(text)))
    back, forth = {before(text, at), word_start(text, at)}, {behind(text, at), word_end(text, at)}
    assert back | forth <= set(boundaries(text))
    assert all(to < at or to == 0 for to in back if text)
    assert all(to > at or to == len(text) for to in forth if text)

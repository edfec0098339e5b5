"""client/core/fitting.py: a text over the server's limits, cut or in parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.client.core.fitting import split, truncated
from chatctl.client.core.outbox import Message
from chatctl.client.core.sender import check_length
from chatctl.protocol import Limits, Say, Whisper

SMALL = Limits(text=40, line=150)

texts = st.text(st.sampled_from('ab é漢👍\x01"\\\n\t\u0301\u200d'), min_size=1, max_size=400)
frames = st.builds(Say, texts, st.just("key-1")) | st.builds(Whisper, st.just("nadia"), texts, st.just("key-1"))


def texts_of(messages: list[Message]) -> list[str]:
    return [message.frame.text for message in messages]


@given(frames)
def test_parts_fit_and_nothing_of_the_text_is_lost(frame: Say | Whisper) -> None:
    """But the line end at a cut."""
    parts = split(Message(frame), SMALL)
    for part in parts:
        check_length(part, SMALL, "")
    joined, text = "".join(texts_of(parts)), frame.text
    for char in joined:
        at = text.index(char)
        assert text[:at].strip("\n") == ""
        text = text[at + 1 :]
    assert text.strip("\n") == ""


@given(frames)
def test_a_cut_text_fits_and_says_that_it_is_cut(frame: Say | Whisper) -> None:
    (message,) = truncated(Message(frame), SMALL)
    check_length(message, SMALL, "")
    text = message.frame.text
    assert text == frame.text or (text.endswith("…") and frame.text.startswith(text[:-1]))


@pytest.mark.parametrize("fit", [split, truncated])
def test_what_fits_is_left_alone(fit: object) -> None:
    message = Message(Say("a\n" * 20, id="key"))
    assert callable(fit)
    assert fit(message, SMALL) == [message]


def test_a_text_is_cut_at_its_line_ends() -> None:
    lines = [f"line {number:02}" for number in range(20)]
    parts = texts_of(split(Message(Say("\n".join(lines), id="key")), SMALL))
    assert [line for part in parts for line in part.split("\n")] == lines
    assert len(parts) == 4


def test_a_character_and_its_marks_stay_together() -> None:
    parts = texts_of(split(Message(Say("a" * 39 + "e\u0301" * 3, id="key")), SMALL))
    assert parts == ["a" * 39, "e\u0301" * 3]
    family = "👨\u200d👩\u200d👧"
    assert texts_of(split(Message(Say("a" * 30 + family, id="key")), SMALL)) == ["a" * 30, family]


def test_each_part_has_an_id_of_its_own_and_the_first_one_that_of_the_message() -> None:
    """So the same text under the same id is said once, in parts or not."""
    parts = split(Message(Say("x" * 100, id="key"), "line 3"), SMALL)
    assert [(part.id, part.where) for part in parts] == [("key", "line 3"), ("key/2", "line 3"), ("key/3", "line 3")]
    long = split(Message(Say("x" * 100, id="k" * 128)), Limits(text=40, line=400))
    assert [len(part.id) for part in long] == [128, 122, 122]


def test_a_text_of_marks_alone_comes_to_an_end() -> None:
    assert "".join(texts_of(split(Message(Say("\u0301" * 100, id="key")), SMALL))) == "\u0301" * 100

"""What a message says about a question, without a server."""

from __future__ import annotations

import pytest

from chatctl.client.core.question import Question
from tests.support.in_process import wrong_usage


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("yes", 0), ("YES", 0), ("  yes \n", 0), ("1", 0), ("not now", 1), ("2", 1), ("deploy: yes", 0),
        ("@deploy 2", 1),
        ("yes please", None), ("4", None), ("0", None), ("", None), ("-1", None), ("²", None), ("1" * 5000, None),
        ("éa", 2), ("e\u0301a", 2),
    ],
)  # fmt: skip
def test_what_a_message_chooses(said: str, choice: int | None) -> None:
    assert Question("?", ["yes", "not now", "éa"], "deploy").choice_of(said) == choice


def test_numbers_stand_for_nothing_where_a_choice_is_one() -> None:
    """'2' could mean either."""
    question = Question("how many?", ["2", "1"], "deploy")
    assert [question.choice_of(text) for text in ("1", "2", "3")] == [1, 0, None]
    assert "[1]" not in question.message()


@pytest.mark.parametrize("choices", [("yes", "YES "), ("é", "e\u0301")])
def test_two_choices_that_one_message_means_are_refused(choices: tuple[str, str]) -> None:
    """The second could never be chosen: ``choice_of`` compares them so."""
    typed = [word for choice in choices for word in ("--choice", choice)]
    assert "two choices are the same" in wrong_usage("ask", "well?", *typed)

"""What a message says about a question, without a server."""

from __future__ import annotations

import pytest

from chatctl.client.core.question import Question, Reading, new_tag
from tests.support.in_process import wrong_usage


def choice_of(question: Question, text: str) -> int | None:
    reading = question.read(text)
    return reading.choice if reading is not None else None


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("yes", 0), ("YES", 0), ("  yes \n", 0), ("1", 0), ("not now", 1), ("2", 1), ("deploy: yes", 0),
        ("@deploy 2", 1), ("@deploy: 2", 1), ("Deploy, y", 0),
        ("y", 0), ("Y.", 0), ("yes.", 0), ("Yes!", 0), ("2)", 1), ("[2]", 1), ("(2)", 1), ("#2", 1), ("2.", 1),
        ('"yes"', 0), ("n", 1), ("é", 2), ("not now,", 1),
        ("yes please", None), ("4", None), ("0", None), ("", None), ("-1", None), ("²", None), ("1" * 5000, None),
        ("éa", 2), ("e\u0301a", 2), ("yes?", None), ("ye", None), (".", None), ("yes\nno", None), ("deployyes", None),
    ],
)  # fmt: skip
def test_what_a_message_chooses(said: str, choice: int | None) -> None:
    """As people type it, and nothing that is mere talk."""
    assert choice_of(Question("?", ["yes", "not now", "éa"], "deploy"), said) == choice


@pytest.mark.parametrize("said", ["a3 yes", "a3: yes", "[a3] yes", "A3, YES.", "a3:yes", "[A3]: 1", "@deploy a3 y"])
def test_a_tag_names_the_question(said: str) -> None:
    assert Question("?", ["yes", "no"], "deploy", tag="a3").read(said) == Reading(0, tagged=True)


@pytest.mark.parametrize("said", ["b4 yes", "a3yes", "a35 yes", "yes a3", "a3"])
def test_another_tag_is_other_talk(said: str) -> None:
    """Another question's answer is no matter of ours."""
    assert Question("?", ["yes", "no"], "deploy", tag="a3").read(said) is None


def test_what_can_t_be_told_is_said() -> None:
    """The asker hears why nothing happens."""
    question = Question("when?", ["now", "not today", "soon"], "deploy", tag="a3")
    assert question.read("n") == Reading(None, tagged=False, problem="it may mean now or not today")
    assert question.read("a3 maybe") == Reading(None, tagged=True, problem="'maybe' is not one of the choices")
    assert Question("?", ["yes", "yes!"], "deploy").read("yes.") == Reading(None, False, "it may mean yes or yes!")
    assert Question("?", ["yes", "yes!"], "deploy").read("yes!") == Reading(1, tagged=False)


def test_who_asks_is_no_one_to_answer() -> None:
    """It is told before anybody is asked; beside others the asker's name does no harm."""
    problem = Question("?", ["yes", "no"], "nils", nicks=["nils"]).problem()
    assert problem == "only nils may answer, and that is our own nickname: ask under another nick, such as ci"
    assert Question("?", ["yes", "no"], "nils", nicks=["nils", "nadia"]).problem() is None
    assert Question("?", ["yes", "no"], "nils").problem() is None


def test_numbers_stand_for_nothing_where_a_choice_is_one() -> None:
    """'2' could mean either; and '1' is no first letter of '10'."""
    question = Question("how many?", ["2", "1"], "deploy")
    assert [choice_of(question, text) for text in ("1", "2", "3")] == [1, 0, None]
    assert "[1]" not in question.message()
    assert choice_of(Question("how many?", ["10", "20"], "deploy"), "1") is None


@pytest.mark.parametrize(
    ("choices", "answer"),
    [(["yes", "no"], "a3 yes"), (["x" * 100, "no"], "a3 1"), (["1" * 30, "2"], f"a3 {'1' * 30}")],
)
def test_the_question_says_how_to_answer_with_its_tag(choices: list[str], answer: str) -> None:
    question = Question("well?", choices, "deploy", tag="a3")
    assert f"a3 is this question's tag: while others are open, answer '{answer}'" in question.message()
    assert question.read(answer) == Reading(0, tagged=True)
    assert "tag" not in Question("well?", choices, "deploy").message()


def test_a_tag_begins_no_choice() -> None:
    """Or 'a2' would be an answer and half of one."""
    tag = new_tag(lambda count: bytes(count), ["A2", "a22 days"], 2)
    assert tag == "a222"


@pytest.mark.parametrize("choices", [("yes", "YES "), ("é", "e\u0301")])
def test_two_choices_that_one_message_means_are_refused(choices: tuple[str, str]) -> None:
    """The second could never be chosen: ``read`` compares them so."""
    typed = [word for choice in choices for word in ("--choice", choice)]
    assert "two choices are the same" in wrong_usage("ask", "well?", *typed)

"""A line that only ever grows on the screen."""

from __future__ import annotations

import pytest

from chatctl.terminal.linear_line import BELL, LinearLine, Recall

FAMILY = "👨\u200d👩\u200d👧\u200d👦"


def typed(text: str) -> LinearLine:
    line = LinearLine()
    assert line.insert(text) == text
    return line


@pytest.mark.parametrize(
    ("text", "presses", "written", "left"),
    [
        ("helo", "<lo", "\\o/lo", "hello"),
        ("helo", "<<x", "\\ol/x", "hex"),
        (f"a{FAMILY}", "<", f"\\{FAMILY}", "a"),
        ("a\n", "<", "\\^J", "a"),
        ("a", "<<", f"\\a{BELL}", ""),
        ("", "<", BELL, ""),
        ("one two", "w!", "\\two/!", "one !"),
        ("one two ", "ww", "\\two /\\one /", ""),
        ("abc", "<w", "\\c/\\ab/", ""),
        ("", "w", BELL, ""),
    ],
)
def test_what_is_deleted_is_written_once_more(text: str, presses: str, written: str, left: str) -> None:
    """``<`` is Backspace, ``w`` Ctrl-W."""
    line = typed(text)
    keys = {"<": line.erase, "w": line.erase_word}
    assert "".join(keys[key]() if key in keys else line.insert(key) for key in presses) == written
    assert line.text == left


@pytest.mark.parametrize(("before", "after", "written"), [("na", "nadia: ", "dia: "), ("NA", "nadia", "\nnadia")])
def test_a_line_that_becomes_another_is_written_in_a_row_of_its_own(before: str, after: str, written: str) -> None:
    """Unless it only goes on."""
    line = typed(before)
    assert line.become(after) == written
    assert line.text == after


def test_after_a_deletion_a_line_that_goes_on_is_written_anew() -> None:
    line = typed("nadx")
    line.erase()
    assert line.become("nadia") == "\nnadia"


def test_a_line_that_is_taken_leaves_nothing_behind() -> None:
    line = typed("abc")
    line.erase()
    assert (line.take(), line.text, line.insert("x")) == ("ab", "", "x")


def test_again_ends_a_deletion() -> None:
    line = typed("abc")
    line.erase()
    assert (line.again(), line.insert("d")) == ("ab", "d")


def test_recall_goes_through_what_begins_like_the_line() -> None:
    recall = Recall(lambda: ["/me waves", "hello", "/me sings"])
    assert [recall.step("/me", -1), recall.step("/me sings", -1), recall.step("/me waves", -1)] == [
        "/me sings",
        "/me waves",
        None,
    ]
    assert [recall.step("", 1), recall.step("", 1), recall.step("", 1)] == ["/me sings", "/me", None]
    recall.forget()
    assert recall.step("", -1) == "/me sings"

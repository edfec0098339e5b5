"""looking_away.py: one line for each time that somebody looks away, and none for those who never do."""

from __future__ import annotations

import pytest

from chatctl.terminal.looking_away import LookingAway


@pytest.mark.parametrize(
    ("events", "marks"),
    [
        ("mm", []),  # a terminal that never tells
        ("Om", [1]),
        ("Omm", [1]),
        ("OIm", []),
        ("mOmmImOm", [2, 7]),
        ("OmOm", [1, 3]),
        ("ImOIOm", [5]),
    ],
)
def test_the_first_message_that_comes_while_the_focus_is_elsewhere(events: str, marks: list[int]) -> None:
    """O: the focus is lost, I: it is back, m: a message."""
    away, marked = LookingAway(), []
    for at, event in enumerate(events):
        if event != "m":
            away.focused(event == "I")
        elif away.first_unread():
            marked.append(at)
    assert marked == marks

"""The unfinished line of an earlier run."""

from __future__ import annotations

import pytest

from chatctl.terminal.old_draft import OldDraft

DAY = 86_400.0
NOON = 1_700_000_000.0


def test_it_is_announced_until_a_line_was_entered() -> None:
    draft = OldDraft("half a li", NOON)
    told = draft.announcement(NOON + 60)
    assert told.endswith("is kept, Up brings it back: half a li")
    assert draft.announcement(NOON + 3 * DAY) != told, "it says which day it was"
    draft.entered()
    assert draft.announcement(NOON) == ""


def test_it_stays_in_its_file_until_the_user_has_had_it_back() -> None:
    """Whoever joins, looks and leaves has not given it up."""
    draft = OldDraft("half a li", NOON)
    assert draft.to_save("") == "half a li"
    draft.entered()
    assert draft.to_save("") == "half a li"
    assert draft.to_save("something else") == "something else"
    draft.line_is("half a")
    assert draft.to_save("") == "half a li"
    draft.line_is("half a li")
    assert draft.to_save("") == ""
    assert draft.announcement(NOON) == ""


@pytest.mark.parametrize("text", ["x" * 4000, "a\nb" * 100, "\x1b[2J" * 20])
def test_what_is_shown_of_it_is_short_and_acts_on_no_terminal(text: str) -> None:
    told = OldDraft(text, NOON).announcement(NOON)
    assert len(told) < 90
    assert "\n" not in told
    assert "\x1b" not in told


def test_there_may_be_none() -> None:
    draft = OldDraft("", 0.0)
    assert draft.announcement(NOON) == draft.to_save("") == ""
    draft.line_is("")

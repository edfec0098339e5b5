"""What waits for the engine: in which order it goes, what goes together, and what stays the next one."""

from __future__ import annotations

import pytest

from chatctl.journal.postgres import waiting_changes
from chatctl.journal.postgres.waiting_changes import WaitingChanges
from chatctl.journal.work import Batch, FactsChange
from tests.support.journals import draft


def batch(*texts: str) -> Batch:
    return Batch([draft(text) for text in texts], lambda _: None)


def taken(waiting: WaitingChanges) -> list[list[Batch]]:
    """Return the batches of each change, as if each were made at once."""
    groups = []
    while (attempt := waiting.next()) is not None:
        groups.append(list(attempt.batches))
        waiting.attempt = None
    return groups


def test_what_was_not_answered_stays_the_next_one_under_its_number() -> None:
    waiting = WaitingChanges()
    waiting.batches.append(first := batch("a"))
    attempt = waiting.next()
    assert attempt is not None
    waiting.batches.append(batch("b"))
    assert waiting.next() is attempt
    assert (attempt.number, list(attempt.batches)) == (1, [first])
    waiting.attempt = None
    assert (attempt := waiting.next()) is not None
    assert attempt.number == 2


def test_changes_go_first_then_what_is_tried_alone_then_all_the_others_together() -> None:
    waiting = WaitingChanges()
    one, two, alone, other = batch("a"), batch("b"), batch("c"), batch("d")
    waiting.batches.extend([one, two])
    waiting.alone.extend([alone, other])
    waiting.changes.append(change := FactsChange({}, lambda _: None))
    attempt = waiting.next()
    assert attempt is not None
    assert (attempt.change, attempt.group) == (change, None)
    waiting.attempt = None
    assert taken(waiting) == [[alone], [other], [one, two]]
    assert not waiting.has_any


@pytest.mark.parametrize(("drafts", "size", "groups"), [(3, 1 << 20, [2, 1]), (256, 250, [2, 1]), (1, 1, [1, 1, 1])])
def test_a_group_is_not_larger_than_others_may_wait_for(
    monkeypatch: pytest.MonkeyPatch, drafts: int, size: int, groups: list[int]
) -> None:
    """Unless one batch alone is."""
    monkeypatch.setattr(waiting_changes, "MAX_DRAFTS", drafts)
    monkeypatch.setattr(waiting_changes, "MAX_BYTES", size)
    waiting = WaitingChanges()
    waiting.batches.extend([batch("x" * 50, "y"), batch("z" * 50), batch("x" * 200)])
    assert [len(group) for group in taken(waiting)] == groups


def test_what_was_certainly_not_made_waits_again_in_its_place() -> None:
    waiting = WaitingChanges()
    one, two, three = batch("a"), batch("b"), batch("c")
    waiting.batches.extend([one, two])
    assert waiting.next() is not None
    waiting.batches.append(three)
    waiting.put_back()
    assert taken(waiting) == [[one, two, three]]
    waiting.changes.extend([first := FactsChange({}, print), second := FactsChange({}, print)])
    assert waiting.next() is not None
    waiting.put_back()
    assert list(waiting.changes) == [first, second]


def test_what_was_sent_is_not_among_what_never_was() -> None:
    """Its outcome is unknown: nobody may be told that it was not made."""
    waiting = WaitingChanges()
    waiting.batches.append(batch("sent"))
    sent = waiting.next()
    waiting.batches.append(later := batch("later"))
    waiting.alone.append(alone := batch("alone"))
    waiting.changes.append(change := FactsChange({}, lambda _: None))
    assert waiting.drop_unsent() == [change, alone, later]
    assert waiting.has_any
    assert waiting.next() is sent


def test_rooms_are_stored_even_if_nothing_is_said() -> None:
    waiting = WaitingChanges()
    waiting.new_rooms = True
    assert not waiting.has_any, "nobody waits for it"
    assert taken(waiting) == [[]]

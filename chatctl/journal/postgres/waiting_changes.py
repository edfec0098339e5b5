"""Waiting changes: what was not sent to the engine yet, and which of it is the next one. No I/O.

Lives here: group commit, and what is tried by itself after its group was refused. Does not live here: who sends it
(writer.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chatctl.common.sizes import size_of_all
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.work import Redaction
from chatctl.journal.work import Batch, FactsChange

MAX_DRAFTS, MAX_BYTES = 256, 1 << 20
"""Of a group, unless one batch alone has more: others wait for it in their rooms."""


@dataclass(slots=True)
class Attempt:
    """A change that was sent, or is about to be."""

    number: int
    batches: Sequence[Batch]
    group: Group | None
    change: FactsChange | Redaction | None


class WaitingChanges:
    """Gives each change a number, under which it stays the next one until its outcome is known."""

    def __init__(self) -> None:
        """Nothing waits."""
        self.batches: deque[Batch] = deque()
        self.changes: deque[FactsChange | Redaction] = deque()
        self.alone: deque[Batch] = deque()
        """Batches of a group that was refused: each is tried by itself."""
        self.new_rooms = False
        """Whether rooms are to be stored, or removed, even if nothing is said."""
        self.attempt: Attempt | None = None
        """The one that was sent, or is about to be; whoever knows its outcome sets it to None."""
        self._number = 0

    @property
    def has_any(self) -> bool:
        """Whether somebody waits for an outcome."""
        return bool(self.attempt or self.alone or self.batches or self.changes)

    def next(self) -> Attempt | None:
        """Return the change that is to be made; None: there is none."""
        if self.attempt is None:
            self.attempt = self._take()
        return self.attempt

    def put_back(self) -> None:
        """Have the attempt wait again that was certainly not made."""
        attempt, self.attempt = self.attempt, None
        assert attempt is not None
        if attempt.change is not None:
            self.changes.appendleft(attempt.change)
        self.batches.extendleft(reversed(attempt.batches))

    def drop_unsent(self) -> list[FactsChange | Redaction | Batch]:
        """Return what never reached the engine, and forget it."""
        dropped = [*self.changes, *self.alone, *self.batches]
        for waiting in (self.changes, self.alone, self.batches):
            waiting.clear()
        return dropped

    def _take(self) -> Attempt | None:
        change, group, batches = None, None, []
        if self.changes:
            change = self.changes.popleft()
        elif self.alone:
            batches = [self.alone.popleft()]
        elif self.batches or self.new_rooms:
            batches = self._take_group()
            self.new_rooms = False  # if this fails, the store keeps them for the next one
        else:
            return None
        if change is None:
            group = Group([batch.drafts for batch in batches])
        self._number += 1
        return Attempt(self._number, batches, group, change)

    def _take_group(self) -> list[Batch]:
        batches: list[Batch] = []
        drafts = size = 0
        while self.batches:
            batch = self.batches[0]
            drafts += len(batch.drafts)
            size += size_of_all([draft.text for draft in batch.drafts])
            if batches and (drafts > MAX_DRAFTS or size > MAX_BYTES):
                break
            batches.append(self.batches.popleft())
        return batches

"""Work: what a journal hands to the thread that writes, beside that of every kind, and what the thread reports.

Does not live here: either side (journal.py, writer.py), the work of every kind of journal (../work.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatctl.journal import Facts, OnKept
from chatctl.journal.postgres.resuming import Cut
from chatctl.journal.postgres.sharing import Changes
from chatctl.journal.records import RoomRecord
from chatctl.journal.work import WriterEvents
from chatctl.protocol import Msg


@dataclass(frozen=True, slots=True)
class Redaction:
    """The arguments of one call of ``redact``."""

    room: str
    epoch: str
    """Of the room when it was decided: in another one the numbers are of other entries."""
    seqs: Sequence[int]
    facts: Facts
    known: int | None
    """The version of the facts by then; None: this server is alone."""
    done: OnKept


@dataclass(frozen=True, slots=True)
class Look:
    """A hint that other servers did something: in this room; None: anywhere."""

    room: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """This server goes by all changes of facts up to a version."""

    version: int


class SharedEvents(WriterEvents, Protocol):
    """Callbacks about what other servers did."""

    def found(self, record: RoomRecord) -> None:
        """There is a room that was not known."""

    def grown(self, entries: Mapping[str, list[Msg]]) -> None:
        """Rooms have entries that follow what was delivered."""

    def changed(self, changes: Changes) -> None:
        """Facts were changed, or entries emptied; or only the version is another."""

    def fenced(self) -> None:
        """This server was taken for dead, and has another id now."""

    def cut(self, cut: Cut) -> None:
        """The engine has lost something that was told, or the log has other epochs. What follows is of these."""

"""Journals: what numbers the entries of a room's log and keeps them.

Lives here: the interface that core/ and hub/ know, and its values; no I/O. Does not live here: the journals themselves
(memory.py, sqlite.py, postgres/). A journal is not a second log: the ring, the cursors and the order of delivery exist
once, in core/room.py, whatever the journal is. Nothing is shown to anyone before its journal has committed it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from chatctl.common.text_search import Looked, Query
from chatctl.errors import StorageFailed
from chatctl.protocol import Msg

__all__ = [
    "ChangedMeanwhile",
    "Deliver",
    "Draft",
    "FactKey",
    "Facts",
    "Head",
    "Journal",
    "LogCut",
    "OnAppended",
    "OnKept",
    "Poster",
    "RebuildCost",
    "Receipt",
]


FactKey = tuple[str, str]
"""(kind, key) of a fact."""


class Poster(Struct, frozen=True):
    """Who says something without being a member."""

    looks: frozenset[str]
    """Skeletons of the name: what looks like it has one of them."""
    key: str | None = None
    """The fingerprint of the key that they proved. Their token is the draft's."""


class Draft(Struct, frozen=True):
    """A message before it has a number. ``time`` is Unix seconds."""

    room: str
    time: float
    nick: str
    text: str
    action: bool = False
    token: bytes | None = None
    """Hash of the sender's token: the scope of ``id``."""
    id: str | None = None
    persist: bool = True
    """False for a probe: its commit is a real one and stores nothing."""
    append: bool = True
    """False while its sender may not speak: an earlier message of this ``id`` is looked up, nothing is added."""
    seq_fact: FactKey | None = None
    """A fact whose value becomes the entry's number, in the same transaction."""
    poster: Poster | None = None
    """Its sender, if that is no member. A journal that servers share adds nothing if somebody else is a member of
    another one by the time of the commit, under a name that looks like this one: this server may not know yet."""


class Receipt(Struct, frozen=True):
    """The outcome of a committed draft."""

    seq: int | None
    """The entry's number; of a duplicate the first one's; None if nothing was stored."""
    time: float
    """Unix seconds; of a duplicate the first one's."""
    duplicate: bool = False
    reused: bool = False
    """Nothing was stored: the id belongs to another message, the entry ``seq``. Never together with ``duplicate``."""
    taken: bool = False
    """Nothing was stored: the name is a member's who is not the ``poster``."""


@dataclass(frozen=True, slots=True)
class Head:
    """State of a room's log: entries ``first`` to ``last`` can be read, ``epoch`` identifies the log."""

    epoch: str
    first: int | None
    """None: the journal keeps no entries, the ring has all that there are."""
    last: int
    time: float = 0.0
    """Unix seconds of an entry near the end, or 0: what is said next is not stamped with an earlier time."""


class ChangedMeanwhile(StorageFailed):
    """Another server has changed the same facts. What it has changed is known by now."""


class LogCut(StorageFailed):
    """A room's log has lost its last entries since some were chosen: other entries may have their numbers."""

    def __init__(self, room: str) -> None:
        super().__init__(f"{room} has lost its last messages in the meantime: check which numbers you mean")


Deliver = Callable[[Sequence[Msg]], None]
OnAppended = Callable[[Sequence[Receipt] | StorageFailed], None]

Facts = Mapping[FactKey, str | None]
"""What a server remembers beside messages: a value for each (kind, key), such as a name's owner. None removes one."""
OnKept = Callable[[StorageFailed | None], None]


@dataclass(frozen=True, slots=True)
class RebuildCost:
    """What ``Journal.rebuild`` takes, in bytes: ``needed`` beside the journal, where ``free`` are free."""

    needed: int
    free: int
    size: int
    """Of the journal now."""


class Journal(Protocol):
    """Numbers entries and keeps them. Called from the event loop's thread, and calls back on it."""

    durability: str
    """What an acknowledgement survives: ``memory`` nothing, ``os`` a killed process, ``disk`` a power cut, ``replica``
    the loss of the machine."""

    traces: str
    """What may still hold a text that was redacted, after ``rebuild``, for people; empty: nothing of the journal's."""

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        """Commit a batch in one transaction, all or nothing.

        With an entry, its ``seq_fact`` is kept; for a duplicate, with the number of the first one. After the commit,
        new entries are delivered to the followers of their rooms; then ``done`` is called.

        Args:
            batch: in the order in which the entries are numbered.
            done: gets a receipt for each draft, in order; or the error, and then nothing was delivered.
        """

    def follow(self, room: str, deliver: Deliver) -> Head:
        """Call ``deliver`` with every entry that is committed after the returned head, in order."""

    def forget(self, room: str) -> None:
        """Forget a room that never had an entry, and its follower. Nothing of it may be under way.

        Opened again by the same process it has the epoch that it had: who was in it has missed nothing.
        """

    def head(self, room: str) -> Head:
        """Return the present state of a room's log. ``first`` rises as the log is trimmed."""

    def reach(self, room: str, after: int, done: OnKept) -> None:
        """Call ``done`` once all entries of a room up to ``after``, as far as there are any, were delivered.

        Other servers may have shown them before this one. ``done`` gets an error if that can't be found out.
        """

    def end_of(self, epoch: str, room: str) -> int | None:
        """Return up to which entry an earlier epoch of a room is part of this log; None: it is not."""

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        """Return the entries ``after + 1`` to ``after + limit``, as far as they are still kept.

        Args:
            room: its name.
            after: a number.
            limit: entries.
            most: bytes of memory: fewer entries if they take more, but one at least; None: no bound.
            newest: the fewer ones are the last ones, not the first.
        """

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        """Look through the kept entries between ``after`` and ``before``, from the newest back, for ``limit`` at most.

        It holds nobody up for longer than reading a page does: it may stop anywhere, but looks at one entry at least.

        Raises:
            StorageFailed: the journal can't be read.
        """

    def rooms(self) -> Collection[str]:
        """Return the names of all rooms that there are."""

    async def said_by(self, nick: str, room: str) -> list[int]:
        """Return the seqs of all kept entries of a room whose nickname folds to ``nick``, ascending."""

    async def token_of(self, room: str, seq: int) -> bytes | None:
        """Return the hash of the token that an entry was said with; None if it had none, or no id: it is not kept then.

        Raises:
            StorageFailed: the journal can't be read.
        """

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Empty the text and nickname of entries, and keep ``facts``, in one transaction.

        Their numbers, times and ids stay: whatever has the id of such a message is its duplicate. Call ``rebuild``
        afterwards.

        Raises:
            StorageFailed: nothing was changed.
        """

    async def rebuild(self) -> None:
        """Write all that is kept into a new file: nothing of what was redacted or deleted is left in the journal.

        Takes long for a large journal; it goes on meanwhile.

        Raises:
            ChatError: it could not be done; the journal goes on as it was.
        """

    async def cost(self) -> RebuildCost | None:
        """Return what ``rebuild`` would take; None: nothing. Raises StorageFailed: its files are not ours."""

    def facts(self) -> dict[tuple[str, str], str]:
        """Return all facts as they were when the journal was opened."""

    def keep(self, changes: Facts, done: OnKept) -> None:
        """Commit changes of facts, all or none; then call ``done``, with the error if they were not stored.

        ``ChangedMeanwhile``: another server has changed one of these, or any claim if there is one among them.
        """

"""Transfers: everything that one journal holds, into another one of any kind.

Numbers, epochs, ids and facts stay what they are. It goes in pieces; a transfer that was interrupted goes on where it
stopped, as long as its source holds what it held then. Does not live here: reading and writing each kind
(sqlite_transfer.py, postgres/transfer.py). No I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from chatctl.errors import ChatError
from chatctl.protocol import Msg

PIECE = 5_000
"""Entries that are copied in one transaction."""

IdRow = tuple[bytes, str, int, float]
"""The hash of a token, an id of its owner's, and number and time of the message that has it."""


class RoomState(Struct, frozen=True):
    """A room: its entries ``first`` to ``last`` are kept."""

    name: str
    epoch: str
    first: int
    last: int
    ids_from: int
    """The lowest number that an id is kept for, which may be that of a deleted entry; ``first`` if there is none."""

    @property
    def start(self) -> int:
        """The number behind which something is kept."""
        return min(self.first, self.ids_from) - 1


class State(Struct, frozen=True):
    """What a journal holds beside entries and ids."""

    rooms: Sequence[RoomState]
    ends: Sequence[tuple[str, str, int]]
    """Room, earlier epoch, and the last entry that it shares with the log; a later epoch comes later."""
    facts: Sequence[tuple[str, str, str]]

    def fingerprint(self) -> str:
        """Return a hash of all this. It is another one after anything was said, trimmed, redacted or kept."""
        return "copy of " + hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:32]

    @property
    def messages(self) -> int:
        """How many entries are kept, in all rooms together."""
        return sum(room.last + 1 - room.first for room in self.rooms)

    @property
    def pieces(self) -> int:
        """How many numbers there are to copy, in all rooms together."""
        return sum(room.last - room.start for room in self.rooms)


class Source(Protocol):
    """Where everything comes from. Nothing in it changes meanwhile."""

    def state(self) -> State:
        """Return what there is."""

    def entries(self, room: str, after: int, to: int) -> Sequence[Msg]:
        """Return the entries ``after + 1`` to ``to`` that are kept."""

    def ids(self, room: str, after: int, to: int) -> Sequence[IdRow]:
        """Return the ids of these numbers."""

    def leave(self) -> None:
        """Note that the log goes on elsewhere: whoever opens this one gets new epochs."""


class Target(Protocol):
    """Where everything goes."""

    def begin(self, state: State) -> Mapping[str, int]:
        """Make an empty journal, or go on with an unfinished one; return up to which number it has each room.

        Raises:
            ChatError: it is not empty, or was begun with another source.
        """

    def put(self, room: str, entries: Sequence[Msg], ids: Sequence[IdRow]) -> None:
        """Add entries and ids, in one transaction. Those that are there already are passed over."""

    def finish(self, state: State) -> None:
        """Add what is not an entry, and let the journal be opened."""


Advance = Callable[[int, int], object]
"""Called after each piece: how many numbers it had, and of how many in all."""


def transfer(source: Source, target: Target, advance: Advance = lambda *_: None) -> State:
    """Copy everything, and return what there was.

    Raises:
        ChatError: the target can't be used, or the source lacks entries.
    """
    state = source.state()
    copied = target.begin(state)
    for room in state.rooms:
        at = max(copied.get(room.name, 0), room.start)
        advance(at - room.start, state.pieces)
        while at < room.last:
            to = min(at + PIECE, room.last)
            entries = source.entries(room.name, at, to)
            if len(entries) != max(0, to - max(at, room.first - 1)):
                raise ChatError(f"the room {room.name} has holes between {at + 1} and {to}: nothing was finished")
            target.put(room.name, entries, source.ids(room.name, at, to))
            advance(to - at, state.pieces)
            at = to
    target.finish(state)
    return state

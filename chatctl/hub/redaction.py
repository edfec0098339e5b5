"""Redaction: the text and author of entries are emptied wherever the server has them; their numbers stay.

In this order: the journal, the ring and its bytes, live clients. Pieces of the past that are being read meanwhile are
read again (catchup.py). Does not live here: who may order it (core/permissions.py), that the journal's file is written
anew before the operator is answered (journal_commands.py). Source: docs/admin.md, "Redaction".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chatctl.common.names import check_nick, fold_any, fold_nick
from chatctl.common.text import clean
from chatctl.core.room import Room
from chatctl.errors import Forbidden, RoomInvalid
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts, LogCut
from chatctl.protocol import DEFAULT_ROOM, MAX_REDACTED

OUT_OF_REACH = "out of reach: screens and what clients wrote, older backups, the server's own log"
"""What every answer says: nobody may think that it is gone from there."""


class Redaction:
    """One order, from what it means to what is left of it."""

    def __init__(self, hub: PeerControl, seqs: Sequence[int], nick: str, room: str | None) -> None:
        """Read an order.

        Args:
            hub: whose rooms.
            seqs: entries of ``room``; or
            nick: everything that was said under this name, and names that fold to it.
            room: None: the default room; for ``nick`` all rooms.

        Raises:
            RoomInvalid: there is no such room.
            Forbidden: both were given or none of them, or an entry is not kept.
            NickInvalid: nobody can have that name.
        """
        self._hub = hub
        self._nick = fold_nick(check_nick(nick)) if nick else ""
        rooms = {*hub.history.rooms, *hub.journal.rooms()}
        self._rooms = sorted(rooms) if room is None and nick else [room or DEFAULT_ROOM]
        if self._rooms[0] not in rooms:
            raise RoomInvalid(f"there is no room '{clean(self._rooms[0][:40])}'")
        if bool(seqs) == bool(nick):
            raise Forbidden("a redaction takes the numbers of messages, or a nickname")
        self._epochs = {name: hub.journal.head(name).epoch for name in self._rooms}
        self._seqs = sorted(set(seqs))
        if seqs:
            self._insist_on_kept(self._rooms[0])
        self.done = False
        """Whether all of it is emptied: then the facts are kept, too."""
        self.rooms: dict[Room, None] = {}
        """Open rooms in which something was redacted."""

    def _insist_on_kept(self, name: str) -> None:
        head, room = self._hub.journal.head(name), self._hub.history.rooms.get(name)
        held_from = room.ring.first if room is not None else head.last + 1
        first = held_from if head.first is None else min(head.first, held_from)
        if wrong := [seq for seq in self._seqs if not first <= seq <= head.last]:
            has = f"{first} to {head.last} are" if first <= head.last else "nothing is"
            raise Forbidden(f"message {wrong[0]} is not kept in {name}: {has}")

    async def find(self) -> dict[str, list[int]]:
        """Return the entries that are meant, by room. Raises StorageFailed."""
        if self._seqs:
            return {self._rooms[0]: self._seqs}
        found: dict[str, list[int]] = {}
        for name in self._rooms:
            seqs = set(await self._hub.journal.said_by(self._nick, name))
            if (room := self._hub.history.rooms.get(name)) is not None:
                ring = room.ring.entries(room.ring.first - 1, len(room.ring))
                seqs.update(entry.seq for entry in ring if fold_any(entry.nick) == self._nick)
            if seqs:
                found[name] = sorted(seqs)
        return found

    async def carry_out(self, found: Mapping[str, Sequence[int]], facts: Facts) -> None:
        """Empty entries in the journal, then in the rooms; ``facts`` are kept together with the last of them.

        Raises:
            StorageFailed: not all was done. What readers see and what the journal holds is the same all the same.
        """
        pieces = [(name, piece) for name, seqs in found.items() for piece in _pieces(seqs)]
        for number, (name, seqs) in enumerate(pieces, 1):
            if self._hub.journal.head(name).epoch != self._epochs[name]:
                raise LogCut(name)
            await self._hub.journal.redact(name, seqs, facts if number == len(pieces) else {})
            if (room := self._hub.history.rooms.get(name)) is not None:
                room.redact(seqs)
                self._hub.touch(room)
                self.rooms[room] = None
        self.done = True


def _pieces(seqs: Sequence[int]) -> list[Sequence[int]]:
    return [seqs[at : at + MAX_REDACTED] for at in range(0, len(seqs), MAX_REDACTED)]

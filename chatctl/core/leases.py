"""Leases: names in a room that one process has at a time, such as the lock of a job or the tag of an open question.

A lease is held by a connection. Once that is lost, it is kept for its holder for some time, then it ends; its holder
can end it at once. Lives here: who has which lease, until when, which questions were open at an entry. Does not live
here: what the journal and the room are told (hub/leasing.py), who said an entry (recent_authors.py). No clock: ``now``
is monotonic seconds, ``wall`` Unix seconds. Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from chatctl.core.name_ownership import Owner
from chatctl.errors import Forbidden, RateLimited
from chatctl.protocol import LEASE_SECONDS, LeaseKind

KIND = "lease"
"""Of the facts in the journal."""

MAX_PER_OWNER = 256
MAX_PER_ADDRESS = 256
"""Of an address (a /64 of IPv6): a new token is a new owner. This machine's own are exempt."""
MAX_PER_ROOM = 4_096
MAX_LEASES = 16_384
"""Leases of one server: tokens cost nothing, memory does."""

CLOSED_SECONDS = 3_600.0
"""How long a question that is over is remembered: an answer to it is told so, and its tag is not used again."""
MAX_CLOSED = 100
"""Questions that are over and remembered, of one room."""

Changes = dict[tuple[str, str], str | None]
"""Facts for the journal."""


class LeaseKey(Struct, frozen=True):
    """Which lease: names of each kind and room are apart."""

    room: str
    kind: LeaseKind
    name: str

    @property
    def fact(self) -> tuple[str, str]:
        """The (kind, key) of its fact in the journal."""
        return KIND, f"{self.room} {self.kind} {self.name}"


class Lease(Struct, frozen=True, omit_defaults=True):
    """Who has a lease. Journals store it as JSON; times in Unix seconds."""

    room: str
    kind: LeaseKind
    name: str
    holder: str
    """The process that has it, as it calls itself."""
    token: str | None = None
    """Its owner's token hash, in hexadecimal."""
    key: str | None = None
    """Its owner's key."""
    nick: str = ""
    since: float = 0.0
    asked: int | None = None
    """The entry that asks the question; None before it is said."""
    until: float | None = None
    """When it ends, unless its holder comes back; None while a connection holds it."""
    closed: int | None = None
    """A question that is over: the room's last entry at its end."""

    @property
    def place(self) -> LeaseKey:
        """Which lease it is."""
        return LeaseKey(self.room, self.kind, self.name)

    def is_of(self, holder: str, owner: Owner) -> bool:
        """Return whether this process of this owner has it: by the key that was proved for it, else by its token."""
        if self.holder != holder or self.closed is not None:
            return False
        return self.is_owned_by(owner)

    def is_owned_by(self, owner: Owner) -> bool:
        """Return whether it is this owner's, by key or by token."""
        return bool(marks_of(owner) & _marks(self.token, self.key))

    def was_open(self, seq: int) -> bool:
        """Return whether it is a question that was open when entry number ``seq`` was said."""
        return self.asked is not None and self.asked < seq and (self.closed is None or seq <= self.closed)


def marks_of(owner: Owner) -> frozenset[str]:
    """Return all that somebody is recognised by."""
    return _marks(owner.token.hex() if owner.token is not None else None, owner.key)


def _marks(token: str | None, key: str | None) -> frozenset[str]:
    return frozenset(mark for mark in (token, key) if mark is not None)


class Leases:
    """All leases of one server. What changes has to be kept: each method returns it as facts for the journal."""

    def __init__(
        self,
        facts: Mapping[tuple[str, str], str] | None = None,
        *,
        now: float = 0.0,
        wall: float = 0.0,
        grace: float = LEASE_SECONDS,
    ) -> None:
        """Start with what is among ``facts``: no connection holds it any more.

        What a connection held when the server ended is kept for ``grace`` seconds from now. What was lost before that
        ends when it would have ended, by the wall clock, but no later than that.
        """
        self.grace = grace
        self._leases: dict[LeaseKey, Lease] = {}
        self._connections: dict[LeaseKey, Hashable] = {}
        self._held: dict[Hashable, dict[LeaseKey, None]] = {}  # the way back
        self._deadlines: dict[LeaseKey, float] = {}  # of those that no connection holds
        self._per_room: Counter[str] = Counter()
        self._per_owner: Counter[str] = Counter()
        self._per_network: Counter[str] = Counter()
        self._networks: dict[LeaseKey, str] = {}  # from where it was taken, since the start
        self._questions: dict[str, dict[LeaseKey, None]] = {}  # by room, those that are over included
        decode = msgspec.json.Decoder(Lease).decode
        for (kind, _), value in (facts or {}).items():
            if kind == KIND:
                lease = decode(value)
                most = grace if lease.closed is None else CLOSED_SECONDS
                left = most if lease.until is None else min(max(lease.until - wall, 0.0), most)
                self._put(msgspec.structs.replace(lease, until=wall + left))
                self._deadlines[lease.place] = now + left

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._leases.values())

    def find(self, place: LeaseKey) -> Lease | None:
        """Return who has it; of a question that is over, who had it; or None."""
        return self._leases.get(place)

    def has_questions(self, room: str) -> bool:
        """Return whether the room has questions, open or over and remembered."""
        return room in self._questions

    def holds(self, connection: Hashable) -> list[Lease]:
        """Return the leases that a connection holds."""
        return [self._leases[place] for place in self._held.get(connection, ())]

    def kept(self) -> Changes:
        """Return all leases as facts."""
        return {place.fact: _value(lease) for place, lease in self._leases.items()}

    # --- taking and ending

    def take(self, wanted: Lease, connection: Hashable, network: str = "") -> tuple[Lease, Changes]:
        """Let a connection hold a lease, if nobody else has it.

        Args:
            wanted: as it is to be, with its owner; ``since`` is now. Its holder may have it already.
            connection: holds it from now on.
            network: the address that a new one counts for; empty for this machine's own.

        Returns:
            Who has the lease now, and what has to be kept: nothing if that is somebody else.

        Raises:
            Forbidden: it has no owner, or there are too many.
        """
        owner, before = Owner(_bytes(wanted.token), wanted.key), self._leases.get(wanted.place)
        if not marks_of(owner):
            raise Forbidden("a lease needs an owner: bring a token or a key")
        if before is not None and not before.is_of(wanted.holder, owner):
            return before, {}
        if before is None:
            self._check_room_for(wanted, network)
            self._networks[wanted.place] = network
            lease = wanted
        else:
            asked = before.asked if before.asked is not None else wanted.asked
            lease = msgspec.structs.replace(before, until=None, asked=asked)
        self._put(lease)
        self._detach(lease.place)
        self._connections[lease.place] = connection
        self._held.setdefault(connection, {})[lease.place] = None
        self._deadlines.pop(lease.place, None)
        return lease, {} if lease == before else {lease.place.fact: _value(lease)}

    def _check_room_for(self, wanted: Lease, network: str) -> None:
        if self._per_owner[_owner_name(wanted)] >= MAX_PER_OWNER:
            raise Forbidden(f"one owner has at most {MAX_PER_OWNER} leases")
        if network and self._per_network[network] >= MAX_PER_ADDRESS:
            raise RateLimited(f"one address has at most {MAX_PER_ADDRESS} leases", retry_after=self.grace)
        if self._per_room[wanted.room] >= MAX_PER_ROOM or len(self._leases) >= MAX_LEASES:
            raise RateLimited("there are too many leases: try again later", retry_after=self.grace)

    def undo(self, lease: Lease, before: Lease | None) -> None:
        """Take back what could not be kept, if it still is so."""
        if self._leases.get(lease.place) is lease:
            self._remove(lease.place) if before is None else self._put(before)

    def release(self, lease: Lease, last: int, now: float, wall: float) -> Changes:
        """End a lease. A question stays known as one that is over, from the room's entry number ``last`` on."""
        if lease.kind == "lock" or lease.asked is None:
            self._remove(lease.place)
            return {lease.place.fact: None}
        closed = msgspec.structs.replace(lease, closed=last, until=wall + CLOSED_SECONDS)
        self._detach(lease.place)
        self._put(closed)
        self._deadlines[lease.place] = now + CLOSED_SECONDS
        return {lease.place.fact: _value(closed), **self._forget_oldest(lease.room)}

    def lose(self, connection: Hashable, now: float, wall: float) -> Changes:
        """Note that a connection is lost: what it holds is kept for ``grace`` seconds."""
        changes: Changes = {}
        for lease in self.holds(connection):
            self._detach(lease.place)
            self._put(lost := msgspec.structs.replace(lease, until=wall + self.grace))
            self._deadlines[lease.place] = now + self.grace
            changes[lease.place.fact] = _value(lost)
        return changes

    def expired(self, now: float) -> tuple[list[Lease], Changes]:
        """Return the leases whose time is over, to be released; and what is forgotten of questions that were over."""
        due = [self._leases[place] for place, at in self._deadlines.items() if at <= now]
        over = [lease for lease in due if lease.closed is not None]
        for lease in over:
            self._remove(lease.place)
        return [lease for lease in due if lease.closed is None], {lease.place.fact: None for lease in over}

    # --- who has it

    def rename(self, connection: Hashable, nick: str) -> Changes:
        """Note that the member on a connection has another name."""
        renamed = [msgspec.structs.replace(lease, nick=nick) for lease in self.holds(connection)]
        for lease in renamed:
            self._put(lease)
        return {lease.place.fact: _value(lease) for lease in renamed}

    # --- questions

    def ask(self, room: str, name: str, owner: Owner, nick: str, seq: int) -> Changes:
        """Note that entry number ``seq``, said by ``nick``, asks a question: it is open from now on."""
        lease = self._leases.get(LeaseKey(room, "question", name))
        if lease is None or lease.closed is not None or lease.asked is not None or not lease.is_owned_by(owner):
            return {}
        self._put(asked := msgspec.structs.replace(lease, asked=seq, nick=nick))
        return {asked.place.fact: _value(asked)}

    def open_at(self, room: str, seq: int) -> list[str]:
        """Return the questions of a room that were open when entry number ``seq`` was said."""
        return [lease.name for lease in self._in(room) if lease.was_open(seq)]

    def closed_question(self, room: str, name: str) -> Lease | None:
        """Return a question of that name that is over, or None."""
        lease = self._leases.get(LeaseKey(room, "question", name))
        return lease if lease is not None and lease.closed is not None else None

    def _in(self, room: str) -> list[Lease]:
        return [self._leases[place] for place in self._questions.get(room, ())]

    def _forget_oldest(self, room: str) -> Changes:
        closed = [lease.place for lease in self._in(room) if lease.closed is not None]
        surplus = sorted(closed, key=lambda place: self._deadlines[place])[:-MAX_CLOSED]
        for place in surplus:
            self._remove(place)
        return {place.fact: None for place in surplus}

    # --- the tables

    def _put(self, lease: Lease) -> None:
        self._count(self._leases.get(lease.place), -1)
        self._leases[lease.place] = lease
        self._count(lease, 1)
        if lease.kind == "question":
            self._questions.setdefault(lease.room, {})[lease.place] = None

    def _remove(self, place: LeaseKey) -> None:
        self._count(self._leases.pop(place, None), -1)
        self._detach(place)
        self._deadlines.pop(place, None)
        self._networks.pop(place, None)
        if place.kind == "question" and place.room in self._questions:
            self._questions[place.room].pop(place, None)
            if not self._questions[place.room]:
                del self._questions[place.room]

    def _detach(self, place: LeaseKey) -> None:
        connection = self._connections.pop(place, None)
        if connection is not None and (held := self._held.get(connection)):
            del held[place]
            if not held:
                del self._held[connection]

    def _count(self, lease: Lease | None, by: Literal[1, -1]) -> None:
        """Count those that are not over; no counter keeps a zero."""
        if lease is None or lease.closed is not None:
            return
        network = self._networks.get(lease.place, "")
        counted = (self._per_room, lease.room), (self._per_owner, _owner_name(lease)), (self._per_network, network)
        for counter, key in counted:
            counter[key] += by
            if not counter[key]:
                del counter[key]


def _owner_name(lease: Lease) -> str:
    return lease.key or lease.token or ""


def _bytes(token: str | None) -> bytes | None:
    return bytes.fromhex(token) if token is not None else None


def _value(lease: Lease) -> str:
    return msgspec.json.encode(lease).decode()

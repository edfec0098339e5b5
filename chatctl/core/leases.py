"""Leases: names in a room that one process has at a time, such as the lock of a job or the tag of an open question.

A lease is held by a connection. Once that is lost, it is kept for its holder for some time, then it ends; its holder
can end it at once. Lives here: who has which lease, until when, which questions were open at an entry. Does not live
here: one lease as a value (lease.py), what the journal and the room are told (hub/leasing.py), who said an entry
(recent_authors.py). No clock: ``now`` is monotonic seconds, ``wall`` Unix seconds. Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import Literal

import msgspec

from chatctl.core.lease import ASKED, Changes, Lease, LeaseKey, changes_of, leases_of, marks_of
from chatctl.core.name_ownership import Owner
from chatctl.errors import Forbidden, RateLimited
from chatctl.journal import FactKey
from chatctl.protocol import LEASE_SECONDS

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


class Leases:
    """All leases of one server. What changes has to be kept: each method returns it as facts for the journal."""

    def __init__(
        self,
        facts: Mapping[FactKey, str] | None = None,
        *,
        now: float = 0.0,
        wall: float = 0.0,
        grace: float = LEASE_SECONDS,
        server: str = "",
        others: Collection[str] = (),
    ) -> None:
        """Start with what is among ``facts``: no connection to this server holds it any more.

        What a connection held when the server ended is kept for ``grace`` seconds from now. What was lost before that
        ends when it would have ended, by the wall clock, but no later than that. Where several servers share their
        leases, this is ``server``, and what connections to the ``others`` hold stays theirs.
        """
        self.grace = grace
        self.server = server
        self._others = frozenset(others)
        self._leases: dict[LeaseKey, Lease] = {}
        self._connections: dict[LeaseKey, Hashable] = {}
        self._held: dict[Hashable, dict[LeaseKey, None]] = {}  # the way back
        self._deadlines: dict[LeaseKey, float] = {}  # of those that no connection holds
        self._per_room: Counter[str] = Counter()
        self._per_owner: Counter[str] = Counter()
        self._per_network: Counter[str] = Counter()
        self._networks: dict[LeaseKey, str] = {}  # from where it was taken, since the start
        self._questions: dict[str, dict[LeaseKey, None]] = {}  # by room, those that are over included
        kept, self._useless = leases_of(facts or {})
        for lease in kept:
            if self._is_held_elsewhere(lease):
                self._put(lease)
                continue
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

    def holder_of(self, place: LeaseKey) -> Hashable | None:
        """Return the connection that holds it; None if none does."""
        return self._connections.get(place)

    def holds(self, connection: Hashable) -> list[Lease]:
        """Return the leases that a connection holds."""
        return [self._leases[place] for place in self._held.get(connection, ())]

    def value(self, key: FactKey) -> str | None:
        """Return what the journal is to have as the fact of a lease, or as the number of a question; None: nothing."""
        place = LeaseKey.of_asked_fact(key) if key[0] == ASKED else LeaseKey.of_fact(key[1])
        return None if place is None else changes_of(place, self._leases.get(place)).get(key)

    def kept(self) -> Changes:
        """Return all leases as facts, and those that are of no use any more."""
        changes = dict(self._useless)
        for place, lease in self._leases.items():
            if not self._is_held_elsewhere(lease):
                changes |= changes_of(place, lease)
        return changes

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
        owner, before = wanted.owner, self._leases.get(wanted.place)
        if not marks_of(owner):
            raise Forbidden("a lease needs an owner: bring a token or a key")
        if before is not None and not before.is_of(wanted.holder, owner):
            return before, {}
        if before is None:
            self._check_room_for(wanted, network)
            self._networks[wanted.place] = network
            lease = msgspec.structs.replace(wanted, server=self.server)
        else:
            asked = before.asked if before.asked is not None else wanted.asked
            nick = wanted.nick or before.nick
            lease = msgspec.structs.replace(before, nick=nick, until=None, asked=asked, server=self.server)
        self._put(lease)
        self._detach(lease.place)
        self._connections[lease.place] = connection
        self._held.setdefault(connection, {})[lease.place] = None
        self._deadlines.pop(lease.place, None)
        return lease, changes_of(lease.place, lease, before)

    def _check_room_for(self, wanted: Lease, network: str) -> None:
        if self._per_owner[wanted.owner_name] >= MAX_PER_OWNER:
            raise Forbidden(f"one owner has at most {MAX_PER_OWNER} leases")
        if network and self._per_network[network] >= MAX_PER_ADDRESS:
            raise RateLimited(f"one address has at most {MAX_PER_ADDRESS} leases", retry_after=self.grace)
        if self._per_room[wanted.room] >= MAX_PER_ROOM or len(self._leases) >= MAX_LEASES:
            raise RateLimited("there are too many leases: try again later", retry_after=self.grace)

    def undo(self, lease: Lease, before: Lease | None) -> None:
        """Take back what could not be kept, if it still is so."""
        if self._leases.get(lease.place) is lease:
            self._remove(lease.place) if before is None else self._put(before)

    def release(self, lease: Lease, last: int, now: float, wall: float, withdrawn: str = "") -> Changes:
        """End a lease. A question stays known as one that is over, from the room's entry number ``last`` on."""
        if lease.kind == "lock" or lease.asked is None:
            return self._remove(lease.place)
        until = wall + CLOSED_SECONDS
        closed = msgspec.structs.replace(lease, closed=last, withdrawn=withdrawn, until=until, server="")
        self._detach(lease.place)
        self._put(closed)
        self._deadlines[lease.place] = now + CLOSED_SECONDS
        return {**changes_of(lease.place, closed, lease), **self._forget_oldest(lease.room)}

    def lose(self, connection: Hashable, now: float, wall: float) -> Changes:
        """Note that a connection is lost: what it holds is kept for ``grace`` seconds."""
        changes: Changes = {}
        for lease in self.holds(connection):
            self._detach(lease.place)
            self._put(lost := msgspec.structs.replace(lease, until=wall + self.grace, server=""))
            self._deadlines[lease.place] = now + self.grace
            changes |= changes_of(lease.place, lost, lease)
        return changes

    def expired(self, now: float) -> tuple[list[Lease], Changes]:
        """Return the leases whose time is over, to be released; and what is forgotten of questions that were over."""
        due = [self._leases[place] for place, at in self._deadlines.items() if at <= now]
        changes: Changes = {}
        for lease in due:
            if lease.closed is not None:
                changes |= self._remove(lease.place)
        return [lease for lease in due if lease.closed is None], changes

    # --- other servers

    def _is_held_elsewhere(self, lease: Lease) -> bool:
        return lease.until is None and lease.server in self._others

    def learn(self, place: LeaseKey, lease: Lease | None, now: float, wall: float) -> Hashable | None:
        """Take a lease as the journal has it: another server has kept it, or the journal has lost a change of it.

        Args:
            place: which one.
            lease: as it is kept; None: it is gone.
            now: monotonic seconds.
            wall: Unix seconds.

        Returns:
            The connection to this server that held it and does not any more; None if none did.
        """
        connection, before = self._connections.get(place), self._leases.get(place)
        if lease is None:
            self._remove(place)
            return connection
        if before is not None and msgspec.structs.replace(before, asked=None) == lease:
            return None
        is_same = before is not None and before.holder == lease.holder
        self._put(msgspec.structs.replace(lease, asked=before.asked if before is not None and is_same else None))
        if is_same and lease.server == self.server and lease.until is None:
            connection = None  # it keeps it: its question was said at another server
        else:
            self._detach(place)
        if lease.until is None:
            self._deadlines.pop(place, None)
            self._watch(lease, now)
        else:
            most = self.grace if lease.closed is None else CLOSED_SECONDS
            self._deadlines[place] = now + min(max(lease.until - wall, 0.0), most)
        return connection

    def learn_asked(self, place: LeaseKey, seq: int | None) -> None:
        """Take the number of the entry that asks a question, as another server has kept it."""
        lease = self._leases.get(place)
        if lease is not None and lease.asked != seq:
            self._put(msgspec.structs.replace(lease, asked=seq))

    def know(self, others: Collection[str], now: float) -> None:
        """Note which other servers are alive. What a connection to a dead one held ends ``grace`` seconds from now."""
        self._others = frozenset(others)
        for lease in self:
            self._watch(lease, now)

    def _watch(self, lease: Lease, now: float) -> None:
        if lease.until is not None or not lease.server:
            return
        if lease.server in self._others or lease.place in self._connections:
            self._deadlines.pop(lease.place, None)
        else:
            self._deadlines.setdefault(lease.place, now + self.grace)

    def move(self, server: str) -> Changes:
        """Go on under another id: this server was taken for dead."""
        self.server = server
        changes: Changes = {}
        for place in self._connections:
            lease = self._leases[place]
            self._put(moved := msgspec.structs.replace(lease, server=server))
            changes |= changes_of(place, moved, lease)
        return changes

    # --- who has it

    def rename(self, connection: Hashable, nick: str) -> Changes:
        """Note that the member on a connection has another name."""
        changes: Changes = {}
        for lease in self.holds(connection):
            self._put(renamed := msgspec.structs.replace(lease, nick=nick))
            changes |= changes_of(lease.place, renamed, lease)
        return changes

    # --- questions

    def may_ask(self, place: LeaseKey, owner: Owner) -> bool:
        """Return whether it is this owner's to ask this question, and it was not asked yet."""
        lease = self._leases.get(place)
        return lease is not None and lease.closed is None and lease.asked is None and lease.is_owned_by(owner)

    def ask(self, place: LeaseKey, owner: Owner, nick: str, seq: int) -> Changes:
        """Note that entry number ``seq``, said by ``nick``, asks a question: it is open from now on.

        The journal has the number already. If it may not be asked any more, that is taken back.
        """
        lease = self._leases.get(place)
        if lease is None or not self.may_ask(place, owner):
            return {place.asked_fact: changes_of(place, lease)[place.asked_fact]}
        self._put(asked := msgspec.structs.replace(lease, asked=seq, nick=nick))
        return changes_of(place, asked)  # the lease, too: the journal refuses it if another server has ended that

    def note_over(self, question: Lease, now: float) -> Changes:
        """Note a question that nobody has any more, and that was over before it could be asked."""
        self._put(question)
        self._deadlines[question.place] = now + CLOSED_SECONDS
        return {**changes_of(question.place, question), **self._forget_oldest(question.room)}

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
        changes: Changes = {}
        for place in sorted(closed, key=lambda place: self._deadlines[place])[:-MAX_CLOSED]:
            changes |= self._remove(place)
        return changes

    # --- the tables

    def _put(self, lease: Lease) -> None:
        self._count(self._leases.get(lease.place), -1)
        self._leases[lease.place] = lease
        self._count(lease, 1)
        if lease.kind == "question":
            self._questions.setdefault(lease.room, {})[lease.place] = None

    def _remove(self, place: LeaseKey) -> Changes:
        self._count(self._leases.pop(place, None), -1)
        self._detach(place)
        self._deadlines.pop(place, None)
        self._networks.pop(place, None)
        if place.kind == "question" and place.room in self._questions:
            self._questions[place.room].pop(place, None)
            if not self._questions[place.room]:
                del self._questions[place.room]
        return changes_of(place, None)

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
        counted = (self._per_room, lease.room), (self._per_owner, lease.owner_name), (self._per_network, network)
        for counter, key in counted:
            counter[key] += by
            if not counter[key]:
                del counter[key]

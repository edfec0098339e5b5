"""A lease as a value: which one it is, whose, and the facts that a journal keeps of it.

Does not live here: all leases of a server (leases.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from chatctl.common.text import clean
from chatctl.core.bans import Person
from chatctl.core.name_ownership import Owner
from chatctl.journal import FactKey
from chatctl.protocol import LeaseKind

KIND, ASKED = "lease", "asked"
"""Of the facts in the journal: who has a lease; the number of the entry that asks a question.

The number has a fact of its own because it is committed in one transaction with the entry: a server that is killed
right behind that would forget what an answer is for.
"""

Changes = dict[FactKey, str | None]
"""Facts for the journal."""


class LeaseKey(Struct, frozen=True):
    """Which lease: names of each kind and room are apart."""

    room: str
    kind: LeaseKind
    name: str

    @property
    def fact(self) -> FactKey:
        """The (kind, key) of its fact in the journal."""
        return KIND, f"{self.room} {self.kind} {self.name}"

    @property
    def asked_fact(self) -> FactKey:
        """The (kind, key) of the fact that has the number of the entry which asks the question."""
        return ASKED, f"{self.room} {self.name}"

    @classmethod
    def of_fact(cls, key: str) -> LeaseKey | None:
        """Return the lease whose fact has this key. None: it is of a kind that only newer servers know."""
        match key.split(" "):
            case [room, ("lock" | "question") as kind, name]:
                return cls(room, kind, name)
        return None

    @classmethod
    def of_asked_fact(cls, fact: FactKey) -> LeaseKey:
        """Return the question that has this fact."""
        room, name = fact[1].split(" ")
        return cls(room, "question", name)


class Lease(Struct, frozen=True, omit_defaults=True):
    """Who has a lease. Journals store it as JSON, but for ``asked``; times in Unix seconds."""

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
    withdrawn: str = ""
    """Why it is over, for people, if nobody waits for an answer any more: the rooms of all servers are told."""
    server: str = ""
    """Where the connection is that holds it, if several servers share their leases; empty while none does."""

    @property
    def place(self) -> LeaseKey:
        """Which lease it is."""
        return LeaseKey(self.room, self.kind, self.name)

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        return Owner(bytes.fromhex(self.token) if self.token is not None else None, self.key)

    @property
    def person(self) -> Person:
        """Whom a ban has to hit for it."""
        return Person(self.nick, self.key, self.owner.token)

    @property
    def owner_name(self) -> str:
        """What an owner's leases are counted under."""
        return self.key or self.token or ""

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


_decode = msgspec.json.Decoder(Lease).decode


def marks_of(owner: Owner) -> frozenset[str]:
    """Return all that somebody is recognised by."""
    return _marks(owner.token.hex() if owner.token is not None else None, owner.key)


def _marks(token: str | None, key: str | None) -> frozenset[str]:
    return frozenset(mark for mark in (token, key) if mark is not None)


def changes_of(place: LeaseKey, lease: Lease | None, before: Lease | None = None) -> Changes:
    """Return the facts of a lease (None: of one that is gone) that are others than ``before``; all if that is None."""
    facts = _facts(place, lease)
    if before is None:
        return facts
    old = _facts(place, before)
    return {key: value for key, value in facts.items() if old[key] != value}


def _facts(place: LeaseKey, lease: Lease | None) -> Changes:
    facts: Changes = {place.fact: _value(lease) if lease is not None else None}
    if place.kind == "question":
        facts[place.asked_fact] = str(lease.asked) if lease is not None and lease.asked is not None else None
    return facts


def leases_of(facts: Mapping[FactKey, str]) -> tuple[list[Lease], Changes]:
    """Return all known leases that a journal has, and what is of no use any more: a number without a question."""
    numbers = {key: value for key, value in facts.items() if key[0] == ASKED}
    leases = [_decode(value) for (kind, key), value in facts.items() if kind == KIND and LeaseKey.of_fact(key)]
    for index, lease in enumerate(leases):
        if lease.kind == "question" and (number := numbers.pop(lease.place.asked_fact, None)) is not None:
            leases[index] = msgspec.structs.replace(lease, asked=int(number))
    return leases, dict.fromkeys(numbers)


def lease_of(value: str) -> Lease:
    """Return the lease that a fact has, without the number of its question. Raises ValueError."""
    return _decode(value)


def _value(lease: Lease) -> str:
    return msgspec.json.encode(msgspec.structs.replace(lease, asked=None)).decode()


def why_taken_away(kind: LeaseKind, by: str, reason: str) -> str:
    """Return what the holder of a lease is told that an operator ends. ``by`` is their name; empty for the console."""
    because = f": {clean(reason)}" if reason else ""
    return f"{clean(by) or 'an operator'} {'freed' if kind == 'lock' else 'ended'} it{because}"

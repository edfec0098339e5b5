"""Bans and mutes: as values, and whom they hit.

Lives here: one sanction, and the index that finds those on a person. Does not live here: who may set them
(permissions.py), setting them (hub/admin_sanctions.py), what they mean for a frame (moderation.py). No clock: ``now``
is Unix seconds of a clock that nobody sets (clock.py). Source: docs/admin.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from msgspec import Struct

from chatctl.common.durations import short_span
from chatctl.common.ip_addresses import parse_address, parse_network
from chatctl.common.names import fold_any
from chatctl.common.text import clean
from chatctl.core.confusables import skeletons
from chatctl.core.ip_networks import NetworkSet

MAX_SANCTIONS = 10_000
"""Bans, and as many mutes, of one server: memory is bounded."""

SanctionKind = Literal["ban", "mute"]
_Mark = tuple[str, str]
"""(kind, value): one thing that a person is recognised by."""


class Person(Struct, frozen=True):
    """The marks of one person: the name wanted or held, a proved key, the hash of a token, an IP address."""

    name: str = ""
    key: str | None = None
    token: bytes | None = None
    host: str = ""


class Sanction(Struct, frozen=True, omit_defaults=True):
    """A ban or a mute. It hits whoever has any of its name, key, token and network. Journals store it as JSON."""

    what: SanctionKind
    since: float
    """Unix seconds, as ``until``: of the steady clock in a server, of the wall clock in a journal."""
    until: float | None = None
    """None: for good."""
    by: str = ""
    """The operator's nickname; empty for the console."""
    reason: str = ""
    name: str | None = None
    called: str = ""
    """The name that somebody was banned under, where it does not count, since others have it, too."""
    key: str | None = None
    token: str | None = None
    """The hash of the token, in hex."""
    network: str | None = None

    @property
    def ident(self) -> str:
        """Its key in the journal: one per target."""
        return fold_any(self.name) if self.name else self.key or self.network or self.token or ""

    def is_active(self, now: float) -> bool:
        """Return whether it is not over yet."""
        return self.until is None or self.until > now

    def test(self) -> Callable[[Person], bool]:
        """Return what tells whether a person is hit. Made once, for many people."""
        looks = frozenset(skeletons(self.name)) if self.name else frozenset[str]()
        token = bytes.fromhex(self.token) if self.token is not None else None
        network = parse_network(self.network) if self.network is not None else None

        def hits(person: Person) -> bool:
            return (
                (self.key is not None and person.key == self.key)
                or (token is not None and person.token == token)
                or (network is not None and person.host != "" and parse_address(person.host) in network)
                or (bool(looks and person.name) and not looks.isdisjoint(skeletons(person.name)))
            )

        return hits

    @property
    def terms(self) -> str:
        """The suffix of ``was banned``: for how long from its start, and why."""
        long = "" if self.until is None else f" for {short_span(self.until - self.since)}"
        return f"{long}: {clean(self.reason)}" if self.reason else long

    def details(self, now: float) -> str:
        """Return the suffix of ``banned`` or ``muted``: for how long, and why."""
        long = "" if self.until is None else f" for another {short_span(self.until - now)}"
        return f"{long}: {self.reason}" if self.reason else long


class Sanctions:
    """All bans, or all mutes, indexed by name, key, token and network."""

    def __init__(self) -> None:
        """Start with none."""
        self._all: dict[str, Sanction] = {}
        self._by_mark: dict[_Mark, set[str]] = {}
        self._networks = NetworkSet()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Sanction]:
        return iter(self._all.values())

    def get(self, ident: str) -> Sanction | None:
        """Return the one that is called so."""
        return self._all.get(ident)

    def add(self, one: Sanction) -> None:
        """Add one; it replaces one on the same target."""
        self.drop(one.ident)
        self._all[one.ident] = one
        for mark in _marks_of(one):
            self._by_mark.setdefault(mark, set()).add(one.ident)
        if one.network is not None:
            self._networks.add(parse_network(one.network))

    def drop(self, ident: str) -> None:
        """Remove one, if it is there."""
        one = self._all.pop(ident, None)
        if one is None:
            return
        for mark in _marks_of(one):
            self._by_mark[mark].discard(ident)
            if not self._by_mark[mark]:
                del self._by_mark[mark]
        if one.network is not None:
            self._networks.remove(parse_network(one.network))

    def find(self, person: Person, now: float) -> Sanction | None:
        """Return an active one that hits this person, or None."""
        if not self._all:
            return None
        found = (self._all[ident] for mark in self._marks(person) for ident in self._by_mark.get(mark, ()))
        return next((one for one in found if one.is_active(now)), None)

    def on_target(self, name: str | None, key: str | None, network: str | None) -> list[Sanction]:
        """Return those on exactly this name, key or network."""
        folded = fold_any(name) if name else None
        return [
            one
            for one in self
            if (folded is not None and folded in {fold_any(shown) for shown in (one.name, one.called) if shown})
            or (key is not None and one.key == key)
            or (network is not None and one.network == network)
        ]

    def _marks(self, person: Person) -> Iterator[_Mark]:
        if person.name:
            yield from (("looks", skeleton) for skeleton in skeletons(person.name))
        if person.key is not None:
            yield "key", person.key
        if person.token is not None:
            yield "token", person.token.hex()
        if person.host and self._networks:
            yield from (("network", str(network)) for network in self._networks.around(parse_address(person.host)))


def _marks_of(one: Sanction) -> Iterator[_Mark]:
    if one.name:
        yield from (("looks", skeleton) for skeleton in skeletons(one.name))
    network = str(parse_network(one.network)) if one.network is not None else None
    marks = (("key", one.key), ("token", one.token), ("network", network))
    yield from ((kind, value) for kind, value in marks if value is not None)

"""The rules that operators have set: who is banned, who is muted, what holds in a room.

Lives here: these as plain values, whom they hit, how a journal keeps them (facts). Does not live here: who may set them
(verbs.py), setting them (steward.py). No clock: ``now`` is Unix seconds. Source: docs/admin.md.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from chatctl.common.durations import short_span
from chatctl.common.names import fold_nick
from chatctl.common.text import clean
from chatctl.core.confusables import skeletons
from chatctl.errors import ChatError, Forbidden, RateLimited

MOST = 10_000
"""Bans, and mutes, of one server: memory is bounded, whoever is an operator."""

REMEMBERED = 10_000
"""Who spoke last, for slow rooms; with more of them the oldest are forgotten."""

Fact = tuple[str, str]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Who(Struct, frozen=True):
    """What is known of somebody: the name wanted or held, a proved key, the hash of a token, an address."""

    name: str = ""
    key: str | None = None
    token: bytes | None = None
    host: str = ""


class Sanction(Struct, frozen=True, omit_defaults=True):
    """A ban or a mute of whatever it has of name, key, token (hex of its hash) and network. Times are Unix seconds."""

    what: Literal["ban", "mute"]
    since: float
    until: float | None = None
    by: str = ""
    reason: str = ""
    name: str | None = None
    key: str | None = None
    token: str | None = None
    network: str | None = None

    @property
    def ident(self) -> str:
        """What it is kept under."""
        return fold_nick(self.name) if self.name else self.key or self.network or ""

    def holds(self, now: float) -> bool:
        """Whether it is not over yet."""
        return self.until is None or self.until > now

    def words(self, now: float) -> str:
        """Give for how long and why, to stand behind ``banned`` or ``muted``."""
        long = "" if self.until is None else f" for another {short_span(self.until - now)}"
        return f"{long}: {self.reason}" if self.reason else long


def network_of(host: str) -> Network:
    """Give what counts as one address, or the network that is written there.

    A whole /64 of IPv6 belongs to one customer; an IPv4-mapped address is its IPv4 one.

    Raises:
        ValueError: it is none.
    """
    if "/" in host:
        return ipaddress.ip_network(host, strict=False)
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return ipaddress.ip_network((address, 64), strict=False)
        address = address.ipv4_mapped
    return ipaddress.ip_network(address)


class Sanctions:
    """All bans, or all mutes, by each mark that somebody may be known by."""

    def __init__(self) -> None:
        """Start with none."""
        self._all: dict[str, Sanction] = {}
        self._marks: dict[Fact, set[str]] = {}
        self._sizes: dict[tuple[int, int], int] = {}  # (version, prefix) of networks: how many there are

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Sanction]:
        return iter(self._all.values())

    def add(self, one: Sanction) -> None:
        """Take one; one on the same target is replaced."""
        self.drop(one.ident)
        self._all[one.ident] = one
        for mark in _marks(one):
            self._marks.setdefault(mark, set()).add(one.ident)
        self._count(one, 1)

    def drop(self, ident: str) -> None:
        """Forget one, if it is there."""
        one = self._all.pop(ident, None)
        if one is not None:
            for mark in _marks(one):
                self._marks[mark].discard(ident)
                if not self._marks[mark]:
                    del self._marks[mark]
            self._count(one, -1)

    def _count(self, one: Sanction, by: int) -> None:
        if one.network is not None:
            network = ipaddress.ip_network(one.network)
            size = network.version, network.prefixlen
            self._sizes[size] = self._sizes.get(size, 0) + by
            if not self._sizes[size]:
                del self._sizes[size]

    def find(self, who: Who, now: float) -> Sanction | None:
        """Give one that hits somebody."""
        if not self._all:
            return None
        found = (self._all[ident] for mark in self._marks_of(who) for ident in self._marks.get(mark, ()))
        return next((one for one in found if one.holds(now)), None)

    def on(self, name: str | None, key: str | None, network: str | None) -> list[Sanction]:
        """Give those on exactly this: what ``unban`` lifts."""
        folded = fold_nick(name) if name else None
        return [
            one
            for one in self
            if (folded is not None and one.name is not None and fold_nick(one.name) == folded)
            or (key is not None and one.key == key)
            or (network is not None and one.network == network)
        ]

    def _marks_of(self, who: Who) -> Iterator[Fact]:
        if who.name:
            yield from (("looks", looks) for looks in skeletons(who.name))
        if who.key is not None:
            yield "key", who.key
        if who.token is not None:
            yield "token", who.token.hex()
        if who.host and self._sizes:
            yield from self._networks_of(who.host)

    def _networks_of(self, host: str) -> Iterator[Fact]:
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        for version, prefix in self._sizes:
            if version == address.version:
                yield "network", str(ipaddress.ip_network((address, prefix), strict=False))


def _marks(one: Sanction) -> Iterator[Fact]:
    if one.name:
        yield from (("looks", looks) for looks in skeletons(one.name))
    marks = (("key", one.key), ("token", one.token), ("network", one.network))
    yield from ((kind, value) for kind, value in marks if value is not None)


class RoomRules(Struct, frozen=True, omit_defaults=True):
    """What holds in one room; ``slow`` is the least number of seconds between two messages of one member."""

    topic: str = ""
    slow: float = 0.0
    read_only: bool = False


ORDINARY = RoomRules()


class Rules:
    """All rules of one server."""

    def __init__(self, facts: Mapping[Fact, str] | None = None) -> None:
        """Begin with those that were kept."""
        self.bans = Sanctions()
        self.mutes = Sanctions()
        self.configured: frozenset[str] = frozenset()
        """Operators' keys of the command line and the file; these change with a reload."""
        self.appointed: set[str] = set()
        """Operators' keys that are kept."""
        self.rooms: dict[str, RoomRules] = {}
        self._spoke: dict[Fact, float] = {}  # (room, mark): when; the oldest first
        for (kind, key), value in (facts or {}).items():
            self._recall(kind, key, value)

    def _recall(self, kind: str, key: str, value: str) -> None:
        if kind in ("ban", "mute"):
            one = msgspec.json.decode(value, type=Sanction)
            self.of(one.what).add(one)
        elif kind == "operator":
            self.appointed.add(key)
        elif kind == "room":
            self.rooms[key] = msgspec.json.decode(value, type=RoomRules)

    def of(self, what: Literal["ban", "mute"]) -> Sanctions:
        """Give the bans, or the mutes."""
        return self.bans if what == "ban" else self.mutes

    def is_operator(self, key: str | None) -> bool:
        """Whether this key is an operator's."""
        return key is not None and (key in self.configured or key in self.appointed)

    def room(self, name: str) -> RoomRules:
        """Give what holds there."""
        return self.rooms.get(name, ORDINARY)

    def over(self, now: float) -> dict[Fact, str | None]:
        """Forget what is over, and give the facts to be forgotten with it."""
        gone = [one for one in (*self.bans, *self.mutes) if not one.holds(now)]
        for one in gone:
            self.of(one.what).drop(one.ident)
        return {(one.what, one.ident): None for one in gone}

    # --- what they mean

    def _hit(self, sanctions: Sanctions, who: Who, now: float) -> Sanction | None:
        """An operator is hit by what names their key alone: it takes the console to do that."""
        return sanctions.find(Who(key=who.key) if self.is_operator(who.key) else who, now)

    def admit(self, who: Who, now: float) -> None:
        """Pass who may come in under this name. Raises Forbidden."""
        if ban := self._hit(self.bans, who, now):
            what = "you are" if ban.name is None or not who.name else f"{clean(who.name)} is"
            raise Forbidden(f"{what} banned{ban.words(now)}")

    def at_the_door(self, host: str, now: float) -> ChatError | None:
        """Give why nobody from there is listened to, None if somebody is."""
        ban = self.bans.find(Who(host=host), now) if host else None
        return None if ban is None else Forbidden(f"your address is banned{ban.words(now)}")

    def speak(self, who: Who, room: str, now: float) -> float:
        """Note that somebody speaks. Give for how many seconds they may not do so again.

        Raises:
            Forbidden: muted, or the room is read-only.
            RateLimited: the room is slow, and they have spoken a moment ago.
        """
        if mute := self._hit(self.mutes, who, now):
            raise Forbidden(f"you are muted{mute.words(now)}")
        rules = self.room(room)
        if self.is_operator(who.key):
            return 0.0
        if rules.read_only:
            raise Forbidden(f"{room} is read-only: operators alone speak there")
        if rules.slow:
            self._slow_down(who, room, rules.slow, now)
        return rules.slow

    def unspeak(self, who: Who, room: str, at: float) -> None:
        """Take back what ``speak`` noted ``at`` that time: it had been said before, and is not said again."""
        for mark in self._turns(who, room):
            if self._spoke.get(mark) == at:  # whoever spoke earlier might speak again by then: nothing is lost
                del self._spoke[mark]

    @staticmethod
    def _turns(who: Who, room: str) -> list[Fact]:
        return [(room, f"{kind} {value}") for kind, value in _own_marks(who)]

    def _slow_down(self, who: Who, room: str, slow: float, now: float) -> None:
        marks = self._turns(who, room)
        wait = max(self._spoke.get(mark, now - slow) for mark in marks) + slow - now
        if wait > 0:
            raise RateLimited(
                f"{room} is slow: a message every {short_span(slow)}", retry_after=min(round(wait, 1) + 0.1, slow)
            )
        for mark in marks:
            self._spoke.pop(mark, None)
            self._spoke[mark] = now
        while len(self._spoke) > REMEMBERED:
            del self._spoke[next(iter(self._spoke))]


def _own_marks(who: Who) -> Iterator[Fact]:
    yield "name", fold_nick(who.name) if who.name else ""
    if who.key is not None:
        yield "key", who.key
    if who.token is not None:
        yield "token", who.token.hex()

"""Learning: what other servers have changed of the facts, and what follows from it here.

Lives here: claims, bans, mutes, operators, rooms' rules and the log of orders that another server has kept, as that
server has applied them to itself. Does not live here: changing them (admin_commands.py, name_binding.py), leases
(leasing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from chatctl.common.text import clean
from chatctl.core.admin_log import KIND as ORDER
from chatctl.core.admin_log import Order
from chatctl.core.bans import Sanction, SanctionKind
from chatctl.core.lease import ASKED
from chatctl.core.lease import KIND as LEASE
from chatctl.core.moderation import RoomRules
from chatctl.core.name_claims import KIND as CLAIM
from chatctl.core.name_claims import NameClaim
from chatctl.core.peer import person_of
from chatctl.hub.admin_people import name_of
from chatctl.hub.admin_plan import rooms_of
from chatctl.hub.admin_target import staying
from chatctl.hub.event_log import NOT_KNOWN
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts
from chatctl.protocol import Bye, Frame, Notice, RoomNow

_RANKS = {ORDER: -1, ASKED: 1}
"""Kinds of facts that come before others, whose reason they are, or after those that they say something of."""


class Learning:
    """Applies changes of facts to one server."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub
        self._hit: dict[str, None] = {}
        """Rooms of those who were hit by a ban or mute of these facts."""
        self._ordered: list[Order] = []
        """What these facts tell of orders: rooms are told last."""
        self._kinds: Mapping[str, Callable[[str, str | None], None]] = {
            CLAIM: self._claim,
            "ban": lambda key, value: self._sanction("ban", key, value),
            "mute": lambda key, value: self._sanction("mute", key, value),
            "operator": self._operator,
            "room": self._room,
            ORDER: self._order,
            LEASE: hub.leasing.learn,
            ASKED: hub.leasing.learn_asked,
        }

    def learn(self, facts: Facts) -> None:
        """Apply changes, in the order of their commits; those of this server's own may be among them."""
        self._hit.clear()
        self._ordered.clear()
        for (kind, key), value in sorted(facts.items(), key=lambda fact: _RANKS.get(fact[0][0], 0)):
            try:
                if kind in self._kinds:
                    self._kinds[kind](key, value)
                else:
                    self._hub.log.info_once(NOT_KNOWN, what=f"kind of setting: {kind}")
            except (ValueError, RecursionError) as error:  # a newer version's
                self._hub.log.warning("unreadable setting of another server", kind=kind, key=key, why=str(error))
        for order in self._ordered:
            rooms = list(self._hub.presence.rooms) if order.everywhere else [*(order.rooms or [order.room]), *self._hit]
            for room in dict.fromkeys(rooms):
                self._tell(room, Notice(order.done, order.time, order.by))

    def redacted(self, name: str, seqs: Sequence[int]) -> None:
        """Show that another server has emptied entries of a room."""
        if (room := self._hub.presence.rooms.get(name)) is not None:
            room.redact(seqs)
            self._hub.touch(room)

    def _claim(self, key: str, value: str | None) -> None:
        claim = msgspec.json.decode(value, type=NameClaim) if value is not None else None
        self._hub.claims.learn(key, claim)

    def _operator(self, key: str, value: str | None) -> None:
        appointed = self._hub.rules.appointed
        (appointed.add if value is not None else appointed.discard)(key)

    def _sanction(self, what: SanctionKind, key: str, value: str | None) -> None:
        rules, clock = self._hub.rules, self._hub.clock
        if value is None:
            rules.sanctions(what).drop(key)
            return
        kept = msgspec.json.decode(value, type=Sanction)
        until = None if kept.until is None else clock.steady_of(kept.until)
        one = msgspec.structs.replace(kept, since=clock.steady_of(kept.since), until=until)
        before = rules.sanctions(what).get(one.ident)
        if before is not None and _is_same(before, one):  # the journal has lost changes: all facts are told again
            return
        rules.sanctions(what).add(one)
        if not one.is_active(clock.steady()):
            return
        hit = rules.hit_by(one, {peer: person_of(peer, name_of(peer)) for peer in staying(self._hub)})
        self._hit.update((room.name, None) for room in rooms_of(hit))
        by = f" by {clean(one.by)}" if one.by else ""
        for peer in hit if what == "ban" else ():
            self._hub.disconnect(peer, "removed", Bye(why=f"you were banned{by}{one.terms}", final=True))

    def _room(self, name: str, value: str | None) -> None:
        rules = msgspec.json.decode(value, type=RoomRules) if value is not None else RoomRules()
        if rules != self._hub.rules.room(name):
            self._hub.rules.rooms[name] = rules
            self._tell(name, RoomNow(rules.topic, rules.slow or 0, rules.read_only))

    def _order(self, key: str, value: str | None) -> None:
        if (order := self._hub.rules.log.learn(key, value)) is not None:
            self._ordered.append(order)

    def _tell(self, name: str, frame: Frame) -> None:
        if (room := self._hub.presence.rooms.get(name)) is not None:
            room.tell(frame)
            self._hub.touch(room)


def _is_same(one: Sanction, other: Sanction) -> bool:
    """Compare without what two readings of the clocks make of the times."""
    if (one.until is None) != (other.until is None) or abs((one.until or 0.0) - (other.until or 0.0)) > 1.0:
        return False
    return one == msgspec.structs.replace(other, since=one.since, until=one.until)

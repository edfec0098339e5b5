"""Operators and leases: which locks are held and questions open, and how an operator ends one.

Does not live here: what a lease is (core/leases.py), what becomes of it (leasing.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.bans import Sanction
from chatctl.core.lease import Lease, LeaseKey, why_taken_away
from chatctl.core.peer import Peer
from chatctl.errors import Forbidden
from chatctl.hub.admin_people import row_of
from chatctl.hub.admin_plan import Plan, because, counted
from chatctl.hub.admin_target import Actor, AdminTarget, insist_on_room
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import DEFAULT_ROOM, Admin, Done, LeaseKind

_KINDS: tuple[LeaseKind, ...] = ("lock", "question")


def list_leases(ask: Admin, actor: Actor, _target: AdminTarget, hub: PeerControl) -> Done:
    """Answer ``locks``: those that are held, and the questions that are open; for an operator those of their room.

    Raises RoomInvalid if there is no such room.
    """
    found = sorted(_in(ask.room, hub), key=lambda lease: (lease.room, lease.kind, lease.since))
    if ask.room is not None and not found:
        insist_on_room(ask.room, hub)
    numbers = {kind: sum(lease.kind == kind for lease in found) for kind in _KINDS}
    text = ", ".join(counted(number, kind, f"{kind}s") for kind, number in numbers.items() if number)
    rows = [_row(lease, actor.role, hub) for lease in found]
    return Done(ask.verb, text or "no locks, no open questions", rows, ask.id)


def _in(room: str | None, hub: PeerControl) -> Iterator[Lease]:
    hub.leasing.expire()
    for lease in hub.leasing.leases:
        is_asked = lease.kind == "lock" or lease.asked is not None
        if lease.closed is None and is_asked and room in (None, lease.room):
            yield lease


def _row(lease: Lease, role: Role, hub: PeerControl) -> dict[str, Any]:
    """Return what an operator is told of a lease; never what it is taken with."""
    row: dict[str, Any] = {"kind": lease.kind, "name": lease.name, "room": lease.room, "nick": lease.nick}
    peer = hub.leasing.leases.holder_of(lease.place)
    more = row_of(peer, role) if isinstance(peer, Peer) else {}
    key = {"key": lease.key} if lease.key is not None else {}
    address = {"address": more["address"]} if "address" in more else {}
    until = {"until": lease.until} if lease.until is not None else {}
    return row | {"since": lease.since} | until | key | address


def unlock(ask: Admin, actor: Actor, _target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``unlock``: free a lock, or withdraw a question. Raises ChatError if there is neither, or no such room."""
    room = ask.room or DEFAULT_ROOM
    lease = _find(room, ask.target, hub)
    of = f" of {clean(lease.nick)}" if lease.nick else ""
    what = (
        f"the lock {lease.name}{of} was freed" if lease.kind == "lock" else f"question {lease.name}{of} was withdrawn"
    )
    why = why_taken_away(lease.kind, actor.name, ask.text)
    peer = hub.leasing.leases.holder_of(lease.place)
    return Plan(
        f"{what}{actor.by}{because(ask.text)}",
        lambda: hub.leasing.take_away(lease, why),
        [hub.history.rooms[room]] if room in hub.history.rooms else [],
        [peer] if isinstance(peer, Peer) else [],
        where=room,
    )


def _find(room: str, name: str, hub: PeerControl) -> Lease:
    wanted = {LeaseKey(room, kind, name) for kind in _KINDS}
    found = [lease for lease in _in(room, hub) if lease.place in wanted]
    if not found:
        insist_on_room(room, hub)
        raise Forbidden(f"there is no lock or open question '{clean(name[:64])}' in {room}: 'locks' lists them")
    return min(found, key=lambda lease: lease.kind)  # a lock before a question


def end_of(ban: Sanction, why: str, hub: PeerControl) -> None:
    """End the leases of whom a ban hits: their holders may be away, or watch under no name."""
    people = {lease: lease.person for lease in _in(None, hub)}
    for lease in hub.rules.hit_by(ban, people) if people else ():
        hub.leasing.send_away(lease, why)

"""An order as a plan: what it changes, whom it hits and what is said of it. A plan does nothing.

Does not live here: making one of an order (admin_sanctions.py, admin_rooms.py, admin_leases.py, admin_claims.py,
admin_operators.py), carrying it out (admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatctl.common.text import clean
from chatctl.core.admin_log import Order
from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.directory import Errand
from chatctl.errors import ChatError
from chatctl.hub.admin_people import MAX_SHOWN, remote_row, row_of
from chatctl.hub.admin_target import Actor, AdminTarget
from chatctl.hub.member_places import RoomMember
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts
from chatctl.protocol import Admin, Done

Outcome = Done | ChatError
Answer = Callable[[Outcome], None]


@dataclass(frozen=True)
class Plan:
    """What an order does, before it is done."""

    text: str
    """For the rooms, as if it were done."""
    apply: Callable[[], None]
    rooms: Sequence[Room] = ()
    """Where it is told."""
    hit: Sequence[Peer] = ()
    """The connections that it is for."""
    remote: Sequence[RoomMember] = ()
    """The members of other servers that it is for."""
    errand: Errand | None = None
    """What is to be done for each of these at its server, before anything is told; None: it goes by the changes."""
    changes: Facts = field(default_factory=dict)
    note: str = ""
    """For the operator alone, behind the text."""
    where: str | None = ""
    """The room, for the log of orders; None: it does not stand there."""
    shown: str = ""
    """The name in the text, where others may be hit, too."""
    everywhere: bool = False
    """``rooms`` are all that there are, since it hits nobody who is here."""


Planner = Callable[[Admin, Actor, AdminTarget, PeerControl], Plan | Done | Coroutine[Any, Any, Done]]
"""Plans an order; one that only reads is answered, at once or after some turns. Raises ChatError if it can't be carried
out."""


def told(ask: Admin, actor: Actor, plan: Plan, *, dry: bool = False) -> Done:
    """Return what an operator is told of what was done, or would be."""
    rows = [row_of(peer, actor.role) for peer in plan.hit[:MAX_SHOWN]]
    rows += [remote_row(member, actor.role) for member in plan.remote[:MAX_SHOWN]]
    rows, number = rows[:MAX_SHOWN], len(plan.hit) + len(plan.remote)
    more = f"; {number - MAX_SHOWN} more are not listed" if number > MAX_SHOWN else ""
    text = f"{plan.text}{plan.note}{more}"
    return (
        Done(f"?{ask.verb}", f"nothing was done, it would be: {text}", rows, ask.id)
        if dry
        else Done(ask.verb, text, rows, ask.id)
    )


def log_row(
    hub: PeerControl, ask: Admin, actor: Actor, text: str, room: str, rooms: Iterable[str], *, everywhere: bool = False
) -> Facts:
    """Return the facts by which an order stands in the log, and is told in rooms at other servers."""
    where = [] if everywhere else sorted(rooms)
    return hub.rules.log.add(
        Order(hub.clock(), ask.verb, actor.name, ask.target, room, ask.seconds, ask.text, text, where, everywhere)
    )


def rooms_of(peers: Iterable[Peer]) -> list[Room]:
    """Return the rooms that peers are in, each once."""
    return list({peer.room: None for peer in peers if peer.room is not None})


def counted(number: int, one: str, more: str) -> str:
    """Return a number and what it is of."""
    return f"{number} {one if number == 1 else more}"


def because(reason: str) -> str:
    """Return a reason as the end of a sentence."""
    return f": {clean(reason)}" if reason else ""

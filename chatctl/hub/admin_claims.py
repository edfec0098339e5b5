"""Operators and bound names: which claims an order means, listing them, setting their names free.

Lives here: planning these orders. Does not live here: what a claim means (core/name_ownership.py), carrying an order
out (admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from chatctl.common.text import clean
from chatctl.core.name_claims import NameClaim
from chatctl.errors import Forbidden
from chatctl.hub.admin_plan import Plan, counted
from chatctl.hub.admin_target import Actor, AdminTarget
from chatctl.hub.history import MAX_PAGE_BYTES
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import Admin, Done, Msg


def list_claims(ask: Admin, _actor: Actor, target: AdminTarget, hub: PeerControl) -> Done | Coroutine[Any, Any, Done]:
    """Answer ``claims``; with ``suspect`` later, since the log has to be read."""
    found = _chosen(ask, target, hub)
    if ask.suspect:
        return _list_suspects(ask, set(found), hub)
    return _told(ask, [msgspec.to_builtins(claim) for claim in found])


async def _list_suspects(ask: Admin, found: Collection[NameClaim], hub: PeerControl) -> Done:
    """Answer with those of the chosen claims that are to be looked at, and ``why``."""
    spoken = await _first_spoken(hub)
    return _told(ask, [msgspec.to_builtins(one) | {"why": why} for one, why in _suspects(hub, spoken) if one in found])


def _told(ask: Admin, rows: list[dict[str, Any]]) -> Done:
    return Done(ask.verb, counted(len(rows), "name is bound to a key", "names are bound to keys"), rows, ask.id)


def unclaim(ask: Admin, _actor: Actor, target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``unclaim``. Raises Forbidden if nothing is said that chooses, or nothing that is bound."""
    if not (ask.target or ask.newer or ask.unused):
        raise Forbidden("say which: a name, a key, --newer or --unused")
    claims, found = hub.names.claims, _chosen(ask, target, hub)
    what = clean(target.shown) if target.name is not None else counted(len(found), "name", "names")
    text = f"{what} {'is' if len(found) == 1 else 'are'} no longer bound to a key"
    if any(map(hub.names.is_used, found)):
        text += "; who is here with its key binds it again on coming back: ban the key"

    def apply() -> None:
        for claim in found:
            claims.drop(claim)
            hub.log.info("set free", nick=claim.nick, key=claim.key)

    return Plan(text, apply, changes={claims.fact_key(claim): None for claim in found})


def _chosen(ask: Admin, target: AdminTarget, hub: PeerControl) -> list[NameClaim]:
    """Return the claims that are all of what an order says: of a name or key, new, unused.

    Raises:
        Forbidden: there is none of that name or key.
    """
    claims, now = hub.names.claims, hub.clock()
    found: Iterable[NameClaim] = claims
    if target.key is not None:
        found = claims.of_key(target.key)
    elif target.name is not None:
        one = claims.find_kept(target.name)
        found = [one] if one is not None else []
    if (target.key or target.name) and not found:
        raise Forbidden(f"{clean(target.shown)} is bound to no key: 'claims' lists the names that are")
    if ask.newer:
        found = [claim for claim in found if claim.since > now - ask.newer]
    if ask.unused:
        here = {peer.key for peer in hub.peers} | {member.proved for member in hub.presence.remote()}
        found = [claim for claim in found if claim.key not in here and _is_unused(claim, now - ask.unused)]
    return list(found)


def _suspects(hub: PeerControl, spoken: Mapping[str, float]) -> Iterator[tuple[NameClaim, str]]:
    """Yield claims that may be somebody's who is not the one that people take them for, and why."""
    yield from hub.names.claims.suspects()
    for claim in hub.names.claims:
        if spoken.get(claim.nick.lower(), claim.since) < claim.since:
            yield claim, "someone used it before it was bound"


async def _first_spoken(hub: PeerControl) -> Mapping[str, float]:
    """Return since when each name speaks, as far as is known without reading all: see ``_newest``.

    Names are folded by case alone. They were checked when they were let in, so nothing else is left to fold; and there
    may be a million of entries.
    """
    first: dict[str, float] = {}
    for room in [*hub.journal.rooms()]:
        for entry in await _newest(room, hub):
            nick = entry.nick.lower()
            first[nick] = min(entry.time, first.get(nick, entry.time))
    return first


async def _newest(name: str, hub: PeerControl) -> Iterable[Msg]:
    """Return the newest entries of a room: a page of them, more if the server has them in memory.

    It has none of before it opened the room, which another server or an earlier process may have had open.
    """
    room, head = hub.history.rooms.get(name), hub.journal.head(name)
    held = room.ring.entries(0, len(room.ring)) if room is not None else []
    last = head.last if room is None else room.ring.first - 1
    more = hub.limits.page - len(held)
    if head.first is None or more <= 0 or last < head.first:
        return held
    return [
        *await hub.journal.read(name, max(0, last - more), min(more, last), most=MAX_PAGE_BYTES, newest=True),
        *held,
    ]


def _is_unused(claim: NameClaim, since: float) -> bool:
    return claim.used is not None and claim.used < since

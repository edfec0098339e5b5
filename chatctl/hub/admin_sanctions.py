"""Operators and people: kicks, and bans and mutes that are set, lifted and listed.

Lives here: planning these orders. Does not live here: whom an order means (admin_target.py), whom a ban or mute hits
(core/bans.py), carrying an order out (admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from chatctl.common.text import clean
from chatctl.core.bans import MAX_SANCTIONS, Person, Sanction, SanctionKind
from chatctl.core.members import Member
from chatctl.core.peer import Peer, person_of
from chatctl.core.room import Room
from chatctl.directory import Kick
from chatctl.errors import Forbidden, TooLong
from chatctl.hub import admin_leases
from chatctl.hub.admin_people import name_of
from chatctl.hub.admin_plan import Plan, because, counted, rooms_of
from chatctl.hub.admin_target import Actor, AdminTarget, address_behind, note_on, person_behind, staying
from chatctl.hub.member_places import RoomMember
from chatctl.hub.peer_control import PeerControl
from chatctl.journal import Facts
from chatctl.protocol import Admin, Bye, Done


def kick(ask: Admin, actor: Actor, target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``kick``."""
    text = f"{clean(target.shown)} was kicked{actor.by}{because(ask.text)}"
    why = f"you were kicked{actor.by}{because(ask.text)}"
    return Plan(
        text,
        lambda: _disconnect(hub, target.peers, why),
        [*rooms_of(target.peers), *hub.presence.rooms_of(target.remote)],
        target.peers,
        target.remote,
        Kick(why),
        where=ask.room or "",
    )


def impose(ask: Admin, actor: Actor, target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``ban`` or ``mute``. Raises ChatError if too little is known of the target, or there are too many."""
    what: SanctionKind = "ban" if ask.verb == "ban" else "mute"
    done = "banned" if what == "ban" else "muted"
    one = _sanction_on(what, ask, actor, target, hub)
    sanctions = hub.rules.sanctions(what)
    changes = hub.rules.drop_expired(hub.clock.steady())
    if len(sanctions) >= MAX_SANCTIONS:
        raise TooLong(f"there are {MAX_SANCTIONS} of these already: lift some")
    text = f"{_public_name(target)} was {done}{actor.by}{one.terms}"
    judged = _people(hub)
    elsewhere = {member: _person(member) for member in hub.presence.remote()}
    found = hub.rules.hit_by(one, dict[object, Person](chain(judged.items(), elsewhere.items())))
    hit = [who for who in found if isinstance(who, Peer)]
    remote = [who for who in found if isinstance(who, Member)]

    def apply() -> None:
        sanctions.add(one)
        # Those who came, or were renamed, while it was committed; of these only who is not hit already.
        came = {peer: person for peer, person in _people(hub).items() if judged.get(peer) != person}
        known = set(hit) if came else set[Peer]()
        hit.extend(peer for peer in hub.rules.hit_by(one, came) if peer not in known)
        if what == "ban":
            why = f"you were banned{actor.by}{one.terms}"
            _disconnect(hub, hit, why)
            for member in remote if one.name is not None else ():  # who was renamed meanwhile: their server can't know
                hub.errands.send(member, Kick(why), lambda _: None)
            admin_leases.end_of(one, f"its holder was banned{actor.by}", hub)

    rooms = [*rooms_of(hit), *hub.presence.rooms_of(remote)]
    return Plan(
        text,
        apply,
        rooms or _rooms_called(ask.room, hub),
        hit,
        remote,
        changes={**changes, **_facts([one], hub)},
        note=_network_of(target) + note_on(target, one, [*hit, *remote], hub.networks.proxies, actor.role),
        where=ask.room or "",
        shown=target.shown if target.name is not None else "",
        everywhere=not rooms and ask.room is None,
    )


def lift(ask: Admin, actor: Actor, target: AdminTarget, hub: PeerControl) -> Plan:
    """Plan ``unban`` or ``unmute``. Raises Forbidden if there is nothing to lift."""
    what: SanctionKind = "ban" if ask.verb == "unban" else "mute"
    sanctions = hub.rules.sanctions(what)
    lifted = sanctions.on_target(target.name, target.key, target.network)
    if not lifted:
        raise Forbidden(f"there is no {what} on {clean(target.shown)}: 'bans' lists them")
    done = "let in again" if what == "ban" else "allowed to speak again"

    def apply() -> None:
        for one in lifted:
            sanctions.drop(one.ident)

    hit = [*rooms_of(target.peers), *hub.presence.rooms_of(target.remote)]
    rooms, everywhere = hit or _rooms_called(ask.room, hub), not hit and ask.room is None
    changes: Facts = {(what, one.ident): None for one in lifted}
    text, where = f"{_public_name(target)} was {done}{actor.by}", ask.room or ""
    note = _network_of(target)
    return Plan(text, apply, rooms, target.peers, changes=changes, note=note, where=where, everywhere=everywhere)


def list_sanctions(ask: Admin, actor: Actor, _target: AdminTarget, hub: PeerControl) -> Done:
    """Answer ``bans``: with the mutes, too. Addresses are for the console alone."""
    rules, now = hub.rules, hub.clock.steady()
    active = [_kept(one, hub) for one in (*rules.bans, *rules.mutes) if one.is_active(now)]
    secret = {"token"} if actor.role == "console" else {"token", "network"}
    rows = [{key: value for key, value in msgspec.to_builtins(one).items() if key not in secret} for one in active]
    bans, mutes = (sum(one.what == what for one in active) for what in ("ban", "mute"))
    counts = [counted(bans, "ban", "bans")] * bool(bans) + [counted(mutes, "mute", "mutes")] * bool(mutes)
    return Done(ask.verb, ", ".join(counts) or "no bans, no mutes", rows, ask.id)


def ends_to_keep(hub: PeerControl) -> Facts:
    """Return the facts of all sanctions that end, with the times of a wall clock that was set."""
    return _facts([one for one in (*hub.rules.bans, *hub.rules.mutes) if one.until is not None], hub)


def _sanction_on(what: SanctionKind, ask: Admin, actor: Actor, target: AdminTarget, hub: PeerControl) -> Sanction:
    """Return a sanction on the target: a name is a name, unless the person or the address is meant, too."""
    now = hub.clock.steady()
    known = _present_one(what, target, hub)  # banned anew, for longer say: by no less than before
    by_person = target.name is not None and (ask.person or target.shared)
    network = address_behind(target) if ask.address and target.name is not None else None
    key, token = person_behind(target, what, suffices=network is not None) if by_person else (None, None)
    return Sanction(
        what=what,
        since=now,
        until=now + ask.seconds if ask.seconds else None,
        by=actor.name,
        reason=ask.text,
        name=target.shown if target.name is not None and not target.shared else None,
        called=target.shown if target.shared else "",
        key=target.key or key or known.key,
        token=token or known.token,
        network=target.network or network or known.network,
    )


def _present_one(what: SanctionKind, target: AdminTarget, hub: PeerControl) -> Sanction:
    """Return the active sanction on the target's name; an empty one if there is none."""
    on_name = hub.rules.sanctions(what).on_target(None if target.shared else target.name, None, None)
    return next((one for one in on_name if one.is_active(hub.clock.steady())), Sanction(what, 0.0))


def _facts(sanctions: Iterable[Sanction], hub: PeerControl) -> Facts:
    return {(one.what, one.ident): msgspec.json.encode(_kept(one, hub)).decode() for one in sanctions}


def _kept(one: Sanction, hub: PeerControl) -> Sanction:
    """Return a sanction with the times of the wall clock, as they are shown and kept for the next start."""
    kept = hub.clock.kept
    until = kept(one.until) if one.until is not None else None
    return msgspec.structs.replace(one, since=kept(one.since), until=until)


def _people(hub: PeerControl) -> dict[Peer, Person]:
    return {peer: person_of(peer, name_of(peer)) for peer in staying(hub)}


def _person(member: RoomMember) -> Person:
    return Person(member.nick, member.proved, member.token, member.host)


def _disconnect(hub: PeerControl, peers: Iterable[Peer], why: str) -> None:
    for peer in peers:
        hub.disconnect(peer, "removed", Bye(why=why, final=True))


def _rooms_called(name: str | None, hub: PeerControl) -> list[Room]:
    """Return the room of this name, if there is one; all rooms for None."""
    rooms = hub.history.rooms
    return list(rooms.values()) if name is None else [rooms[name]] if name in rooms else []


def _public_name(target: AdminTarget) -> str:
    """Return what the room is told of a target: never an address."""
    return clean(target.shown) if target.network is None else "an address"


def _network_of(target: AdminTarget) -> str:
    """Return the address that was meant, for the operator alone, who gave it; empty for other targets."""
    return f" ({target.network})" if target.network is not None else ""

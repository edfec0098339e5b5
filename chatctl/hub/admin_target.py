"""At what an operator's verb is aimed: a name, a key, a network, a room, the server; and whom that means now.

Lives here: reading a target. Does not live here: who may aim at what (verbs.py), what is done then (steward.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from chatctl.common.names import check_nick, fold_nick
from chatctl.common.text import clean
from chatctl.common.verbs import Kind, Role
from chatctl.core.moderation import Rules, Sanction, network_of
from chatctl.core.name_claims import NameClaim
from chatctl.core.peer import Peer
from chatctl.core.permissions import find_verb
from chatctl.protocol import Admin


class House(Protocol):
    """The hub, as far as one aims at it."""

    rules: Rules
    peers: dict[Peer, None]

    def claim_on(self, nick: str) -> NameClaim | None:
        """Give the claim on a name."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who orders it: ``name`` is empty for the console, ``room`` is where they are."""

    role: Role
    name: str = ""
    room: str | None = None

    @property
    def by(self) -> str:
        """Give what stands behind ``was banned``."""
        return f" by {clean(self.name)}" if self.name else ""


@dataclass(frozen=True, slots=True)
class AdminTarget:
    """What a target turned out to be."""

    kind: Kind
    shown: str = ""
    name: str | None = None
    key: str | None = None
    network: str | None = None
    peers: list[Peer] = field(default_factory=list)
    """Those connections that it means."""


def aim_of(ask: Admin, actor: Actor, house: House) -> AdminTarget:
    """Tell what a verb is aimed at. Raises ChatError for what is nothing."""
    verb = find_verb(ask.verb)
    if verb.on_room:
        return AdminTarget("room")
    if verb.on_server or not ask.target:
        return AdminTarget("server", "the server")
    kind, _, rest = ask.target.partition(":")
    if kind == "name":
        return _at_name(rest, ask, actor, house)
    if kind == "SHA256":
        return _at_key(ask.target, house)
    try:
        return _at_network(str(network_of(ask.target)), house)
    except ValueError:
        return _at_name(ask.target, ask, actor, house)


def _at_key(key: str, house: House) -> AdminTarget:
    kind: Kind = "operator" if house.rules.is_operator(key) else "key"
    return AdminTarget(kind, key, key=key, peers=[peer for peer in here(house) if peer.key == key])


def _at_network(network: str, house: House) -> AdminTarget:
    peers = [peer for peer in here(house) if peer.way.host and _is_in(peer.way.host, network)]
    return AdminTarget("operator" if _any_operator(peers, house) else "address", network, network=network, peers=peers)


def _at_name(target: str, ask: Admin, actor: Actor, house: House) -> AdminTarget:
    nick = check_nick(target)
    folded, room = fold_nick(nick), ask.room if actor.role == "console" else actor.room
    everywhere = [peer for peer in here(house) if _is_called(peer, folded)]
    peers = [peer for peer in everywhere if room is None or (peer.room is not None and peer.room.name == room)]
    claim = house.claim_on(nick)
    if _any_operator(everywhere, house) or house.rules.is_operator(claim.key if claim else None):
        kind: Kind = "operator"
    else:
        kind = "member" if peers else "name"
    if kind == "operator" and ask.verb == "kick" and not peers:
        kind = "name"
    return AdminTarget(kind, name_of(peers[0]) if peers else nick, name=nick, peers=peers)


def here(house: House) -> list[Peer]:
    """Give all who are in a room and stay."""
    return [peer for peer in house.peers if peer.leaving is None and peer.room is not None]


def _any_operator(peers: Iterable[Peer], house: House) -> bool:
    return any(house.rules.is_operator(peer.key) for peer in peers)


def name_of(peer: Peer) -> str:
    """Give the name that a peer speaks under; one who watches has none, whatever it called itself."""
    if peer.member is not None:
        return peer.member.nick
    return peer.session.nick if peer.session.mode == "post" else ""


def _is_called(peer: Peer, folded: str) -> bool:
    name = name_of(peer)
    return bool(name) and fold_nick(name) == folded


def _is_in(host: str, network: str) -> bool:
    rules = Rules()
    rules.bans.add(Sanction("ban", 0.0, network=network))
    return rules.at_the_door(host, 0.0) is not None

"""The target of an operator's verb: a name, a key, a network, a room or the server, and the peers that it means now.

Lives here: reading a target. Does not live here: who may aim at what (core/permissions.py), what is done to it
(admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatctl.common.ip_addresses import Network, parse_address, parse_network
from chatctl.common.names import check_nick, fold_any
from chatctl.common.text import clean
from chatctl.common.verbs import Kind, Role
from chatctl.core.ip_networks import client_network
from chatctl.core.peer import Peer
from chatctl.core.people import people
from chatctl.core.permissions import find_verb
from chatctl.errors import ChatError, Forbidden
from chatctl.hub.messages import speaker_name
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import Admin

_LIFTING = frozenset(["unban", "unmute", "unclaim"])
"""Verbs that take back what may be kept under a name that nobody could have today."""

_MOST_LISTED = 5
"""People that one name may mean: so many are told."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives an order: ``name`` is empty for the console, ``room`` is the one that they are in."""

    role: Role
    name: str = ""
    room: str | None = None

    @property
    def by(self) -> str:
        """Suffix " by NAME"; empty for the console."""
        return f" by {clean(self.name)}" if self.name else ""


@dataclass(frozen=True, slots=True)
class AdminTarget:
    """A target that was read."""

    kind: Kind
    shown: str = ""
    name: str | None = None
    key: str | None = None
    network: str | None = None
    peers: list[Peer] = field(default_factory=list)
    """The connections that it means."""


def target_of(ask: Admin, actor: Actor, hub: PeerControl) -> AdminTarget:
    """Read the target of an order. Raises ChatError for an unknown verb and for what can't be a target."""
    verb = find_verb(ask.verb)
    if "room" in verb.may:
        return AdminTarget("room")
    if ask.verb == "unclaim" and not ask.target:
        return AdminTarget("name")  # those that its options choose
    if "server" in verb.may or not ask.target:
        return AdminTarget("server", "the server")
    prefix, _, rest = ask.target.partition(":")
    if prefix == "name":
        return _name_target(rest, ask, actor, hub)
    if prefix == "SHA256":
        return _key_target(ask.target, hub)
    try:
        return _network_target(client_network(ask.target), hub)
    except ValueError:
        return _name_target(ask.target, ask, actor, hub)


def _key_target(key: str, hub: PeerControl) -> AdminTarget:
    kind: Kind = "operator" if hub.rules.is_operator(key) else "key"
    return AdminTarget(kind, key, key=key, peers=[peer for peer in staying(hub) if peer.key == key])


def _network_target(network: Network, hub: PeerControl) -> AdminTarget:
    peers = [peer for peer in staying(hub) if peer.info.host and parse_address(peer.info.host) in network]
    kind: Kind = "operator" if _any_operator(peers, hub) else "address"
    return AdminTarget(kind, str(network), network=str(network), peers=peers)


def _name_target(target: str, ask: Admin, actor: Actor, hub: PeerControl) -> AdminTarget:
    nick = target if ask.verb in _LIFTING else check_nick(target)
    folded, room = fold_any(nick), ask.room if actor.role == "console" else actor.room
    everywhere = [peer for peer in staying(hub) if _is_called(peer, folded, hub)]
    peers = [peer for peer in everywhere if room is None or (peer.room is not None and peer.room.name == room)]
    claim = hub.claims.find_kept(nick)
    if _any_operator(everywhere, hub) or hub.rules.is_operator(claim.key if claim else None):
        kind: Kind = "operator"
    else:
        kind = "member" if peers else "name"
    if kind == "operator" and ask.verb == "kick" and not peers:
        kind = "name"
    if ask.verb not in _LIFTING:
        _check_one_person(nick, peers)
    return AdminTarget(kind, name_of(peers[0]) if peers else nick, name=nick, peers=peers)


def _is_called(peer: Peer, folded: str, hub: PeerControl) -> bool:
    """Return whether a peer has this name now. One who posts may have chosen it before its owner came."""
    if not (name := name_of(peer)) or fold_any(name) != folded:
        return False
    try:
        return bool(speaker_name(peer, hub.names, hub.clock()))
    except ChatError:
        return False


def _check_one_person(nick: str, peers: Iterable[Peer]) -> None:
    """Return if all of these are one person's. Raises Forbidden: members of one name are, those who post may not be."""
    groups = people(peers, lambda peer: peer.owner)
    if len(groups) > 1:
        more = f", and {len(groups) - _MOST_LISTED} more" if len(groups) > _MOST_LISTED else ""
        who = ", ".join(map(_described, groups[:_MOST_LISTED])) + more
        raise Forbidden(f"{clean(nick)} is {len(groups)} people here, {who}: say which --room, or the key")


def _described(group: Iterable[Peer]) -> str:
    rooms = dict.fromkeys(peer.room.name for peer in group if peer.room is not None)
    keys = dict.fromkeys(peer.key for peer in group if peer.key is not None)
    return f"in {' and '.join(rooms)} ({' and '.join(keys) or 'no key'})"


def note_on(target: AdminTarget, hit: Sequence[Peer], proxies: Sequence[Network]) -> str:
    """Return what an operator should know of a ban or mute of an address that hits nobody.

    Args:
        target: of the order.
        hit: who it hit.
        proxies: networks of proxies that tell whom they connect for.
    """
    if target.network is None or hit:
        return ""
    network = parse_network(target.network)
    if any(network.overlaps(proxy) for proxy in proxies):
        return "; it is a proxy's: what counts is the address of who is behind it"
    if network.is_loopback:
        return "; it hits nobody: connections of this machine count for no address"
    return "; nobody who is here comes from there"


def staying(hub: PeerControl) -> list[Peer]:
    """Return all peers that are in a room and not leaving."""
    return [peer for peer in hub.peers if peer.leaving is None and peer.room is not None]


def _any_operator(peers: Iterable[Peer], hub: PeerControl) -> bool:
    return any(hub.rules.is_operator(peer.key) for peer in peers)


def name_of(peer: Peer) -> str:
    """Return the name that a peer speaks under; empty for watchers, whatever their hello said."""
    if peer.member is not None:
        return peer.member.nick
    return peer.session.nick if peer.session.mode == "post" else ""

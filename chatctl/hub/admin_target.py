"""The target of an operator's verb: a name, a key, a network, a room or the server, and the peers that it means now.

Lives here: reading a target. Does not live here: who may aim at what (core/permissions.py), what is done to it
(admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from chatctl.common.fingerprints import parse
from chatctl.common.ip_addresses import Network, parse_address, parse_network
from chatctl.common.names import check_nick, fold_any
from chatctl.common.text import clean
from chatctl.common.verbs import Kind, Role
from chatctl.core.bans import Sanction, SanctionKind
from chatctl.core.ip_networks import client_network
from chatctl.core.peer import Peer
from chatctl.core.permissions import find_verb
from chatctl.errors import ChatError, Forbidden, RoomInvalid
from chatctl.hub.admin_people import insist_on_one, name_of, persons
from chatctl.hub.member_places import RoomMember
from chatctl.hub.messages import speaker_name
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import Admin

_LIFTING = frozenset(["unban", "unmute", "unclaim"])
"""Verbs that take back what may be kept under a name that nobody could have today."""


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
    owner: str | None = None
    """The key that the name is bound to."""
    shared: bool = False
    """Whether somebody else has the name in another room: then it does not stand for who is meant."""
    peers: list[Peer] = field(default_factory=list)
    """The connections that it means."""
    remote: list[RoomMember] = field(default_factory=list)
    """The members of other servers that it means."""


def placed(ask: Admin, actor: Actor) -> Admin:
    """Return an order with the room that it is for: who is in one orders there. Raises Forbidden for another one."""
    if actor.role == "console":
        return ask
    if ask.room and ask.room != actor.room:
        raise Forbidden(f"this command is for the room {clean(ask.room[:40])}: use it there")
    return msgspec.structs.replace(ask, room=actor.room)


def target_of(ask: Admin, actor: Actor, hub: PeerControl) -> AdminTarget:
    """Read the target of an order, once it is ``placed``.

    Raises ChatError for an unknown verb and for what can't be a target.
    """
    verb = find_verb(ask.verb)
    if "room" in verb.may:
        return AdminTarget("room")
    if ask.verb == "unclaim" and not ask.target:
        return AdminTarget("name")  # those that its options choose
    if "server" in verb.may or not ask.target:
        return AdminTarget("server", "the server")
    if ask.room is not None:
        insist_on_room(ask.room, hub)
    prefix, _, rest = ask.target.partition(":")
    if prefix == "name":
        return _name_target(rest, ask, actor, hub)
    if prefix.upper() == "SHA256":
        return _key_target(_checked_key(ask, hub), hub)
    try:
        return _network_target(client_network(ask.target), hub)
    except ValueError:
        if "/" in ask.target and ask.verb not in _LIFTING:  # which no name holds
            raise Forbidden(f"{clean(ask.target[:64])} is not a network: write 192.0.2.0/24") from None
        return _name_target(ask.target, ask, actor, hub)


def insist_on_room(name: str, hub: PeerControl) -> None:
    """Return if there is this room. Raises RoomInvalid if not."""
    if name not in hub.room_names():
        raise RoomInvalid(f"there is no room '{clean(name[:40])}'")


def _checked_key(ask: Admin, hub: PeerControl) -> str:
    """Return a key's fingerprint. Raises Forbidden for what is none, unless that was kept and is to be lifted."""
    rules = hub.rules
    kept = ask.target in rules.appointed or any(one.key == ask.target for one in (*rules.bans, *rules.mutes))
    if kept and (ask.verb in _LIFTING or ask.verb == "deop"):
        return ask.target
    try:
        return parse(ask.target)
    except ValueError as error:
        raise Forbidden(str(error)) from None


def _key_target(key: str, hub: PeerControl) -> AdminTarget:
    kind: Kind = "operator" if hub.rules.is_operator(key) else "key"
    remote = [member for member in hub.presence.remote() if member.proved == key]
    return AdminTarget(kind, key, key=key, peers=[peer for peer in staying(hub) if peer.key == key], remote=remote)


def _network_target(network: Network, hub: PeerControl) -> AdminTarget:
    peers = [peer for peer in staying(hub) if peer.info.host and parse_address(peer.info.host) in network]
    kind: Kind = "operator" if _any_operator(peers, hub) else "address"
    return AdminTarget(kind, str(network), network=str(network), peers=peers)


def _name_target(target: str, ask: Admin, actor: Actor, hub: PeerControl) -> AdminTarget:
    nick = target if ask.verb in _LIFTING else check_nick(target)
    folded, room = fold_any(nick), ask.room
    everywhere = [peer for peer in staying(hub) if _is_called(peer, folded, hub)]
    peers = [peer for peer in everywhere if room is None or (peer.room is not None and peer.room.name == room)]
    remote = [one for one in hub.names.here.alike(nick) if one.key == folded and one.conn is None]
    claim = hub.claims.find_kept(nick)
    keys = [claim.key if claim else None, *(one.proved for one in remote)]
    remote = [one for one in remote if room is None or one.room == room]
    if _any_operator(everywhere, hub) or any(map(hub.rules.is_operator, keys)):
        kind: Kind = "operator"
    else:
        kind = "member" if peers or remote else "name"
    if kind == "operator" and ask.verb == "kick" and not (peers or remote):
        kind = "name"
    if ask.verb not in _LIFTING:
        insist_on_one(nick, peers, actor.role)
    owner = claim.key if claim is not None else None
    shared = bool(peers) and len(persons(everywhere)) > 1
    shown = next(iter([*map(name_of, peers), *(one.nick for one in remote)]), nick)
    return AdminTarget(kind, shown, nick, owner=owner, shared=shared, peers=peers, remote=remote)


def _is_called(peer: Peer, folded: str, hub: PeerControl) -> bool:
    """Return whether a peer has this name now. One who posts may have chosen it before its owner came."""
    if not (name := name_of(peer)) or fold_any(name) != folded:
        return False
    try:
        return bool(speaker_name(peer, hub.names, hub.clock()))
    except ChatError:
        return False


def _proofs(target: AdminTarget) -> Iterator[tuple[str | None, bytes | None, str]]:
    """Yield the key, the token's hash and the address of each who is meant, here or at another server."""
    yield from ((peer.key, peer.token, peer.info.host) for peer in target.peers)
    yield from ((one.proved, one.token, one.host) for one in target.remote)


def key_behind(target: AdminTarget) -> str:
    """Return the one key that a target means. Raises Forbidden if it means none, or another one than its name's."""
    proved = {key for key, _, _ in _proofs(target) if key is not None}
    found = {target.key} if target.key is not None else proved | ({target.owner} if target.owner else set())
    if not found:
        raise Forbidden(f"{clean(target.shown)} has proved no key: give the key itself, SHA256:...")
    if len(found) > 1:
        raise Forbidden(
            f"{clean(target.shown)} has more than one key: {', '.join(sorted(found))}: give the one you mean"
        )
    return found.pop()


def person_behind(target: AdminTarget, what: SanctionKind, *, suffices: bool = False) -> tuple[str | None, str | None]:
    """Return key and token (its hash, in hex) of who has a name, to ban or mute them.

    Raises Forbidden if neither is known, unless what else is known ``suffices``.
    """
    key = next((key for key, _, _ in _proofs(target) if key is not None), target.owner)
    token = next((token.hex() for _, token, _ in _proofs(target) if token is not None), None)
    if key is None and token is None and not suffices:
        raise Forbidden(f"nothing but the name is known of {clean(target.shown)}: {_instead_of_person(target, what)}")
    return key, token


def _instead_of_person(target: AdminTarget, what: SanctionKind) -> str:
    if target.shared:
        others = "others have it in another room"
        return f"{others}: ban the address, too" if what == "ban" else f"{others}, whom a mute would hit as well"
    return "ban the name alone, or an address" if what == "ban" else "mute the name alone"


def address_behind(target: AdminTarget) -> str:
    """Return the network of who has a name. Raises Forbidden if none is known."""
    host = next((host for _, _, host in _proofs(target) if host), "")
    if not host:
        raise Forbidden(f"no address is known of {clean(target.shown)}: connections of this machine have none")
    return str(client_network(host))


def note_on(target: AdminTarget, one: Sanction, hit: Sequence[object], proxies: Sequence[Network], role: Role) -> str:
    """Return what an operator should know of a ban or mute: that it hits nobody, or how far it goes.

    Args:
        target: of the order, which was given by a ``role``.
        one: the ban or mute.
        hit: who it hits.
        proxies: networks of proxies that tell whom they connect for.
    """
    if hit:
        alone = target.name is not None and one.key is None and one.token is None and one.network is None
        return _note_on_name(one.what, role) if alone else ""
    if target.network is None:
        return "; it matches no member that is connected now"
    network = parse_network(target.network)
    if any(network.overlaps(proxy) for proxy in proxies):
        return "; it is a proxy's address: name the address of the client behind it"
    if network.is_loopback:
        return "; it matches nobody: connections from this machine have no address"
    return "; no member is connected from there"


def _note_on_name(what: SanctionKind, role: Role) -> str:
    may = "come back" if what == "ban" else "send"
    person = "--person" if role == "console" else f"/{what}-person"
    return f"; the name alone: with another one they may {may} ({person}: by key and client)"


def staying(hub: PeerControl) -> list[Peer]:
    """Return all peers that are in a room and not leaving."""
    return [peer for peer in hub.peers if peer.leaving is None and peer.room is not None]


def _any_operator(peers: Iterable[Peer], hub: PeerControl) -> bool:
    return any(hub.rules.is_operator(peer.key) for peer in peers)

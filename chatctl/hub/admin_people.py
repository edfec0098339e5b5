"""The people behind connections: who is one person, and how an operator is told of them.

Lives here: telling persons apart, and describing them. Does not live here: reading a target (admin_target.py), what is
done to it (admin_commands.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatctl.common.text import clean
from chatctl.common.verbs import Role
from chatctl.core.peer import Peer
from chatctl.core.people import people
from chatctl.core.room import Room
from chatctl.errors import Forbidden
from chatctl.hub.member_places import RoomMember

MAX_SHOWN = 50
"""Connections that an answer describes; of more it tells the number."""

MAX_PEOPLE = 5
"""People of one name that an error tells of."""

MAX_NAMED = 10
"""Names in a line for the room."""


def name_of(peer: Peer) -> str:
    """Return the name that a peer speaks under; empty for watchers, whatever their hello said."""
    if peer.member is not None:
        return peer.member.nick
    return peer.session.nick if peer.session.mode == "post" else ""


def persons(peers: Iterable[Peer]) -> list[list[Peer]]:
    """Return connections by person."""
    return people(peers, lambda peer: peer.owner)


def insist_on_one(shown: str, peers: Sequence[Peer], role: Role) -> None:
    """Return if these connections, which have one name, are one person's. Raises Forbidden, with who they are.

    Members of one name are, those who post may not be.
    """
    groups = persons(peers)
    if len(groups) > 1:
        more = f", and {len(groups) - MAX_PEOPLE} more" if len(groups) > MAX_PEOPLE else ""
        who = ", ".join(_described(group, role) for group in groups[:MAX_PEOPLE]) + more
        raise Forbidden(f"{clean(shown)} is {len(groups)} people here, {who}: say which --room, or the key")


def _described(group: Iterable[Peer], role: Role) -> str:
    rows = [row_of(peer, role) for peer in group]
    rooms, keys, addresses = (
        " and ".join(dict.fromkeys(str(row[name]) for row in rows if name in row))
        for name in ("room", "key", "address")
    )
    return f"in {rooms} ({', '.join([keys or 'no key', *([addresses] if addresses else [])])})"


def row_of(peer: Peer, role: Role) -> dict[str, object]:
    """Return what an operator is told of a connection. Its address is for the console alone."""
    row: dict[str, object] = {"nick": name_of(peer), "room": peer.room.name if peer.room is not None else ""}
    if peer.key is not None:
        row["key"] = peer.key
    if role == "console":
        row["address"] = peer.info.host or "this machine"
    return row


def remote_row(member: RoomMember, role: Role) -> dict[str, object]:
    """Return the same of a member of another server."""
    row: dict[str, object] = {"nick": member.nick, "room": member.room}
    if member.proved is not None:
        row["key"] = member.proved
    if role == "console":
        row["address"] = member.host or "its server's own machine"
    return row


def others_in(room: Room, shown: str, hit: Iterable[Peer], remote: Iterable[RoomMember] = ()) -> str:
    """Return the suffix that tells a room who is hit beside the one that was named; empty if nobody is."""
    here = [name_of(peer) for peer in hit if peer.room is room]
    there = [member.nick for member in remote if member.room == room.name]
    names = dict.fromkeys(name for name in (*here, *there) if name and name != shown)
    if not names:
        return ""
    more = len(names) - MAX_NAMED
    return f" ({', '.join(map(clean, list(names)[:MAX_NAMED]))}{f' and {more} more' if more > 0 else ''}, too)"

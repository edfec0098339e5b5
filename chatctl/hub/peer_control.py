"""The hub's interface for login and operators' commands, which do not import the hub."""

from __future__ import annotations

from typing import Protocol

from chatctl.core.ip_networks import Networks
from chatctl.core.name_claims import NameClaims
from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.hub.errands import Errands
from chatctl.hub.history import RoomHistory
from chatctl.hub.leasing import Leasing
from chatctl.hub.presence import Presence
from chatctl.hub.shared import Shared
from chatctl.protocol import Frame


class PeerControl(Shared, Protocol):
    """Looks up and answers peers, in all rooms."""

    claims: NameClaims
    peers: dict[Peer, None]
    """All that are in a room, leaving ones included."""
    presence: Presence
    errands: Errands
    history: RoomHistory
    leasing: Leasing
    networks: Networks
    """From where connections are taken."""

    def room_names(self) -> list[str]:
        """Return the rooms that there are: those of the operator, and those that are open here or have members."""

    def reply(self, peer: Peer, frame: Frame, /) -> None:
        """Send a frame to one peer in this tick."""

    def touch(self, room: Room, /) -> None:
        """Sweep a room in this tick."""

    def commit(self) -> None:
        """Hand what was said up to now to the journal."""

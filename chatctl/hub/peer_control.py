"""The hub's interface for login and operators' commands, which do not import the hub."""

from __future__ import annotations

from typing import Protocol

from chatctl.core.clock import ServerClock
from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.core.name_ownership import Names
from chatctl.core.peer import Peer
from chatctl.core.room import Room
from chatctl.hub.event_log import Log
from chatctl.hub.history import RoomHistory
from chatctl.journal import Journal
from chatctl.protocol import Bye, Frame


class PeerControl(Protocol):
    """Looks up, answers and disconnects peers; has the parts that all of the hub share."""

    journal: Journal
    limits: ServerLimits
    log: Log
    rules: Rules
    claims: NameClaims
    names: Names
    peers: dict[Peer, None]
    """All that are in a room, leaving ones included."""
    history: RoomHistory
    networks: Networks
    """From where connections are taken."""
    clock: ServerClock
    """Called for Unix seconds to stamp with; ``steady`` is for how long something lasts."""

    def reply(self, peer: Peer, frame: Frame, /) -> None:
        """Send a frame to one peer in this tick."""

    def touch(self, room: Room, /) -> None:
        """Sweep a room in this tick."""

    def commit(self) -> None:
        """Hand what was said up to now to the journal."""

    def disconnect(self, peer: Peer, why: str, bye: Bye) -> None:
        """Begin to disconnect a peer; ``bye`` is the last frame that it is sent."""

"""What all parts of the hub share, as they see it: they do not import the hub."""

from __future__ import annotations

from typing import Protocol

from chatctl.core.clock import ServerClock
from chatctl.core.limits import ServerLimits
from chatctl.core.memory import Memory
from chatctl.core.moderation import Rules
from chatctl.core.name_ownership import Names
from chatctl.core.peer import Peer
from chatctl.directory import Directory
from chatctl.hub.event_log import Log
from chatctl.journal import Journal
from chatctl.protocol import Bye


class Shared(Protocol):
    """One server's journal, directory, limits, names, rules and clock; and the end of a connection."""

    journal: Journal
    directory: Directory
    limits: ServerLimits
    memory: Memory
    """What rooms, messages in flight and output may take, and do."""
    log: Log
    rules: Rules
    names: Names
    clock: ServerClock
    """Called for Unix seconds to stamp with; ``steady`` is for how long something lasts."""

    def disconnect(self, peer: Peer, why: str, last: Bye | None = None) -> None:
        """Begin to disconnect a peer; ``last``, if any, is the last frame that it is sent."""

"""A plan: how hard an ordeal is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.system.chaos.child import CHATCTL

SETTLE = 60.0
"""Seconds within which, in calm, everything is acknowledged and shown."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard. ``rate`` is messages a second of each sender; ``every`` see Tormentor."""

    cycles: int = 20
    senders: int = 6
    readers: int = 4
    rate: float = 30.0
    window: int = 8
    every: tuple[float, float] = (0.05, 0.5)
    durability: str = "disk"
    ring: int = 300
    """Entries in the server's memory: who comes back later reads from the disk, who reads slowly meets gaps."""
    keep: int | None = None
    """Messages that the server keeps; None: all."""
    seed: str = "0"
    servers: int = 1
    """Several share a journal in PostgreSQL, and each client goes to another one whenever it reconnects."""
    events: Sequence[str] = ()
    """What is done to several servers, again and again (several_servers.py); empty: all that there is."""
    standbys: int = 0
    """Several servers' engine has so many synchronous standbys, of which it waits for one; they take turns with it."""
    engine_disk: int | None = None
    """Megabytes of each engine's disk, which is filled now and then; None: it is not."""
    long_stop: float = 60.0
    """Seconds for which a server is stopped, once in a hundred events."""
    contestants: int = 0
    """Members who want one name."""
    stay: tuple[float, float] = (0.5, 2.0)
    """For how many seconds one of them has it, at least and at most."""
    text_members: int = 0
    """Members with ``nc``."""
    classic_members: int = 0
    """Members with a program of the first version."""
    join_members: int = 0
    """Members with ``chatctl join``."""
    commands: int = 0
    """Scripts that say things with ``chatctl send --id``."""
    calm: bool = False
    """A good network, and a disk that never fills."""
    keep_server: bool = False
    """Several: each client keeps to one server. Else whoever connects again goes to the next one."""
    command: Sequence[str] = CHATCTL
    older: Sequence[str] = ()
    """Several: what some servers are started with instead, of another version."""
    older_servers: int = 0
    """How many of them at first; now and then a server is started again as the other version."""
    patience: float = SETTLE
    """Seconds that the clients get at the end to settle what is unknown and to read to the end."""

"""Durability: what a commit survives with an engine's settings, and what to set where that is not enough. Pure."""

from __future__ import annotations

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError

LEVELS = ("memory", "os", "disk", "replica")
"""Each includes those before it. They are the names of ``Journal.durability``."""

_REMEDIES = {
    "os": "set synchronous_commit = on",
    "disk": "set fsync = on and synchronous_commit = on",
    "replica": "set synchronous_standby_names, and synchronous_commit = on",
}


def durability_of(fsync: str, synchronous_commit: str, standbys: str) -> str:
    """Return what a commit survives with these settings."""
    if synchronous_commit == "off":
        return "memory"
    if fsync == "off":
        return "os"
    return "replica" if standbys.strip() and synchronous_commit in {"on", "remote_apply"} else "disk"


def check_level(level: str, asked: str | None, place: PostgresPlace) -> str:
    """Return the level of the engine of a place if it is what was asked for, or more; None: nothing was.

    Raises:
        ChatError: it is less.
    """
    if asked is not None and LEVELS.index(level) < LEVELS.index(asked):
        raise ChatError(
            f"--durability {asked} is required, and the engine of {place} provides {level} only: {_REMEDIES[asked]}, "
            "or require less"
        )
    return level

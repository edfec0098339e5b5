"""Durability: what a commit survives with an engine's settings, and what to set where that is not enough. Pure."""

from __future__ import annotations

from chatctl.journal.postgres.engine_errors import EngineUnfit

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


def check_level(level: str, asked: str | None) -> str:
    """Return an engine's level if it is what was asked for, or more; None: nothing was.

    Raises:
        EngineUnfit: it is less.
    """
    if asked is not None and LEVELS.index(level) < LEVELS.index(asked):
        raise EngineUnfit(
            f"--durability {asked} is required, and the engine of the journal provides {level} only: "
            f"{_REMEDIES[asked]}, or require less"
        )
    return level

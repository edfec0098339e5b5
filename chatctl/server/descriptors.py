"""File descriptors: how many clients they allow, and how many are held back.

Lives here: the limit of open files, and its division. Does not live here: counting connections
(core/connection_limits.py), a limit that is reached all the same (listener.py).
"""

from __future__ import annotations

import contextlib
import resource

from chatctl.core.connection_limits import SPARE_CLIENTS, clients_at
from chatctl.hub.event_log import Log

RESERVED = 32
"""Descriptors that no client gets: 24 for the server itself (standard streams, event loop, journal, listeners, log,
files that are read again), 8 for operators and a backup."""

DEFAULT_CLIENTS = 10_000
DEFAULT_FILES = 13_000
"""The limit of open files that the server asks for if it is not told how many clients there may be."""


def max_clients(chosen: int | None) -> int:
    """Raise the limit of open files as far as is needed and allowed; return how many clients there may be.

    Args:
        chosen: by the operator. None: 80 % of the limit, 10,000 at most, less where little is left for the rest.
    """
    files = _raise_limit(DEFAULT_FILES if chosen is None else chosen + SPARE_CLIENTS + RESERVED)
    return chosen or max(1, min(DEFAULT_CLIENTS, int(files * 0.8), clients_at(_places(files))))


def connection_places() -> int:
    """Return how many connections the limit of open files allows, refused ones included."""
    return _places(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def warn_if_too_few(clients: int, log: Log) -> None:
    """Log a warning if the limit of open files does not allow so many clients."""
    allowed = clients_at(connection_places())
    if clients > allowed:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        log.warning(
            "--max-clients is more than the limit of open files allows (raise it: ulimit -n, LimitNOFILE=)",
            clients=clients,
            limit=files,
            allowed=allowed,
        )


def _raise_limit(wanted: int) -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft if soft != resource.RLIM_INFINITY else max(wanted, DEFAULT_FILES)


def _places(files: int) -> int:
    return max(2, files - RESERVED) if files != resource.RLIM_INFINITY else 1 << 30

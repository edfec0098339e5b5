"""Which admin socket the options of ``chatctl admin`` name."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import click

from chatctl.common.paths import admin_socket, admin_socket_at, default_journal


def socket_path(path: str | None, journal: Path | str | None, port: int, typed: Container[str]) -> Path:
    """Return the admin socket.

    Args:
        path: ``--admin-socket``.
        journal: ``--journal``: a file, ``none``, or a database's URI.
        port: ``--port``.
        typed: which of ``admin_socket``, ``journal`` and ``port`` are in the command line: a port that is there counts
            for more than what the environment says.

    Raises:
        UsageError: the command line names a port, and something else that says where the socket is.
        NoHome: it is in the state directory, and there is none.
    """
    if "port" in typed:
        if "admin_socket" in typed:
            raise click.UsageError("--admin-socket and --port both name the server: give one of them")
        if "journal" in typed and not isinstance(journal, str):
            raise click.UsageError("a server with its journal in a file is found by that file: leave --port out")
        return admin_socket_at(port, None)
    if path is not None:
        return Path(path)
    if journal is None:
        return admin_socket(default_journal())
    return admin_socket_at(port, None) if isinstance(journal, str) else admin_socket(journal)

"""``chatctl serve``: what it prints on stdout, and what it says when it can't start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.journal.sqlite import sqlite_defect
from tests.support import Server

Serve = Callable[..., Server]


# --- SQLite's version


@pytest.mark.parametrize("options", [("-q",), (), ("-v",)])
def test_the_defect_of_sqlite_is_logged_for_who_looks_for_a_fault(
    serve: Serve, options: tuple[str, ...], tmp_path: Path
) -> None:
    """Nobody can act on it: the journal has one connection, which is what the defect needs two of."""
    server = serve("--journal", str(tmp_path / "rooms.db"), *options)
    log = server.stop()
    assert ("can corrupt" in log) == (options == ("-v",) and sqlite_defect() is not None)

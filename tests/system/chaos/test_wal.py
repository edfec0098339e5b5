"""What the ordeal on a small disk found: a server that is killed early, again and again, must not let its WAL grow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chatctl.journal import Draft
from chatctl.journal import store as module
from chatctl.journal.store import Store


def test_the_wal_that_a_killed_server_left_counts_towards_the_next_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was 98 MB beside a database of 2 MB, and filled its disk: no run had lived long enough to write it back."""
    monkeypatch.setattr(module, "CHECKPOINT_AFTER", 60)
    (tmp_path / "0").mkdir()
    for life in range(10):
        store = Store(tmp_path / f"{life}" / "rooms.db")
        store.add_room("lobby", "e") if not life else None
        for _ in range(5):
            store.commit([[Draft("lobby", 1.0, "Rajat", "x" * 2000)]])
            if store.checkpoint_due:
                store.checkpoint()
        shutil.copytree(tmp_path / f"{life}", tmp_path / f"{life + 1}")  # as a kill leaves it
        store.close()
    assert (tmp_path / "10" / "rooms.db-wal").stat().st_size < 2 * 60 * 4096

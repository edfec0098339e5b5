"""A power cut while the log is written back into the database; what one does to its tail is in tests/journal/."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.support.journals import child, reopen

_SECTOR = 512
"""Bytes that a disk writes as a whole; of those that were not synced it may have written any."""

ACKS = 60


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal at ``disk`` that was killed with all its messages in the WAL."""
    folder = tmp_path_factory.mktemp("killed")
    with child(folder / "rooms.db", "disk") as process:
        assert process.stdout is not None
        for _ in range(ACKS + 1):
            assert process.stdout.readline()
        process.kill()
    return folder


def written_back(folder: Path, copy: Path) -> bytes:
    """Return the database as it is after its WAL was written back."""
    shutil.copytree(folder, copy)
    with contextlib.closing(sqlite3.connect(copy / "rooms.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return (copy / "rooms.db").read_bytes()


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_while_the_log_is_written_back_takes_nothing(killed: Path, tmp_path: Path, seed: int) -> None:
    """Until the database was synced the WAL stays: any mixture of old and new sectors is made whole from it."""
    new = written_back(killed, tmp_path / "whole")
    old = (killed / "rooms.db").read_bytes()
    assert old != new
    dice = random.Random(seed)
    padded = old.ljust(len(new), b"\0")
    sectors = [dice.choice((padded, new))[at : at + _SECTOR] for at in range(0, len(new), _SECTOR)]
    torn = tmp_path / "torn"
    shutil.copytree(killed, torn)
    (torn / "rooms.db").write_bytes(b"".join(sectors))
    _, texts, _ = reopen(torn / "rooms.db")
    assert len(texts) >= ACKS
    assert texts == [f"message {number}" for number in range(1, len(texts) + 1)]
    assert not reopen(torn / "rooms.db")[2]


def test_without_the_wal_it_is_another_log(killed: Path, tmp_path: Path) -> None:
    """The test above can fail: it is the WAL that makes the file whole."""
    torn = tmp_path / "torn"
    shutil.copytree(killed, torn)
    (torn / "rooms.db-wal").unlink()
    _, texts, renewed = reopen(torn / "rooms.db")
    assert len(texts) < ACKS
    assert renewed

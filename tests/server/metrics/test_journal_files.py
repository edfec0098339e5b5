"""journal_files.py: the sizes of what is there, and no waiting for a disk that hangs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from chatctl.server.metrics import journal_files
from chatctl.server.metrics.journal_files import JournalFiles, Sizes, sizes_of
from tests.support.environment import DEADLINE


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    journal = tmp_path / "rooms.db"
    assert sizes_of(journal) is None
    journal.write_bytes(b"x" * 100)
    found = sizes_of(journal)
    assert found is not None
    assert (found.database, found.wal) == (100, 0)
    assert found.free > 0
    journal.with_name("rooms.db-wal").write_bytes(b"x" * 7)
    found = sizes_of(journal)
    assert found is not None
    assert found.wal == 7


def test_without_a_file_there_are_none() -> None:
    async def main() -> Sizes | None:
        files = JournalFiles(None)
        await files.look()
        return files.sizes

    assert asyncio.run(main()) is None


def test_a_disk_that_hangs_is_not_waited_for_nor_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, looks = threading.Event(), []

    def slow(path: Path) -> Sizes:
        looks.append(path)
        assert hangs.wait(DEADLINE)
        return Sizes(1, 2, 3)

    monkeypatch.setattr(journal_files, "sizes_of", slow)
    monkeypatch.setattr(journal_files, "LOOK_SECONDS", 0.01)

    async def main() -> list[Sizes | None]:
        files, seen = JournalFiles(tmp_path / "rooms.db"), []
        for _ in range(3):
            await files.look()
            seen.append(files.sizes)
        hangs.set()
        monkeypatch.setattr(journal_files, "LOOK_SECONDS", DEADLINE)
        await files.look()
        return [*seen, files.sizes]

    assert asyncio.run(main()) == [None, None, None, Sizes(1, 2, 3)]
    assert len(looks) == 1

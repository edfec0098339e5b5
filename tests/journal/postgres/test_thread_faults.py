"""A thread that dies of a fault of ours: the server must not go on without it, deaf or taken for dead."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres import watcher
from chatctl.journal.postgres.directory import PostgresDirectory
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.presence import Presence
from chatctl.journal.postgres.store import Store
from tests.support.journals import run


@pytest.mark.parametrize(
    ("of", "name"), [(Store, "look"), (Presence, "news"), (watcher, "beat")], ids=["writer", "directory", "watcher"]
)
def test_it_ends_with_a_line_and_a_traceback(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, of: Any, name: str
) -> None:
    """Planted where each thread comes once a second."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.05)

    def planted(*_: object, **__: object) -> None:
        raise KeyError(name)

    async def main() -> None:
        fatal: asyncio.Future[ChatError] = asyncio.get_running_loop().create_future()
        journal = PostgresJournal(place, shared=True, on_fatal=fatal.set_result)
        directory = PostgresDirectory(journal)
        directory.follow(lambda _: None)
        monkeypatch.setattr(of, name, planted)
        error = await asyncio.wait_for(fatal, 15)
        assert error.text.startswith(f"internal error in chatctl: KeyError('{name}'); the details are in {tmp_path}")
        assert "in planted" in (tmp_path / "crash.log").read_text()
        directory.stop()
        await journal.close()

    run(main())

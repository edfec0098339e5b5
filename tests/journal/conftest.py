"""Places for a journal of each kind, and databases whose statements fail on demand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.journals import Faulty, Place


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place where no journal is yet, for one of each kind that outlives its process."""
    return _place(request, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return the same; None for the journal in memory, too."""
    return _place(request, tmp_path)


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "memory":
        return None
    if request.param == "sqlite":
        return tmp_path / "state" / "rooms.db"
    place: Place = request.getfixturevalue("engine").place()
    return place


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Faulty]]:
    from chatctl.journal import store

    made: list[Faulty] = []
    connect = store.connect

    def wrapped(*args: object) -> Faulty:
        made.append(Faulty(connect(*args)))
        return made[-1]

    monkeypatch.setattr(store, "connect", wrapped)
    yield made
    for db in made:
        db._db.close()

"""Databases whose statements fail on demand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.journals import Faulty


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

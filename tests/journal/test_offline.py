"""Reading a journal's file without a server. Edited files: test_schema.py; in use: tests/system/commands/."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from chatctl.errors import ChatError, ConditionNotMet, RoomInvalid
from chatctl.journal import offline
from chatctl.journal.offline import read_offline
from tests.support.journals import write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = tmp_path / "rooms.db"
    write(journal, *map(str, range(100)))
    return journal


def test_all_that_was_said_in_a_room(path: Path) -> None:
    assert [entry.text for entry in read_offline(path, "lobby")] == list(map(str, range(100)))
    with pytest.raises(RoomInvalid):
        list(read_offline(path, "ops"))
    with pytest.raises(ChatError, match="there is no journal"):
        list(read_offline(path.with_name("none.db"), "lobby"))


def test_the_deadline_ends_it_between_two_messages(path: Path) -> None:
    asked = itertools.count()
    with pytest.raises(ConditionNotMet, match="the deadline passed"):
        list(read_offline(path, "lobby", is_over=lambda: next(asked) > 50))


def test_the_deadline_ends_a_statement_that_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find a room may take long where there are many, and its messages may be few."""
    monkeypatch.setattr(offline, "_STEPS", 1)
    with pytest.raises(ConditionNotMet, match="the deadline passed"):
        next(read_offline(path, "lobby", is_over=lambda: True))

"""When what waits for the engine is refused, without an engine and without a clock."""

from __future__ import annotations

import time

import psycopg
import pytest

from chatctl.commands.send import send
from chatctl.common.durations import parse_duration
from chatctl.common.journal_uri import PostgresPlace
from chatctl.journal.postgres.reconnecting import Reconnector


class Gone:
    """An engine that refuses connections at once."""

    place = PostgresPlace("postgresql:///chat")
    durability = "disk"
    is_connected = False

    def reconnect(self) -> None:
        raise psycopg.OperationalError("connection refused")

    def disconnect(self) -> None:
        pass


def test_who_sends_as_the_engine_goes_is_refused_before_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """With some tenths of a second left for the way: else the outcome would be unknown, though nothing was stored."""
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    told: list[str | None] = []
    link = Reconnector(Gone(), lambda why, _: told.append(why))
    link.lose()
    while not link.connect() and not link.is_late:
        assert link.wait, "it does not try without a pause"
        now += link.wait
    default = next(one.default for one in send.params if one.name == "timeout")
    assert 3.5 < now - 100 < (parse_duration(str(default)) or 0) - 0.4
    assert len(told) == 1

"""What is said about the connection: nothing when all is well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from chatctl.client.core.outbox import Message
from chatctl.protocol import RoomNow, Say
from chatctl.terminal import status
from chatctl.terminal.status import LATE_SECONDS, SHOW_UNSENT_SECONDS


@dataclass
class FakeMembership:
    retry_at: float | None = None
    wait: float = 0.0
    lag: float = 0.0
    connected: bool = True
    outbox: list[Message] = field(default_factory=list)
    welcome: Any = None
    cursor: Any = None

    @property
    def is_lost(self) -> bool:
        return self.retry_at is not None

    def oldest_wait(self) -> float:
        return self.wait


def membership(**more: Any) -> Any:
    return cast(Any, FakeMembership(**more))


WAITING = [Message(Say("one\x1b")), Message(Say("two"))]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ""),
        ({"retry_at": 104.6}, "reconnecting in 5 s"),
        ({"retry_at": 100.2}, "reconnecting"),
        ({"retry_at": 90.0}, "reconnecting"),
        ({"outbox": WAITING}, ""),
        ({"outbox": WAITING, "wait": LATE_SECONDS}, "2 unsent"),
        ({"wait": LATE_SECONDS}, ""),
        ({"outbox": WAITING, "retry_at": 104.6}, "reconnecting in 5 s, 2 unsent"),
        ({"lag": LATE_SECONDS - 0.1}, ""),
        ({"lag": LATE_SECONDS}, "lag 1.0 s"),
    ],
)
def test_the_prompt_speaks_of_trouble_alone(more: dict[str, Any], said: str) -> None:
    assert status.brief(membership(**more), 100.0) == said


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, []),
        ({"wait": SHOW_UNSENT_SECONDS}, ["one␛", "two"]),
        ({"retry_at": 101.0}, ["one␛", "two"]),
    ],
)
def test_what_waits_a_moment_does_not_flicker(more: dict[str, Any], shown: list[str]) -> None:
    assert status.unsent(membership(outbox=WAITING, **more)) == shown


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "connected"),
        ({"connected": False}, "connecting"),
        ({"connected": False, "retry_at": 105.0}, "reconnecting in 5 s"),
    ],
)
def test_status_says_it_all(more: dict[str, Any], state: str) -> None:
    first, second = status.full(membership(lag=0.25, **more), 100.0, 7)
    assert first == f"{state}; 7 here; lag 250 ms; 0 unsent"
    assert second == "durability: unknown; last read: #0"


@pytest.mark.parametrize(
    ("state", "lines"),
    [
        (RoomNow(), []),
        (RoomNow(topic="deploys"), ["topic: deploys"]),
        (RoomNow(slow=2.5), ["this room is slow: a message every 2.5 s"]),
        (RoomNow(read_only=True), ["this room is read-only: operators alone speak"]),
        (RoomNow(topic="x", slow=1), ["topic: x", "this room is slow: a message every 1 s"]),
    ],
)
def test_what_operators_have_set(state: RoomNow, lines: list[str]) -> None:
    assert status.room_state(state) == lines


def test_a_list_has_a_line_for_each_row_and_times_as_people_read_them() -> None:
    row = {"name": "Rajat", "since": 0.0, "until": "soon", "count": 3}
    title, line = status.rows("1 ban", [row])
    assert title == "1 ban:"
    assert re.fullmatch(r"  name Rajat, since 19(69|70)-\d\d-\d\d \d\d:\d\d, until soon, count 3", line)

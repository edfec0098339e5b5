"""``tail --since``: a number, a time or so long ago; and the few questions with which a moment is found."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chatctl.client.io.blocking_transport import drive
from chatctl.client.requests import SEEK_PAGE, seq_before
from chatctl.commands.tail.since_type import parse_since
from chatctl.protocol import Msg
from tests.support.fixture_types import Run
from tests.support.in_process import wrong_usage
from tests.support.server_process import Server
from tests.support.wire import say_all

NOON = datetime(2026, 8, 1, 12).timestamp()


def texts(run: Run, house: Server, room: str, *arguments: str) -> list[str]:
    done = run("tail", "--no-follow", "--json", "--room", room, *arguments, port=house.port)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


def test_since_a_number(house: Server, run: Run, room: str) -> None:
    said = [f"line {number}" for number in range(1, 301)]
    say_all(house.member("nadia", room), said)
    assert texts(run, house, room, "--since", "51") == said[50:]
    assert texts(run, house, room, "--since", "0") == said
    assert texts(run, house, room, "--since", "301") == []


def test_a_number_that_is_still_to_come(house: Server, run: Run, room: str) -> None:
    """It is waited for, and what comes before it is not shown."""
    say_all(house.member("nadia", room), ["one", "two"])
    done = run("tail", "--since", "9", "--idle", "1ms", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (0, b"")


def test_since_a_moment(house: Server, run: Run, room: str) -> None:
    """To the message, in each way to write it; the zone of the reader does not matter where one is given."""
    nadia = house.member("nadia", room)
    say_all(nadia, [f"line {number}" for number in range(1, 251)])
    nadia.say_frame(type="history", after=0, limit=1000)
    entries = nadia.frame("page")["entries"]
    stamp = datetime.fromtimestamp(entries[120]["time"], UTC)  # to the microsecond
    expected = [entry["text"] for entry in entries if entry["time"] >= stamp.timestamp()]
    assert texts(run, house, room, "--since", stamp.isoformat()) == expected
    east = stamp.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert texts(run, house, room, "--since", east.isoformat()) == expected
    tokyo = {**os.environ, "TZ": "Asia/Tokyo", "CHATCTL_STATE_DIR": "/dev/null/none"}
    local = stamp.astimezone(timezone(timedelta(hours=9))).replace(tzinfo=None).isoformat()
    done = run("tail", "--no-follow", "--json", "--room", room, "--since", local, port=house.port, env=tokyo)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == expected


def test_since_so_long_ago(house: Server, run: Run, room: str) -> None:
    say_all(house.member("nadia", room), ["one", "two"])
    assert texts(run, house, room, "--since", "10m") == ["one", "two"]
    assert texts(run, house, room, "--since", "0s") == []


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("10m", NOON - 600),
        ("1.5h", NOON - 5400),
        ("11:30", NOON - 1800),
        ("11:30:30", NOON - 1770),
        ("12:30", NOON - 86400 + 1800),
        ("2026-08-01T11:00", NOON - 3600),
        ("2026-08-01 11:00:00.5", NOON - 3599.5),
        ("2026-08-01", NOON - 43200),
        ("2026-08-01T12:00+00:00", datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()),
        ("2026-08-01T12:00Z", datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()),
    ],
)
def test_the_forms_of_a_time(value: str, moment: float) -> None:
    """A time of day is the last one that was."""
    assert parse_since(value, now=NOON).time == pytest.approx(moment)


def test_bare_digits_are_a_number() -> None:
    assert parse_since("20260801", NOON).seq == 20260801


@pytest.mark.parametrize("value", ["soon", "", "-5", "25:00", "2026-13-01", "²", "1" * 30])
def test_what_is_no_place(value: str) -> None:
    said = wrong_usage("tail", "--since", value)
    assert "is no place in a log: write 1234, 10m, 14:30 or 2026-08-01T14:30" in said


def test_two_places_to_start() -> None:
    assert "both say where to start" in wrong_usage("tail", "--since", "1", "-n", "5")


@pytest.mark.parametrize("first", [1, 400])
@pytest.mark.parametrize("size", [0, 1, SEEK_PAGE, SEEK_PAGE + 1, 5000])
def test_every_moment_is_found_with_few_questions(first: int, size: int) -> None:
    """A server takes 30 in a row before it makes one wait."""
    log = [Msg(seq=first + index, time=float(index // 3), nick="n", text="") for index in range(size)]
    last = first + size - 1
    for moment in {0.0, 0.5, 1.0, size / 6, size / 3 - 1, float(size)}:
        asked: list[int] = []

        async def read(after: int, limit: int, asked: list[int] = asked) -> list[Msg]:
            asked.append(limit)
            return [entry for entry in log if entry.seq > after][:limit]

        expected = next((entry.seq for entry in log if entry.time >= moment), last + 1)
        assert drive(seq_before(moment, first, last, read)) == expected - 1
        assert len(asked) <= 8


def test_a_log_that_is_trimmed_meanwhile() -> None:
    """The first half went between the welcome and the questions: its end is the nearest that can be had."""
    log = [Msg(seq=seq, time=float(seq), nick="n", text="") for seq in range(700, 1001)]

    async def read(after: int, limit: int) -> list[Msg]:
        return [entry for entry in log if entry.seq > after][:limit]

    assert drive(seq_before(100.0, 1, 1000, read)) <= 699
    assert drive(seq_before(900.0, 1, 1000, read)) == 899


def test_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        moment = parse_since("2026-08-01T21:00", time.time()).time
    finally:
        monkeypatch.undo()
        time.tzset()
    assert moment == datetime(2026, 8, 1, 12, tzinfo=UTC).timestamp()

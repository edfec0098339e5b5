"""``tail --since``: a number, a time or so long ago; and the few questions with which a moment is found."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone

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


def test_unix_seconds_without_their_at_sign_are_told_apart(house: Server, run: Run, room: str) -> None:
    """A tail from message 1,795,773,292 on would wait for ever, and say nothing."""
    say_all(house.member("nadia", room), ["one", "two"])
    done = run("tail", "--since", "1795773292", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (2, b"")
    assert (
        b"the last message has the number 2, 1795773292 is far beyond it: write @1795773292 for a time" in done.stderr
    )
    assert texts(run, house, room, "--since", "@1795386823") == ["one", "two"]


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


def test_two_places_to_start() -> None:
    assert "both say where to start" in wrong_usage("tail", "--since", "1", "-n", "5")

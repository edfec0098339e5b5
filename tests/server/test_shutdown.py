"""What ends a server: a drain, an error, one signal or two, a terminal that was closed."""

from __future__ import annotations

import asyncio
import signal

import pytest

from chatctl.errors import StorageFailed
from chatctl.protocol import Admin
from chatctl.server import shutdown
from chatctl.server.server import FLUSH_SECONDS
from chatctl.server.shutdown import DRAIN_SECONDS, RETRY_AFTER, Hangup, Shutdown


@pytest.mark.parametrize(
    ("ask", "why", "within", "told"),
    [
        (Admin(verb="drain"), "the server is going down", DRAIN_SECONDS, "ends within 10s"),
        (Admin(verb="drain", text="an upgrade", seconds=90), "an upgrade", 90, "ends within 1m 30s"),
    ],
)
def test_a_drain_says_why_and_when_to_come_back(ask: Admin, why: str, within: float, told: str) -> None:
    end = Shutdown()
    assert (end.retry_after, end.within) == (None, FLUSH_SECONDS)
    assert end.drain(ask).endswith(told)
    assert end.event.is_set()
    assert (end.why, end.retry_after, end.within, end.error) == (why, RETRY_AFTER, within, None)


def test_an_error_ends_it_with_that() -> None:
    end, error = Shutdown(), StorageFailed("the disk is broken")
    end.fail(error)
    assert end.event.is_set()
    assert end.error is error
    assert end.retry_after is None


def test_a_second_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(shutdown.os, "_exit", codes.append)
    end = Shutdown()
    end.on_signal(signal.SIGTERM)
    assert end.event.is_set()
    assert codes == []
    end.on_signal(signal.SIGINT)
    assert codes == [130]


def test_the_first_signal_after_a_drain_is_an_ordinary_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager sends SIGTERM to a server that is draining: it must still close its journal."""
    codes: list[int] = []
    hurried: list[None] = []
    monkeypatch.setattr(shutdown.os, "_exit", codes.append)
    end = Shutdown()
    end.drain(Admin(verb="drain", seconds=60))
    end.hurry = lambda: hurried.append(None)
    end.on_signal(signal.SIGTERM)
    assert codes == []
    assert (end.within, end.retry_after, len(hurried)) == (FLUSH_SECONDS, RETRY_AFTER, 1)
    end.on_signal(signal.SIGTERM)
    assert codes == [143]


@pytest.mark.parametrize(
    ("before", "after", "stops"), [(True, True, False), (True, False, True), (False, False, False)]
)
@pytest.mark.parametrize("early", [True, False])
def test_a_hangup_reloads_unless_the_terminal_is_gone(
    monkeypatch: pytest.MonkeyPatch, before: bool, after: bool, stops: bool, early: bool
) -> None:
    """A service has none, and is told to reload by SIGHUP; a window that is closed ends what runs in it."""
    reloaded: list[None] = []
    stop = asyncio.Event()
    monkeypatch.setattr(shutdown, "_has_terminal", lambda: before)
    hangup = Hangup(stop)
    monkeypatch.setattr(shutdown, "_has_terminal", lambda: after)
    if early:
        hangup()
        hangup()
        assert reloaded == [], "there is nothing yet that could reload"
    hangup.ready(lambda: reloaded.append(None))
    if not early:
        hangup()
    assert stop.is_set() is stops
    assert len(reloaded) == (not stops)

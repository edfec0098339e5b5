"""What is told of a lost connection, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.terminal import outage
from chatctl.terminal.outage import Outage
from tests.terminal.fakes import Joined


def in_loop(test: Callable[[pytest.MonkeyPatch], Coroutine[Any, Any, None]]) -> Callable[[pytest.MonkeyPatch], None]:
    def run(monkeypatch: pytest.MonkeyPatch) -> None:
        asyncio.run(test(monkeypatch))

    return run


async def quiet_time_passes(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Call ``then``, which loses the connection, and let the first two seconds pass."""
    with monkeypatch.context() as patch:
        patch.setattr(outage, "QUIET_SECONDS", 0.0)
        then()
    await asyncio.sleep(0.001)


def lose(joined: Joined, why: str = "the server closed the connection") -> None:
    joined.controller.membership._receive(p.Bye("the server is going down", 5.0))
    joined.controller.view.disconnected(why)


@in_loop
async def test_a_connection_that_is_back_at_once_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = Joined()
    lose(joined)
    joined.controller.view.disconnected("another try")
    joined.welcome(last=2)
    assert joined.receive(p.Msg(1, 0.0, "omar", "meanwhile")) == ["00:00 omar: meanwhile"]
    assert joined.screen.lines == ["00:00 omar: meanwhile"]


@in_loop
async def test_one_that_is_lost_for_longer_is_told_once_and_so_is_its_return(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = Joined()
    await quiet_time_passes(monkeypatch, lambda: lose(joined))
    assert joined.screen.lines == [
        "! the server is going down",
        "! disconnected: the server closed the connection",
    ]
    joined.controller.view.disconnected("your name is taken")
    joined.welcome()
    assert joined.screen.lines[2:] == ["! cannot come back yet: your name is taken", "connected again"]


@in_loop
async def test_a_refusal_stands_below_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for something that can't wait sees in the first two seconds, too, why it is refused."""
    joined = Joined()
    lose(joined)
    joined.controller.membership._connection = None
    assert not joined.controller.submit("/msg omar psst")
    assert not joined.controller.submit("/history")
    assert [line[:30] for line in joined.screen.lines] == [
        "! the server is going down",
        "! disconnected: the server clo",
        "! there is no connection now: ",
        "! there is no connection now: ",
    ]
    joined.welcome()
    assert joined.screen.lines[4:] == ["connected again"]


@in_loop
async def test_a_second_loss_is_quiet_again(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = Joined()
    await quiet_time_passes(monkeypatch, lambda: lose(joined))
    joined.welcome()
    shown = len(joined.screen.lines)
    lose(joined)
    joined.welcome()
    assert joined.screen.lines[shown:] == []


@in_loop
async def test_a_timer_of_an_earlier_loss_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    one = Outage(shown.extend, lambda: None)
    monkeypatch.setattr(outage, "QUIET_SECONDS", 0.0)
    one.tell(["lost"])
    assert one.end() is False
    await asyncio.sleep(0.001)
    assert shown == []

"""When to ping a server, and when to give it up."""

from __future__ import annotations

import pytest

from chatctl.client.core.deadline import ConnectionEnded
from chatctl.client.core.keepalive import Keepalive


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_silence_leads_to_a_ping_and_more_of_it_to_the_end() -> None:
    clock = Clock()
    keepalive = Keepalive(clock, 15)
    clock.time = 114
    assert not keepalive.due()
    assert keepalive.next.at == 115
    clock.time = 115
    assert keepalive.due()
    clock.time = 129
    assert not keepalive.due()
    clock.time = 130
    with pytest.raises(ConnectionEnded, match="does not answer any more"):
        keepalive.due()


def test_whatever_arrives_counts_as_an_answer() -> None:
    clock = Clock()
    keepalive = Keepalive(clock, 15)
    clock.time = 115
    assert keepalive.due()
    clock.time = 120
    keepalive.heard()
    clock.time = 134
    assert not keepalive.due()
    clock.time = 200  # nobody listened for long: the server is asked first
    assert keepalive.due()


def test_a_regular_ping_measures_a_server_that_is_not_silent() -> None:
    clock = Clock()
    keepalive = Keepalive(clock, 15, regular=True)
    pings = []
    for clock.time in range(101, 200):
        keepalive.heard()
        if keepalive.due():
            pings.append(clock.time)
    assert pings == [115, 130, 145, 160, 175, 190]


@pytest.mark.parametrize("answers", [True, False])
def test_after_a_sleep_the_server_has_little_time_to_answer(answers: bool) -> None:
    clock = Clock()
    keepalive = Keepalive(clock, 15, regular=True)
    clock.time = 115
    assert keepalive.due(), "a ping is under way when the machine falls asleep"
    clock.time = 116
    keepalive.suspect(3)
    assert keepalive.due()
    clock.time = 118
    assert not keepalive.due()
    if answers:
        keepalive.heard()
    clock.time = 119
    if answers:
        assert keepalive.due(), "and is pinged as usual from then on"
        assert keepalive.next.at == 134
    else:
        with pytest.raises(ConnectionEnded):
            keepalive.due()

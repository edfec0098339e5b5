"""What is said of a lock, by the thread that keeps it."""

from __future__ import annotations

import os

import pytest

from chatctl.client.connect_options import address_of
from chatctl.commands.run.lock import RunLock
from chatctl.core.limits import ServerLimits
from chatctl.errors import ConditionNotMet, Unreachable
from chatctl.protocol import Hello, LeaseState
from tests.support.environment import DEADLINE
from tests.support.in_process import wrong_usage
from tests.support.in_process_server import in_process_server
from tests.support.stub import closed_port
from tests.support.wire import Wire


def lock_at(port: int, nick: str = "ci", token: str = "a", said: list[str] | None = None) -> RunLock:
    address = address_of(f"127.0.0.1:{port}", tls=None, pin=None, ca=None, password=None, key=None)
    hello = Hello(v=1, nick=nick, mode="post", token=token * 32)
    return RunLock(address, hello, "backup", (said if said is not None else []).append)


def test_one_at_a_time() -> None:
    """Of one account, too: both have its token."""
    with in_process_server(ServerLimits()) as port:
        first, second = lock_at(port), lock_at(port)
        first.take(DEADLINE)
        first.keep()
        with pytest.raises(ConditionNotMet, match=r"the lock backup is held by ci since 20.*: CMD was not started"):
            second.take(DEADLINE)
        first.release()
        third = lock_at(port, "other", "b")
        third.take(DEADLINE)
        third.release()


def test_whose_holder_is_gone() -> None:
    """Who waits for it has to know that nobody ends it, and when it ends by itself."""
    with in_process_server(ServerLimits()) as port:
        first, second = lock_at(port), lock_at(port)
        first.take(DEADLINE)
        first._keeper.close()  # as the end of a killed process does
        until = r"who is gone: it is free at \d+-\d+-\d+ \d+:\d+:\d+, or after 'chatctl admin unlock backup'"
        with Wire(("127.0.0.1", port)).greeted() as watch:
            watch.enter("", mode="watch")
            look = {"type": "lease", "kind": "lock", "name": "backup", "holder": "d" * 32, "do": "look"}
            while "until" not in watch.say_frame(**look).frame("lease"):
                os.sched_yield()
        with pytest.raises(ConditionNotMet, match=rf"is held by ci since [^,]*, {until}: CMD was not started"):
            second.take(DEADLINE)


def test_nobody_there() -> None:
    with pytest.raises(Unreachable):
        lock_at(closed_port()).take(DEADLINE)


def test_what_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Stderr hears all of it, the room what it can hear; and nothing that acts on a terminal."""
    said: list[str] = []
    lock = lock_at(1, said=said)
    lock.out_of_reach("nobody there")
    lock.back(75)
    lock.taken(LeaseState("lock", "backup", held=False, nick="\x1b[31meve"))
    lock.taken(LeaseState("lock", "backup", held=False, why="nadia freed it: \x1b[31mstuck"))
    lock.refused("you are banned")
    assert capsys.readouterr().err.splitlines() == [
        "chatctl: the lock backup is lost, and CMD continues: nobody there; another run may start",
        "chatctl: the lock backup is held again, after 1 min 15 s",
        "chatctl: the lock backup is lost, and CMD continues: ␛[31meve has it now",
        "chatctl: the lock backup is lost, and CMD continues: nadia freed it: ␛[31mstuck",
        "chatctl: the lock backup is lost, and CMD continues: you are banned",
    ]
    assert said == [
        "was without the lock backup for 1 min 15 s, and went on",
        "lost the lock backup to \x1b[31meve, and continues",
        "lost the lock backup, and continues",
    ]


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "a\n", "ü"])
def test_what_can_be_a_lock_s_name(name: str) -> None:
    assert "--lock takes 1 to 64" in wrong_usage("run", "--lock", name, "true")

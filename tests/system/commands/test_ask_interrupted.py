"""``chatctl ask`` and signals from outside: it ends soon, however the server is, and the room hears of it at once."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve, Start
from tests.support.forked import LONG_WAITS
from tests.support.hanging_server import Hanging
from tests.support.processes import told
from tests.support.server_process import Server
from tests.support.wire import Wire, wait_for_watcher

Ask = Callable[..., "subprocess.Popen[bytes]"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> str:
    """Send a signal to an asker; it ends soon, with the signal's code. Return what it printed on stderr."""
    process.send_signal(number)
    assert process.wait(DEADLINE) == 128 + number
    return told(process)


@pytest.fixture
def ask(start: Start) -> Ask:
    """Start askers. What they wait for otherwise, to tell the room how it ended, would last beyond any test."""
    return lambda *more, port: start("ask", "go?", "--nick", "deploy", *more, port=port, first=LONG_WAITS)


# --- a server that hangs


MOMENTS = ["hello", "tag", "second hello", "question", "answer", "look", "last hello", "outcome", "end"]
"""What is waited for when the signal comes."""


@pytest.mark.parametrize("answers", range(len(MOMENTS)), ids=MOMENTS)
def test_it_ends_soon_where_the_server_hangs(ask: Ask, stub: PutStub, answers: int) -> None:
    """And leaves word for the time when it does not hang any more, once the room may have the question."""
    server = Hanging(answers, ["leases"], waiting=MOMENTS.index("answer"))
    process = ask(port=stub(server).port)
    server.wait_until_it_hangs()
    assert end(process, SIGNALS[answers % len(SIGNALS)]) == ""
    if MOMENTS.index("second hello") <= answers < MOMENTS.index("end"):
        assert server.hears("withdraw")
    else:
        assert "withdraw" not in server.heard


OLDER = ["hello", "second hello", "question", "answer", "outcome"]


@pytest.mark.parametrize("answers", range(len(OLDER)), ids=OLDER)
def test_it_ends_soon_where_an_older_server_hangs(ask: Ask, stub: PutStub, answers: int) -> None:
    """That has no leases: it withdraws nothing, and whoever reads stderr is told that the room does not know."""
    server = Hanging(answers, [], waiting=OLDER.index("answer"))
    process = ask(port=stub(server).port)
    server.wait_until_it_hangs()
    line = end(process, SIGNALS[answers % len(SIGNALS)])
    if answers == OLDER.index("hello"):
        assert line == ""
    else:
        assert line.startswith("chatctl: the room does not know how it ended: ")
        assert line.count("\n") == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_the_room_hears_of_it_once_the_server_goes_on(serve: Serve, ask: Ask, number: signal.Signals) -> None:
    """It was stopped for a while; who is killed meanwhile would be waited for, for a minute."""
    server = serve()
    nadia = server.member("nadia")
    process = ask(port=server.port)
    tag = tag_of(nadia)
    wait_for_watcher(nadia)
    server.signal(signal.SIGSTOP)
    try:
        assert end(process, number) == ""
    finally:
        server.signal(signal.SIGCONT)
    assert nadia.frame("notice")["text"] == f"question {tag} is withdrawn: deploy does not wait for an answer any more"
    nadia.say(f"{tag} yes")
    assert nadia.frame("notice")["text"] == f"question {tag} is closed: your answer does not count"


# --- a server that answers


def tag_of(nadia: Wire) -> str:
    """Wait for the question; give its tag."""
    return str(nadia.frame("msg", where=lambda frame: "answer with" in frame["text"])["text"][1:].split("]")[0])


def test_an_asker_that_may_not_speak_any_more(house: Server, ask: Ask, room: str) -> None:
    """It can't say that it withdraws the question; the server can."""
    nadia = house.member("nadia", room)
    process = ask("--room", room, port=house.port)
    tag = tag_of(nadia)
    wait_for_watcher(nadia)
    with house.member("deploy", room):  # another one has the name now
        assert end(process, signal.SIGTERM) == ""
        told = nadia.frame("notice")["text"]
    assert told == f"question {tag} is withdrawn: deploy does not wait for an answer any more"


def test_what_is_not_read_yet_does_not_cost_the_last_word(serve: Serve, ask: Ask) -> None:
    """The connection is closed with much unread on it, as a busy room brings it: the kernel resets it then."""
    server = serve("--rate", "off")
    nadia = server.member("nadia")
    process = ask(port=server.port)
    tag = tag_of(nadia)
    wait_for_watcher(nadia)
    process.send_signal(signal.SIGSTOP)
    for number in range(200):
        nadia.say(f"{number} {'x' * 1000}")
    nadia.frame("msg", where=lambda frame: frame["text"].startswith("199 "))
    with server.member("deploy"):
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert process.wait(DEADLINE) == 143
        told = nadia.frame("notice")["text"]
    assert told == f"question {tag} is withdrawn: deploy does not wait for an answer any more"

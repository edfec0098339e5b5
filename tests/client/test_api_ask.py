"""Asking from a program, in both forms."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from chatctl.client.core import asking
from chatctl.errors import ConditionNotMet, NickInvalid
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub
from tests.support.hanging_server import Hanging
from tests.support.server_process import Server
from tests.support.wire import Wire


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


@contextmanager
def when_asked(house: Server, room: str, do: Callable[[Wire], None]) -> Iterator[Wire]:
    """Have nadia in the room, who does something once the question is there."""
    nadia = house.member("nadia", room)

    def wait() -> None:
        nadia.frame("msg", where=lambda frame: "(answer with" in frame["text"])
        do(nadia)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield nadia
    finally:
        thread.join(DEADLINE)


@pytest.mark.parametrize(("said", "choice", "index"), [("YES", "yes", 0), ("2", "no", 1), ("@ci no", "no", 1)])
def test_the_first_answer_that_counts(form: Form, house: Server, room: str, said: str, choice: str, index: int) -> None:
    with (
        when_asked(house, room, lambda nadia: nadia.say("what?").say(said) and None) as nadia,
        form.connect(at(house.port), nick="ci", room=room) as here,
    ):
        answer = here.ask("deploy?", ["yes", "no"], timeout=DEADLINE)
        assert (answer.choice, answer.index, answer.entry.nick, answer.entry.text) == (choice, index, "nadia", said)
        assert nadia.texts(f"deploy?  -> {choice} (nadia)")


def test_only_theirs_counts(form: Form, house: Server, room: str) -> None:
    omar = house.member("omar", room)

    def answer(nadia: Wire) -> None:
        nadia.say("yes")
        nadia.frame("msg")
        omar.say("no")

    notices: list[str] = []
    with (
        when_asked(house, room, answer),
        form.connect(at(house.port), nick="ci", room=room, notice=notices.append) as here,
    ):
        assert here.ask("deploy?", nicks=["Omar"], timeout=DEADLINE).choice == "no"
    assert notices == ["(ignored nadia: only omar may answer)"]


def test_the_deadline(form: Form, house: Server, room: str) -> None:
    """Nobody answers: the program goes on, and the room knows."""
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with pytest.raises(ConditionNotMet, match="no answer in time"):
            here.ask("deploy?", timeout=1)
        assert nadia.texts("deploy?  -> no answer in time")
        assert here.say("on").seq == 3


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the last words the time that they take on a busy machine; how short it is, test_ask_interrupted.py looks."""
    monkeypatch.setattr(asking, "LAST_WORD_SECONDS", 1.0)


@pytest.mark.usefixtures("patience")
def test_cut_short_the_room_is_told(form: Form, house: Server, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody shall answer a question that nobody asks any more."""
    monkeypatch.setattr(asking, "AT_ONCE_SECONDS", DEADLINE)
    with (
        when_asked(house, room, lambda _: os.kill(os.getpid(), signal.SIGUSR1)) as nadia,
        form.connect(at(house.port), nick="ci", room=room) as here,
    ):
        with form.cut_short():
            here.ask("deploy?", timeout=DEADLINE)
        assert nadia.texts("deploy?  -> withdrawn")


@pytest.mark.usefixtures("patience")
def test_cut_short_where_the_server_hangs(form: Form, stub: PutStub) -> None:
    """A program that is to end, or has other things to do, waits for no server; that reads later what it missed."""
    server = Hanging(4, ["leases"], waiting=4)

    def cut() -> None:
        server.wait_until_it_hangs()
        os.kill(os.getpid(), signal.SIGUSR1)

    threading.Thread(target=cut, daemon=True).start()
    with form.connect(at(stub(server).port), nick="ci") as here:
        with form.cut_short():
            here.ask("deploy?", timeout=DEADLINE)
        assert server.hears("withdraw")


@pytest.mark.parametrize("choices", [[], ["yes", ""], ["yes", " YES"], ["yes", "no\nno"]])
def test_choices_that_can_not_be_told_apart(form: Form, house: Server, room: str, choices: list[str]) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with pytest.raises(ValueError, match="choice"):
            here.ask("deploy?", choices)
        with pytest.raises(NickInvalid):
            here.ask("deploy?", nicks=["\n"])
        here.say("nothing was asked")
    assert nadia.frame("msg")["text"] == "nothing was asked"

"""Searching from a program, in both forms: the newest first, page by page, however far back."""

from __future__ import annotations

import pytest

from chatctl.errors import ConditionNotMet, RoomInvalid, Unsupported
from tests.client.conftest import Form
from tests.support.fixture_types import PutStub
from tests.support.scripted_peer import Peer
from tests.support.server_process import Server


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def test_the_newest_come_first_and_it_goes_on_behind_the_last(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here:
        acks = [here.say(f"Build {number}") for number in range(5)]
        here.say("something else")
        found = here.search("BUILD", limit=3)
        assert [entry.text for entry in found] == ["Build 4", "Build 3", "Build 2"]
        assert [entry.text for entry in here.search("build", before=found[-1].seq)] == ["Build 1", "Build 0"]
        assert [entry.seq for entry in here.search("b", since=acks[3].time)] == [acks[4].seq, acks[3].seq]
        assert here.search("build", nicks=["nobody"]) == []
        assert len(here.search("build", nicks=["nobody", "CI"])) == 5
        assert here.search("build", limit=0) == []


def test_who_searches_is_seen_by_nobody(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        here.search("x")
    assert nadia.say_frame(type="ping").next_frame()["type"] == "pong"


def test_what_can_not_be_searched(form: Form, house: Server, room: str, stub: PutStub) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here, pytest.raises(ValueError, match="256"):
        here.search("x" * 300)
    with pytest.raises(RoomInvalid):
        form.connect(at(house.port), nick="ci", room="No Room")

    def old(sock: object) -> None:
        Peer(sock).let_in()  # type: ignore[arg-type]

    with form.connect(at(stub(old).port), nick="ci") as here, pytest.raises(Unsupported):
        here.search("x")


def test_a_server_that_does_not_answer(form: Form, stub: PutStub) -> None:
    def silent(sock: object) -> None:
        Peer(sock).let_in(features=["search"])  # type: ignore[arg-type]

    with form.connect(at(stub(silent).port), nick="ci", timeout=0.3) as here, pytest.raises(ConditionNotMet):
        here.search("x")

"""One request and its answer."""

from __future__ import annotations

import msgspec
import pytest

from chatctl.client.core.deadline import Deadline
from chatctl.client.core.request import request, with_id
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import Forbidden, RateLimited
from chatctl.protocol import Ack, ClientFrame, Error, Join, Nick, Ping, Pong, Roster, ServerFrame, Who, Whois
from tests.client.core.fake_transport import FakeConnection, FakeTransport, welcome


def test_what_else_arrives_is_no_answer() -> None:
    transport = FakeTransport()
    connection = FakeConnection(transport, [Join(["ana"], 1), Pong(5.0)])
    assert drive(request(connection, Ping(5.0), Pong, Deadline(None, transport.now))) == Pong(5.0)
    assert connection.sent == [Ping(5.0)]


def test_a_refusal_is_raised() -> None:
    transport = FakeTransport()
    connection = FakeConnection(transport, [Error(code=Forbidden.wire_code, text="no")])
    with pytest.raises(Forbidden, match="no"):
        drive(request(connection, Ping(5.0), Pong, Deadline(None, transport.now)))


class Echoing(FakeConnection):
    """A server that echoes ids: ``{}`` in an answer's id stands for the question's."""

    def __init__(self, script: list[ServerFrame], features: tuple[str, ...] = ("ids",)) -> None:
        self.clock = FakeTransport()
        super().__init__(self.clock, script)
        self.welcome = msgspec.structs.replace(welcome(), features=[*features])

    async def receive(self, deadline: Deadline) -> ServerFrame:
        frame, ident = await super().receive(deadline), getattr(self.sent[-1], "id", None)
        return msgspec.structs.replace(frame, id=ident) if getattr(frame, "id", None) == "{}" else frame

    def ask(self, frame: ClientFrame) -> Roster:
        return drive(request(self, frame, Roster, Deadline(None, self.clock.now)))


ANSWER, OTHER = Roster([], 3, 0, id="{}"), Roster([], 1, 0, id="another")


def test_an_answer_is_known_by_its_id() -> None:
    """Neither an answer nor an error of another question is taken for ours; nor one without an id."""
    connection = Echoing([OTHER, Roster([], 2, 0), Error("forbidden", "not this", id="another"), ANSWER])
    assert connection.ask(Who()).count == 3


def test_an_error_with_the_id_is_the_answer() -> None:
    connection = Echoing([Error("forbidden", "another", id="x"), Error("rate_limited", "ours", id="{}"), ANSWER])
    with pytest.raises(RateLimited, match="ours"):
        connection.ask(Who())


def test_each_question_has_an_id_of_its_own() -> None:
    connection = Echoing([ANSWER, ANSWER])
    connection.ask(Who())
    connection.ask(Who())
    first, second = (frame.id for frame in connection.sent if isinstance(frame, Who))
    assert first
    assert second
    assert first != second


def test_an_id_that_is_given_is_kept() -> None:
    assert with_id(Nick("ci", id="mine"), Echoing([]).welcome) == Nick("ci", id="mine")


def test_an_older_server_is_not_sent_one() -> None:
    """It lists no such feature; its next answer of the type is the answer, and its errors have no id."""
    connection = Echoing([Ack("x", 0.0, False), Roster([], 2, 0)], features=())
    assert connection.ask(Who()).count == 2
    assert connection.sent == [Who()]
    connection = Echoing([Error("forbidden", "no")], features=())
    with pytest.raises(Forbidden, match="no"):
        connection.ask(Whois("ana"))


def test_what_is_no_question_has_no_id() -> None:
    assert with_id(Ping(5.0), Echoing([]).welcome) == Ping(5.0)

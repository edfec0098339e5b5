"""Saying messages over connections that break: each outcome is accepted, refused or unknown, and never a guess."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline, NoAnswer
from chatctl.client.core.outbox import Message
from chatctl.client.core.sender import WINDOW, Sender, check_length
from chatctl.client.io.blocking_transport import drive, each
from chatctl.errors import ChatError, Forbidden, OutcomeUnknown, PeerBroke, RateLimited, TooLong, Unreachable
from chatctl.protocol import Ack, Bye, Error, Hello, Limits, Ping, Say, ServerFrame
from tests.client.core.fake_transport import ADDRESS, FakeConnection, FakeTransport, ended

HELLO = Hello(v=1, nick="ci", mode="post")


def message(number: int, text: str = "x") -> Message:
    return Message(Say(text, id=str(number)))


def ack(number: int) -> Ack:
    return Ack(id=str(number), time=1.0, duplicate=False, seq=number)


def sender(transport: FakeTransport, retry_for: float | None = None, *, many: bool = False) -> Sender:
    return Sender(transport, ADDRESS, HELLO, timeout=5.0, retry_for=retry_for, many=many)


def said(transport: FakeTransport, connection: int) -> list[str | None]:
    """Return the ids of what was said on a connection, in order."""
    return [frame.id for frame in transport.connections[connection].sent if isinstance(frame, Say)]


def acks(sender: Sender, messages: Iterable[Message | None]) -> list[int | None]:
    return [found.seq for found in each(sender.say(messages))]


def test_answers_are_given_in_the_order_of_the_messages() -> None:
    """Whatever the order in which they come, and whatever else the server says meanwhile."""
    transport = FakeTransport([ack(2), Ping(t=1.0), ack(1), ack(3)])
    assert acks(sender(transport), [message(1), message(2), None, message(3)]) == [1, 2, 3]
    assert said(transport, 0) == ["1", "2", "3"]


def test_so_many_may_be_without_an_answer_and_no_more() -> None:
    transport = FakeTransport([ack(number) for number in range(100)])
    under_way: list[int] = []
    answered = 0

    def texts() -> Iterable[Message]:
        for number in range(100):
            under_way.append(len(said(transport, 0)) - answered if transport.connections else 0)
            yield message(number)

    for _ in each(sender(transport).say(texts())):
        answered += 1
    assert max(under_way) == WINDOW - 1


def test_without_a_retry_the_first_failure_counts() -> None:
    transport = FakeTransport(Unreachable("nobody there"), [ack(1)])
    with pytest.raises(Unreachable, match="nobody there"):
        acks(sender(transport), [message(1)])
    assert transport.slept == []


def test_what_was_not_acknowledged_is_said_again_with_its_id_and_in_order() -> None:
    transport = FakeTransport([ack(1), ended()], [ack(2), ack(3)])
    assert acks(sender(transport, 60), [message(1), message(2), message(3)]) == [1, 2, 3]
    assert said(transport, 0) == ["1", "2", "3"]
    assert said(transport, 1) == ["2", "3"]
    assert len(transport.slept) == 1


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (ended(), OutcomeUnknown),
        (Bye(why="restart"), OutcomeUnknown),
        (PeerBroke("nonsense"), PeerBroke),
        (Error("forbidden", "muted", id="1"), Forbidden),
        (Error("rate_limited", "too fast", id="1"), RateLimited),
    ],
)
def test_an_answer_is_known_and_silence_is_not(step: ServerFrame | ChatError, kind: type[ChatError]) -> None:
    with pytest.raises(kind) as caught:
        acks(sender(FakeTransport([step])), [message(1)])
    assert ("it may or may not have been stored" in caught.value.text) is (kind in (OutcomeUnknown, PeerBroke))


def test_no_answer_in_time_is_unknown() -> None:
    transport = FakeTransport([])
    with pytest.raises(OutcomeUnknown, match="the deadline passed before the message was acknowledged"):
        acks(sender(transport), [message(1)])
    assert transport.time == 1005


def test_what_will_not_pass_is_not_tried_again() -> None:
    transport = FakeTransport([Error("forbidden", "muted", id="1")], [ack(1)])
    with pytest.raises(Forbidden):
        acks(sender(transport, 60), [message(1)])
    assert len(transport.connections) == 1


def test_patience_ends() -> None:
    transport = FakeTransport(*[Unreachable("nobody there")] * 20)
    with pytest.raises(Unreachable):
        acks(sender(transport, 10), [message(1)])
    assert 1000 + 5 < transport.time <= 1000 + 10


def test_it_ends_with_the_reason_of_the_last_try_that_had_its_time() -> None:
    class Busy(FakeTransport):
        async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> FakeConnection:
            """Refuse; but the last try comes so late that the deadline passes first."""
            if len(self.hellos) == 3:
                assert deadline.at is not None
                self.time = deadline.at
                raise NoAnswer("it did not answer in time")
            return await super().connect(address, hello, deadline)

    with pytest.raises(Unreachable, match="nobody there"):
        acks(sender(Busy(*[Unreachable("nobody there")] * 20), 3), [message(1)])


@pytest.mark.parametrize("many", [True, False])
def test_each_answer_gives_many_messages_their_time_anew(many: bool) -> None:
    transport = FakeTransport([ack(1), ended()], [ack(2), ended()], [ack(3)])
    one = sender(transport, 60, many=many)
    assert acks(one, [message(1), message(2), message(3)]) == [1, 2, 3]
    assert transport.time > 1000
    assert one.deadline.at == (transport.time if many else 1000) + 60


def test_a_pause_before_the_next_message_is_not_counted() -> None:
    transport = FakeTransport([ack(1), ack(2)])
    one = sender(transport, 3, many=True)
    assert drive(one.say_one(message(1))).seq == 1
    transport.time += 100
    assert drive(one.say_one(message(2))).seq == 2
    assert one.deadline.at == transport.time + 3


@pytest.mark.parametrize(
    ("error", "retry_for", "raised"),
    [
        (None, None, False),
        (ended(), None, True),
        (ended(), 60.0, False),
        (PeerBroke("nonsense"), 60.0, True),
    ],
)
def test_what_arrives_between_two_messages_is_read(
    monkeypatch: pytest.MonkeyPatch, error: ChatError | None, retry_for: float | None, raised: bool
) -> None:
    """A connection that broke meanwhile is made again, where something is tried again at all."""
    transport = FakeTransport([ack(1)], [ack(2)])
    one = sender(transport, retry_for)
    drive(one.poll())  # there is no connection yet
    drive(one.say_one(message(1)))

    async def pending(_: object) -> list[ServerFrame]:
        if error is not None:
            raise error
        return []

    monkeypatch.setattr("tests.client.core.fake_transport.FakeConnection.pending", pending)
    with pytest.raises(type(error)) if raised and error is not None else contextlib.nullcontext():
        drive(one.poll())
    assert (one.connection is None) is (error is not None)


def test_what_a_signal_left_behind_is_forgotten_at_the_next_message() -> None:
    """It must not be said again with another one: nobody waits for its answer."""
    transport = FakeTransport([ack(2)])
    one = sender(transport)
    one._waiting.add(message(1))
    one.start(None)
    assert drive(one.say_one(message(2))).seq == 2
    assert said(transport, 0) == ["2"]


def test_what_is_too_long_is_told_after_what_came_before_it_was_said() -> None:
    transport = FakeTransport([ack(1)])
    answers = each(sender(transport, many=True).say([message(1), message(2, "x" * 4097), message(3)]))
    assert next(answers).seq == 1
    with pytest.raises(TooLong, match="at most 4096: what came before it was sent"):
        next(answers)
    assert said(transport, 0) == ["1"]


@pytest.mark.parametrize(
    ("text", "fits"), [("é" * 2048, True), ("é" * 2048 + "x", False), ("\x00" * 3000, False), ("x" * 4096, True)]
)
def test_both_the_text_and_the_line_have_a_limit(text: str, fits: bool) -> None:
    """JSON makes six bytes of a control character."""
    with contextlib.nullcontext() if fits else pytest.raises(TooLong, match="nothing was sent"):
        check_length(message(1, text), Limits(), "nothing was sent")


def test_a_closed_sender_connects_anew() -> None:
    transport = FakeTransport([ack(1)], [ack(2)])
    one = sender(transport)
    assert drive(one.say_one(message(1))).seq == 1
    one.close()
    assert transport.connections[0].closed
    one.start(None)
    assert drive(one.say_one(message(2))).seq == 2

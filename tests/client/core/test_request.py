"""One request and its answer."""

from __future__ import annotations

import pytest

from chatctl.client.core.deadline import Deadline
from chatctl.client.core.request import request
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import Forbidden
from chatctl.protocol import Error, Join, Ping, Pong
from tests.client.core.fake_transport import FakeConnection, FakeTransport


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

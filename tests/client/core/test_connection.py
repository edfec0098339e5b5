"""The client's end of a connection: bytes in, frames out, and who is no chatctl server."""

from __future__ import annotations

import pytest

from chatctl.client.core.connection import ClientConnection, State, raise_refusal
from chatctl.client.core.deadline import ConnectionEnded
from chatctl.client.core.remedies import Options, Parameters, Remedies
from chatctl.errors import BadFrame, NickTaken, PeerBroke, RateLimited
from chatctl.protocol import (
    GREETING,
    Bye,
    Challenge,
    Error,
    Hello,
    Limits,
    Msg,
    Ping,
    Pong,
    Say,
    ServerFrame,
    Welcome,
    Who,
    decode_client,
    encode,
)

HELLO = Hello(v=1, nick="nadia")
WELCOME = Welcome(
    v=1, server="s", room="lobby", nick="nadia", epoch="e", first=1, last=0,
    members=["nadia"], count=1, watchers=0, durability="memory", limits=Limits(),
)  # fmt: skip
MSG = Msg(seq=1, time=0.0, nick="omar", text="hi")


def greeted(remedies: Remedies = Parameters) -> ClientConnection:
    connection = ClientConnection(HELLO, "a-server", remedies)
    assert receive(connection, GREETING) == []
    assert connection.outgoing() == encode(HELLO)
    return connection


def live() -> ClientConnection:
    connection = greeted()
    assert receive(connection, WELCOME) == [WELCOME]
    return connection


def receive(connection: ClientConnection, *data: bytes | ServerFrame) -> list[ServerFrame]:
    return list(connection.receive(b"".join(d if isinstance(d, bytes) else encode(d) for d in data)))


def test_nothing_is_said_before_the_whole_greeting() -> None:
    connection = ClientConnection(HELLO, "a-server")
    for byte in (b"N", b"A", b"M"):
        assert receive(connection, byte) == []
        assert not connection.has_outgoing
    assert receive(connection, b"E") == []
    assert connection.outgoing() == encode(HELLO)
    assert connection.state is State.HELLO


def test_frames_wait_for_the_welcome_in_order() -> None:
    connection = greeted()
    for frame in (Say("one"), Who()):
        connection.send(frame)
    assert not connection.has_outgoing
    assert receive(connection, WELCOME, MSG) == [WELCOME, MSG]
    assert connection.outgoing() == encode(Say("one")) + encode(Who())
    connection.send(Say("two"))
    assert connection.outgoing() == encode(Say("two"))


def test_a_ping_is_answered_and_not_shown() -> None:
    connection = live()
    assert receive(connection, Ping(t=7.0), MSG) == [MSG]
    assert decode_client(connection.outgoing()[:-1]) == Pong(t=7.0)


def test_an_empty_line_is_nothing() -> None:
    assert receive(live(), b"\n \r\n", MSG, b"\n") == [MSG]


def test_frames_of_a_later_version_are_passed_over() -> None:
    assert receive(live(), b'{"type":"later"}\n', MSG) == [MSG]


@pytest.mark.parametrize(
    "data",
    [b"{no frame\n", b'{"type":"msg"}\n', b"{" + b"x" * (16 << 20)],
    ids=["no JSON", "fields are missing", "a line without end"],
)
def test_a_server_that_breaks_the_protocol_is_told(data: bytes) -> None:
    with pytest.raises(PeerBroke, match="a-server broke the protocol"):
        receive(live(), data)


def test_an_error_is_a_refusal_until_we_are_in_and_a_frame_after_that() -> None:
    error = Error("nick_taken", "taken")
    with pytest.raises(NickTaken, match="taken"):
        receive(greeted(), error)
    assert receive(live(), error) == [error]


def test_a_challenge_is_for_those_who_offered_something() -> None:
    challenge = Challenge(nonce="eA==")
    for connection in (greeted(), live()):
        with pytest.raises(PeerBroke, match="that was not offered"):
            receive(connection, challenge)


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "a web server answered"),
        (b"<html>", "HTML or XML"),
        (b"SSH-2.0-x\r\n", "an SSH server"),
        (b"220 mail\r\n", "a mail or FTP server"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "a TLS server"),
        (b"-ERR unknown\r\n", "Redis"),
        (b"INFO {}\r\n", "NATS"),
        (b"NOPE", "something else answered"),
    ],
)
def test_what_is_no_chatctl_server_is_named(first: bytes, what: str) -> None:
    """Before the greeting, and after a hello that did not wait for one."""
    for hurried in (False, True):
        connection = ClientConnection(HELLO, "a-server")
        if hurried:
            connection.hurry()
        with pytest.raises(PeerBroke, match=f"a-server is not a chatctl server: .*{what}"):
            receive(connection, first)


@pytest.mark.parametrize("after", [b"nadia joined!", b"Connected to server!"])
@pytest.mark.parametrize("remedies", [Options, Parameters])
def test_the_first_version_is_recognised(after: bytes, remedies: Remedies) -> None:
    with pytest.raises(PeerBroke, match=f"first version's protocol only: {remedies.use_classic}$"):
        receive(greeted(remedies), after)


def test_the_first_version_is_recognised_by_an_echo_of_the_hello() -> None:
    """It takes the hello for a nickname, and announces that."""
    with pytest.raises(PeerBroke, match="use --classic"):
        receive(greeted(Options), encode(HELLO))


def test_one_that_hurries_may_be_greeted_late() -> None:
    connection = ClientConnection(HELLO, "a-server")
    connection.hurry()
    assert connection.outgoing() == encode(HELLO)
    assert receive(connection, GREETING, WELCOME) == [WELCOME]
    connection.hurry()
    assert not connection.has_outgoing, "the hello goes out once"


def test_what_ends_a_request() -> None:
    with pytest.raises(RateLimited, match="too fast"):
        raise_refusal(Error("rate_limited", "too fast"))
    with pytest.raises(ConnectionEnded, match="said bye: restart") as caught:
        raise_refusal(Bye(why="restart", retry_after=3.0))
    assert caught.value.retry_after == 3.0
    raise_refusal(MSG)


@pytest.mark.parametrize("said", ["this port speaks TLS only", "this port speaks TLS only: use --tls"])
def test_the_client_says_how_it_speaks_tls(said: str) -> None:
    """A server does not know its options; an older one named them all the same."""
    with pytest.raises(BadFrame, match=r"^this port speaks TLS only: use --tls$"):
        receive(greeted(Options), encode(Error("bad_frame", said)))


def test_a_program_is_told_the_parameter_for_tls() -> None:
    with pytest.raises(BadFrame, match=r"^this port speaks TLS only: use tls=True$"):
        receive(greeted(), encode(Error("bad_frame", "this port speaks TLS only")))

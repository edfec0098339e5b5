"""Whose key an answer comes from, as a server tells it."""

from __future__ import annotations

import pytest

from chatctl.client.core.author_key import AuthorKeys, insist_on_feature
from chatctl.client.core.deadline import Deadline
from chatctl.client.io.blocking_transport import drive
from chatctl.errors import NoSuchNick, Unsupported
from chatctl.protocol import Error, Identity, Msg, ServerFrame, Whois
from tests.client.core.fake_transport import ADDRESS, FakeTransport, welcome

KEY = "SHA256:" + 43 * "A"
ENTRY = Msg(seq=7, time=1000.0, nick="Rajat", text="yes")


def identity(claimed: float | None, *, here: bool = True, key: str | None = KEY) -> Identity:
    return Identity("Rajat", 900.0, 0.0, key, claimed, here=here)


def key_of(monkeypatch: pytest.MonkeyPatch, answer: ServerFrame) -> str | None:
    """Ask a server that answers so."""
    told = welcome()
    monkeypatch.setattr("tests.client.core.fake_transport.welcome", lambda: told)
    told.features.append("whois_bound")
    transport = FakeTransport([answer])
    found = drive(AuthorKeys(transport, ADDRESS, "lobby").key_of(ENTRY, Deadline(None, transport.now)))
    [connection] = transport.connections
    assert connection.sent == [Whois("Rajat", bound=True)]
    assert connection.closed
    assert [(hello.mode, hello.nick) for hello in transport.hellos] == [("probe", "")]
    return found


@pytest.mark.parametrize("here", [True, False])
def test_a_name_that_was_bound_before_tells_the_key(monkeypatch: pytest.MonkeyPatch, here: bool) -> None:
    assert key_of(monkeypatch, identity(900.0, here=here)) == KEY


def test_a_name_that_was_bound_after_the_answer_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answered had no key, and the owner of the key came and bound the name then; or took the time to."""
    assert key_of(monkeypatch, identity(1000.5)) is None


def test_a_key_that_the_name_is_not_bound_to_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is called so now may have got the name since."""
    assert key_of(monkeypatch, identity(None)) is None
    assert key_of(monkeypatch, identity(None, key=None)) is None


def test_nobody_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of(monkeypatch, Error(code=NoSuchNick.wire_code, text="there is no Rajat here")) is None


def test_an_older_server_is_not_asked() -> None:
    with pytest.raises(Unsupported, match="update it"):
        insist_on_feature(welcome())
    transport = FakeTransport([identity(900.0)])
    with pytest.raises(Unsupported):
        drive(AuthorKeys(transport, ADDRESS, "lobby").key_of(ENTRY, Deadline(None, transport.now)))
    assert transport.connections[0].sent == []

"""The public forms and servers that want something proved: TLS, a password, a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatctl.client.connect_options import address_of
from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.key_files import make_key
from chatctl.errors import NickTaken, Unauthorized, Untrusted
from chatctl.protocol import Hello
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.tls import TlsServer, guarded

WORD = "correct horse"
OTHER_PIN = "SHA256:" + "A" * 43


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """Yield a server with TLS and a password, on which names can be bound to keys."""
    server = guarded(tmp_path_factory.mktemp("server"), WORD, "--claim-names", "--open-rooms")
    yield server
    server.stop()


def test_it_speaks_to_the_server_of_its_pin_alone(form: Form, server: TlsServer) -> None:
    """And proves the password to it: what it says, it reads again over a connection that proves it, too."""
    where = f"127.0.0.1:{server.tls_port}"
    room = type(form).__name__.lower()
    with (
        form.connect(where, pin=server.pin, password=WORD, nick="ci", room=room) as here,
        here.follow() as entries,
    ):
        assert here.say("hi").seq == 1
        assert next(entries).text == "hi"
    for wrong in (where, Address("127.0.0.1", server.tls_port, tls=True, pin=server.pin)):
        with pytest.raises(Untrusted, match="nothing was sent"):
            form.connect(wrong, pin=OTHER_PIN, password=WORD, nick="ci")


def test_nothing_is_taken_from_the_environment(form: Form, server: TlsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that talks to two servers must not tell one of them the other's password."""
    monkeypatch.setenv("CHATCTL_PASSWORD", WORD)
    monkeypatch.setenv("CHATCTL_PIN", OTHER_PIN)
    with pytest.raises(Unauthorized, match="requires a password"):
        form.connect(f"127.0.0.1:{server.tls_port}", pin=server.pin, nick="ci")


def test_a_key_proves_whose_a_name_is(form: Form, server: TlsServer, tmp_path: Path) -> None:
    """A name that is bound to a key is that key's, and nobody's without."""
    nick, key = f"owner-{type(form).__name__}", tmp_path / "own.key"
    make_key(key)
    where = f"127.0.0.1:{server.tls_port}"
    bind(address(where, pin=server.pin, password=WORD, key=key), nick)
    with form.connect(where, pin=server.pin, password=WORD, key=key, nick=nick) as here:
        assert here.say("mine", retry_for=0).seq
    with pytest.raises(NickTaken):
        form.connect(where, pin=server.pin, password=WORD, nick=nick)


def bind(where: Address, nick: str) -> None:
    """Join once under a name: that binds it to the key."""
    with BlockingConnection(where, Hello(v=1, nick=nick), deadline_in(DEADLINE)) as connection:
        assert connection.welcome.claimed


def address(server: str | Address, **more: Any) -> Address:
    return address_of(server, **({"tls": None, "pin": None, "ca": None, "password": None, "key": None} | more))

"""Proving over TLS: bound to the certificate, so that a relay whom the client trusts by mistake gets nothing."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import Credentials
from chatctl.errors import PasswordWrong, Unauthorized
from chatctl.protocol import Hello
from tests.support.environment import DEADLINE, clean_env
from tests.support.stub import Stub
from tests.support.tls import Authority, TlsServer, context
from tests.system.security.conftest import WORD, Chatctl, Person


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Return an authority that our clients trust, and that a relay got a certificate from."""
    return Authority(tmp_path)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[TlsServer]:
    """Yield a server that listens with TLS alone, and has a password."""
    file = tmp_path / "room.password"
    file.touch(0o600)
    file.write_text(f"{WORD}\n")
    env = clean_env(tmp_path / "server")
    options = ("--no-plain", "--claim-names", "--password-file", str(file), "--host", "127.0.0.1")
    server = TlsServer("--tls-cert", str(authority.sign("127.0.0.1")), *options, env=env)
    yield server
    server.stop()


class TlsRelay:
    """Has a certificate of its own, takes TLS off, and puts new TLS on towards the server."""

    def __init__(self, certificate: Path, port: int) -> None:
        self._theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._theirs.load_cert_chain(certificate)
        self._target = port
        self._threads: list[threading.Thread] = []
        self._stub = Stub(self._go)
        self.port = self._stub.port

    def _go(self, client: socket.socket) -> None:
        thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            self._theirs.wrap_socket(client, server_side=True) as guest,
            context().wrap_socket(socket.create_connection(("127.0.0.1", self._target), DEADLINE)) as host,
        ):
            while self._pass_on(guest, host):
                pass

    @staticmethod
    def _pass_on(guest: ssl.SSLSocket, host: ssl.SSLSocket) -> bool:
        for source in select.select([guest, host], [], [], DEADLINE)[0]:
            data = source.recv(65536)
            while source.pending():
                data += source.recv(65536)
            if not data:
                return False
            (host if source is guest else guest).sendall(data)
        return True

    def close(self) -> None:
        self._stub.close()
        for thread in self._threads:
            thread.join(DEADLINE)


@pytest.fixture
def relay(authority: Authority, server: TlsServer) -> Iterator[TlsRelay]:
    """Stand between a client and the server."""
    relay = TlsRelay(authority.sign("127.0.0.1"), server.tls_port)
    yield relay
    relay.close()


@pytest.fixture
def reach(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BlockingConnection]:
    """Connect with TLS to whatever is at a port, as long as the authority vouches for it."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))

    def reach(port: int, credentials: Credentials | None) -> BlockingConnection:
        address = Address("127.0.0.1", port, tls=True, ca=str(authority.path), credentials=credentials)
        return BlockingConnection(address, Hello(v=1, nick="Rajat"), deadline_in(DEADLINE))

    return reach


def test_password_and_key_are_proved_over_tls(
    server: TlsServer, reach: Callable[..., BlockingConnection], person: Callable[[str], Person]
) -> None:
    with reach(server.tls_port, Credentials(password=WORD, key=str(person("rajat").path))) as connection:
        assert connection.welcome.claimed
        assert connection.welcome.scram is not None
    with pytest.raises(PasswordWrong):
        reach(server.tls_port, Credentials(password="guesswork", key="none"))


def test_a_relay_that_is_trusted_by_mistake_can_not_log_in(
    server: TlsServer, relay: TlsRelay, reach: Callable[..., BlockingConnection]
) -> None:
    """The client's proof is bound to the certificate that it saw: the server takes it for a wrong password."""
    with pytest.raises(PasswordWrong):
        reach(relay.port, Credentials(password=WORD, key="none"))
    assert "Nickname is" not in server.stop()


def test_nor_can_it_use_a_key(
    tmp_path: Path,
    authority: Authority,
    reach: Callable[..., BlockingConnection],
    person: Callable[[str], Person],
) -> None:
    """On a server without a password, so that it is the key that is refused; without one, the relay relays."""
    server = TlsServer("--tls-cert", str(authority.sign("127.0.0.1")), env=clean_env(tmp_path / "open"))
    relay = TlsRelay(authority.sign("127.0.0.1"), server.tls_port)
    try:
        with pytest.raises(Unauthorized, match="did not sign for this server"):
            reach(relay.port, Credentials(key=str(person("rajat").path)))
        reach(relay.port, None).close()
    finally:
        relay.close()
        server.stop()


def test_join_proves_over_tls_too(server: TlsServer, authority: Authority, chatctl: Chatctl, tmp_path: Path) -> None:
    """Its shell is the other one: asyncio's."""
    more = {"CHATCTL_STATE_DIR": str(tmp_path / "state"), "CHATCTL_PASSWORD": WORD}
    fingerprint = chatctl("key", more=more).stdout.decode().split()[-1]
    there = ("--ca", str(authority.path), "--host", "127.0.0.1")
    done = chatctl("join", "--nick", "Rajat", *there, port=server.tls_port, stdin=b"hello\n", more=more)
    assert done.returncode == 0, done
    assert f"bound nick=Rajat key={fingerprint}" in server.stop()

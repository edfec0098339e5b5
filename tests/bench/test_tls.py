"""A load over TLS: exact as without, trusted as other commands trust, and cheap for those who come by the thousand."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.security.credentials import Credentials
from chatctl.common import scram
from chatctl.errors import PeerBroke, Unauthorized, Untrusted
from tests.bench.fake import WELCOME
from tests.bench.loads import load_at
from tests.support.stub import Stub
from tests.support.tls import Authority, TlsServer, fingerprint_of, guarded

WORD = "correct horse"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    """Yield a server with TLS and a password."""
    server = guarded(tmp_path_factory.mktemp("secure"), WORD, "--rate", "off")
    yield server
    server.stop()


def at(server: TlsServer, word: str | None) -> Address:
    return Address("127.0.0.1", server.tls_port, tls=True, pin=server.pin, credentials=Credentials(password=word))


def test_all_arrives_over_tls_as_without(server: TlsServer) -> None:
    """Bursts of 64 texts of 4,000 bytes: what OpenSSL has decrypted already must not wait for the socket."""
    outcome = load_at(0, address=at(server, WORD), members=20, senders=3, rate=None, size=4000)
    assert outcome.faults == []
    assert outcome.sent >= 64
    assert outcome.delivered == 20 * outcome.sent


def test_the_key_of_a_password_is_derived_once(server: TlsServer) -> None:
    """At 5 ms each, ten thousand members would need a minute of the load's own CPU to come in."""
    scram._derived.cache_clear()
    load_at(0, address=at(server, WORD), members=5, senders=2)
    found = scram._derived.cache_info()
    assert (found.misses, found.hits) == (1, 6)


def test_without_the_password_nobody_gets_in(server: TlsServer) -> None:
    """And members of another dialect, which has no place for it, are told."""
    with pytest.raises(Unauthorized, match="requires a password"):
        load_at(0, address=at(server, None))
    with pytest.raises(PeerBroke, match="requires a password, which this protocol can't carry"):
        load_at(0, address=at(server, WORD), dialect="text")


def test_each_further_connection_has_to_show_the_right_certificate(tmp_path: Path) -> None:
    """Whoever takes the server's place after the first one was trusted gets no hello."""
    authority = Authority(tmp_path)
    right, wrong = authority.sign("127.0.0.1"), authority.sign("127.0.0.1")
    contexts = [_context(right), _context(wrong)]
    members: list[ssl.SSLSocket] = []
    heard: list[bytes] = []

    def answer(client: socket.socket) -> None:
        secured = contexts[min(len(members), 1)].wrap_socket(client, server_side=True)
        members.append(secured)
        secured.sendall(b"NAME")
        heard.append(secured.recv(65536))
        secured.sendall(json.dumps(WELCOME).encode() + b"\n")

    stub = Stub(answer)
    try:
        with pytest.raises(Untrusted, match="nothing was sent"):
            load_at(0, address=Address("127.0.0.1", stub.port, tls=True, pin=fingerprint_of(right)))
    finally:
        stub.close()
        for member in members:
            member.close()
    assert [b'"hello"' in data for data in heard[:1]] == [True]
    assert b"".join(heard[1:]) == b""


def _context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made

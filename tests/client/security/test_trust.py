"""Whose certificate is taken: a pin decides alone, then what is known, then the authorities."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.core.remedies import Options
from chatctl.client.security.known_servers import remember
from chatctl.client.security.trust import Trust, handshake_failed
from chatctl.common import fingerprints
from chatctl.errors import ChatError, PeerBroke, Unreachable, Untrusted

HERE = Address("a.example", 5501, tls=True)
CERTIFICATE, ANOTHER = b"the server's certificate", b"another one"
PIN, OTHER = (fingerprints.shown(fingerprints.digest(der)) for der in (CERTIFICATE, ANOTHER))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))


def test_without_a_fingerprint_authorities_decide() -> None:
    trust = Trust(HERE)
    assert trust.by_authority
    assert trust.context.check_hostname
    assert trust.context.verify_mode is ssl.CERT_REQUIRED
    assert trust.check(CERTIFICATE) == fingerprints.digest(CERTIFICATE)


def test_a_pin_decides_alone() -> None:
    remember(HERE, OTHER)
    trust = Trust(HERE._replace(pin=PIN))
    assert not trust.by_authority
    assert trust.context.verify_mode is ssl.CERT_NONE
    trust.check(CERTIFICATE)
    with pytest.raises(Untrusted, match=f"not the server of pin {PIN}"):
        trust.check(ANOTHER)
    with pytest.raises(Untrusted, match=f"not the server of --pin {PIN}"):
        Trust(HERE._replace(pin=PIN, remedies=Options)).check(ANOTHER)


def test_a_known_server_is_held_to_what_is_known() -> None:
    remember(HERE, PIN)
    trust = Trust(HERE)
    assert not trust.by_authority
    trust.check(CERTIFICATE)
    with pytest.raises(Untrusted, match="HAS CHANGED") as caught:
        trust.check(ANOTHER)
    assert PIN in caught.value.text
    assert OTHER in caught.value.text
    remember(HERE, OTHER)
    Trust(HERE).check(ANOTHER)


def test_one_that_only_looks_takes_any_certificate_but_not_none() -> None:
    trust = Trust(HERE._replace(pin=PIN), look_only=True)
    assert trust.check(ANOTHER) == fingerprints.digest(ANOTHER)
    for nothing in (None, b""):
        with pytest.raises(Untrusted, match="showed no certificate"):
            trust.check(nothing)


def test_authorities_that_can_not_be_read_vouch_for_nobody(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for ca, why in (("missing.pem", "no such file"), ("empty.pem", "no PEM certificate")):
        with pytest.raises(Untrusted, match=f"(?i)cannot use the authorities .*{why}"):
            Trust(HERE._replace(ca=str(tmp_path / ca)))


def failed(kind: type[ssl.SSLError], reason: str) -> ssl.SSLError:
    error = kind(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "why"),
    [
        (TimeoutError(), Unreachable, "does not answer the TLS handshake in time"),
        (failed(ssl.SSLError, "WRONG_VERSION_NUMBER"), PeerBroke, "does not speak TLS: use tls=False"),
        (failed(ssl.SSLError, "UNSUPPORTED_PROTOCOL"), PeerBroke, "no TLS of version 1.2"),
        (failed(ssl.SSLError, "TLSV1_ALERT_PROTOCOL_VERSION"), PeerBroke, "no TLS of version 1.2"),
        (failed(ssl.SSLError, "BAD_SIGNATURE"), PeerBroke, r"broke the TLS handshake \(bad signature\)"),
        (failed(ssl.SSLEOFError, "UNEXPECTED_EOF"), Unreachable, "closed the connection in the TLS handshake"),
        (ConnectionResetError(), Unreachable, "closed the connection in the TLS handshake"),
    ],
)
def test_why_a_handshake_failed(error: Exception, kind: type[ChatError], why: str) -> None:
    """Who is away may come back; who does not speak TLS will not begin to."""
    found = handshake_failed(HERE, error)
    assert type(found) is kind
    with pytest.raises(kind, match=why):
        raise found

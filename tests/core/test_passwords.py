"""Verifiers of passwords, and the limit of wrong ones."""

from __future__ import annotations

import pytest

from chatctl.core import passwords
from chatctl.core.passwords import FORGIVEN_AFTER, MOST_FAILURES, PasswordLockout, Verifier


@pytest.mark.parametrize(
    "text", ["", "SCRAM-SHA-256$", "SCRAM-SHA-256$1:AAAA$B:C", "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "\0"]
)
def test_what_is_no_verifier_and_no_password_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"verifier|password"):
        Verifier.of(text)


@pytest.mark.parametrize("iterations", [4095, 1_000_001, -4096])
def test_a_verifier_that_no_client_would_take_is_refused_when_it_is_read(iterations: int) -> None:
    text = str(Verifier.of("secret")).replace("$16384:", f"${iterations}:")
    with pytest.raises(ValueError, match="clients take 4096 to 1000000"):
        Verifier.of(text)


def locked(*hosts: str) -> PasswordLockout:
    lockout = PasswordLockout()
    for host in hosts:
        for _ in range(MOST_FAILURES):
            lockout.record_failure(host, None, 0)
    return lockout


def test_a_whole_network_of_ipv6_is_one_address() -> None:
    lockout = locked("2001:db8::1")
    assert lockout.wait("2001:db8::ffff", None, 0) > 0
    assert lockout.wait("2001:db8:0:1::1", None, 0) == 0


def test_a_mapped_address_is_the_one_of_ipv4() -> None:
    assert locked("::ffff:192.0.2.7").wait("192.0.2.7", None, 0) > 0


def test_failures_are_forgiven() -> None:
    lockout = locked("192.0.2.7")
    lockout.forget(FORGIVEN_AFTER - 1)
    assert len(lockout._failures) == 1
    lockout.forget(FORGIVEN_AFTER + 1)
    assert len(lockout._failures) == 0


def test_tokens_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_KNOWN", 3)
    lockout = locked("192.0.2.7")
    for token in (b"a", b"b", b"a", b"c", b"d", None):
        lockout.record_success(token)
    assert [lockout.wait("192.0.2.7", token, 0) > 0 for token in (b"a", b"b", b"c", b"d", None)] == [
        *(False, True, False, False, True)
    ]

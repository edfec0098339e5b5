"""Verifiers of passwords, and the back-off after wrong ones."""

from __future__ import annotations

import pytest

from chatctl.core import passwords
from chatctl.core.passwords import FIRST_WAIT, PasswordLockout, Verifier


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


def test_a_whole_network_of_ipv6_is_one_address() -> None:
    lockout = PasswordLockout()
    lockout.record_failure("2001:db8::1", 0)
    assert lockout.wait("2001:db8::ffff", 0) == FIRST_WAIT
    assert lockout.wait("2001:db8:0:1::1", 0) == 0


def test_who_is_remembered_is_bounded_and_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MAX_ADDRESSES", 100)
    lockout = PasswordLockout()
    for number in range(300):
        lockout.record_failure(f"10.0.{number // 250}.{number % 250}", 0)
    assert len(lockout._failures) == 100
    assert lockout.wait("10.0.1.49", 0) == FIRST_WAIT
    assert lockout.wait("10.0.1.49", passwords.FORGIVEN_AFTER) == 0

"""gate.py and proof.py: what is proved, and what is not."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatctl.common import scram
from chatctl.common.fingerprints import of_key
from chatctl.common.key_proof import place_of_tls, statement
from chatctl.core.auth import Authenticator, AuthExchange, ConnectionInfo
from chatctl.core.passwords import FIRST_WAIT, LONGEST_WAIT, Verifier
from chatctl.errors import Unauthorized
from chatctl.protocol import Hello, Proof

HERE = "tcp:192.0.2.1:5500"
WAY = ConnectionInfo("192.0.2.7", (HERE,))
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = b64encode(SECRET.public_key().public_bytes_raw()).decode()
HELLO = Hello(v=1, nick="Rajat", token="a" * 32, key=KEY)
PASSWORD = "correct horse"
VERIFIER = Verifier.of(PASSWORD)


def sign(trial: AuthExchange, place: str = HERE, hello: Hello = HELLO, secret: Ed25519PrivateKey = SECRET) -> Proof:
    nonce = b64decode(trial.challenge.nonce or "")
    return Proof(signature=b64encode(secret.sign(statement(hello, nonce, place))).decode())


def trial_of(gate: Authenticator, hello: Hello = HELLO, way: ConnectionInfo = WAY, now: float = 0.0) -> AuthExchange:
    trial = gate.begin(hello, way, os.urandom(32), now)
    assert trial is not None
    return trial


# --- keys


def test_who_offers_nothing_and_is_asked_for_nothing_has_nothing_to_prove() -> None:
    assert Authenticator().begin(Hello(v=1, nick="a"), WAY, bytes(32), 0) is None


def test_a_key_is_proved_by_its_signature() -> None:
    trial = trial_of(Authenticator())
    assert trial.challenge.scram is None
    assert trial.verify(sign(trial), 0).key == of_key(SECRET.public_key().public_bytes_raw())


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    """``ssh-keygen -l`` says it of the key whose 32 bytes are 0 to 31."""
    assert of_key(bytes(range(32))) == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def test_an_old_signature_does_not_fit_a_new_challenge() -> None:
    """No replay: whoever recorded it has nothing."""
    gate = Authenticator()
    recorded = sign(trial_of(gate))
    with pytest.raises(Unauthorized):
        trial_of(gate).verify(recorded, 0)


def test_a_signature_for_another_server_is_not_one_for_this_one() -> None:
    """No relay: a server in between is reached elsewhere, and that is what its guest signs."""
    trial = trial_of(Authenticator())
    with pytest.raises(Unauthorized, match="relay or a forwarded port"):
        trial.verify(sign(trial, "tcp:198.51.100.9:5500"), 0)


@pytest.mark.parametrize(
    "other",
    [
        Hello(v=1, nick="Rajat", token="a" * 32, key=KEY, room="ops"),
        Hello(v=1, nick="Nadia", token="a" * 32, key=KEY),
        Hello(v=1, nick="Rajat", token="b" * 32, key=KEY),
        Hello(v=1, nick="Rajat", token="a" * 32, key=KEY, mode="post"),
    ],
)
def test_a_signature_holds_for_the_room_the_name_the_mode_and_the_token_it_was_made_for(other: Hello) -> None:
    trial = trial_of(Authenticator())
    with pytest.raises(Unauthorized):
        trial.verify(sign(trial, hello=other), 0)


def test_another_key_can_not_sign_for_it() -> None:
    trial = trial_of(Authenticator())
    with pytest.raises(Unauthorized):
        trial.verify(sign(trial, secret=Ed25519PrivateKey.generate()), 0)


@pytest.mark.parametrize("signature", [None, "", "?", "AAAA", b64encode(bytes(64)).decode()])
def test_what_is_no_signature_proves_nothing(signature: str | None) -> None:
    with pytest.raises(Unauthorized):
        trial_of(Authenticator()).verify(Proof(signature=signature), 0)


# --- the password


def pass_through(
    gate: Authenticator, password: str, way: ConnectionInfo = WAY, now: float = 0.0, channel: bytes = b""
) -> None:
    """Go through it as a client does. Raises Unauthorized; or ScramError if the server does not know the password."""
    exchange = scram.client(password, channel)
    trial = trial_of(gate, Hello(v=1, nick="a", scram=exchange.get_client_first()), way, now)
    exchange.set_server_first(trial.challenge.scram)
    exchange.set_server_final(trial.verify(Proof(scram=exchange.get_client_final()), now).scram)


def test_the_right_password_opens_and_the_server_proves_that_it_knows_it() -> None:
    pass_through(Authenticator(VERIFIER), PASSWORD)


def test_a_verifier_from_a_file_does_as_well_and_does_not_hold_the_password() -> None:
    assert PASSWORD not in str(VERIFIER)
    assert Verifier.of(str(VERIFIER)) == VERIFIER
    pass_through(Authenticator(Verifier.of(str(VERIFIER))), PASSWORD)


def test_without_a_password_nobody_gets_in() -> None:
    with pytest.raises(Unauthorized, match="wants a password"):
        Authenticator(VERIFIER).begin(HELLO, WAY, bytes(32), 0)


def test_a_proof_without_its_last_word_is_a_wrong_password() -> None:
    first = scram.client(PASSWORD, b"").get_client_first()
    trial = trial_of(Authenticator(VERIFIER), Hello(v=1, nick="a", scram=first))
    with pytest.raises(Unauthorized):
        trial.verify(Proof(), 0)


def test_a_password_for_another_certificate_does_not_open() -> None:
    """A relay shows its own certificate: what its guest says there is of no use here."""
    mine, theirs = b"\1" * 32, b"\2" * 32
    way = ConnectionInfo("192.0.2.7", (place_of_tls(mine),), mine)
    pass_through(Authenticator(VERIFIER), PASSWORD, way, channel=mine)
    for channel in (theirs, b""):
        with pytest.raises(Unauthorized):
            pass_through(Authenticator(VERIFIER), PASSWORD, way, channel=channel)


def test_a_key_and_a_password_are_both_wanted_where_both_are_offered() -> None:
    exchange = scram.client(PASSWORD, b"")
    hello = Hello(v=1, nick="Rajat", token="a" * 32, key=KEY, scram=exchange.get_client_first())
    trial = trial_of(Authenticator(VERIFIER), hello)
    exchange.set_server_first(trial.challenge.scram)
    with pytest.raises(Unauthorized):
        trial.verify(Proof(scram=exchange.get_client_final()), 0)


def test_wrong_passwords_wait_longer_each_time() -> None:
    gate, now, waits = Authenticator(VERIFIER), 0.0, []
    for _ in range(10):
        with pytest.raises(Unauthorized) as wrong:
            pass_through(gate, "guess", now=now)
        waits.append(wrong.value.retry_after)
        now += wrong.value.retry_after or 0
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600] == sorted(waits)
    assert (waits[0], waits[-1]) == (FIRST_WAIT, LONGEST_WAIT)


def test_who_waits_is_not_heard_even_with_the_right_password() -> None:
    """Or many could be tried at once: begun before the first one failed, too."""
    gate = Authenticator(VERIFIER)
    exchange = scram.client(PASSWORD, b"")
    early = trial_of(gate, Hello(v=1, nick="a", scram=exchange.get_client_first()))
    with pytest.raises(Unauthorized):
        pass_through(gate, "guess")
    exchange.set_server_first(early.challenge.scram)
    with pytest.raises(Unauthorized, match="too many"):
        early.verify(Proof(scram=exchange.get_client_final()), 0)
    with pytest.raises(Unauthorized, match="too many"):
        pass_through(gate, PASSWORD, now=4.9)
    pass_through(gate, PASSWORD, way=ConnectionInfo("192.0.2.8", (HERE,)))
    pass_through(gate, PASSWORD, now=5.0)
    with pytest.raises(Unauthorized) as wrong:
        pass_through(gate, "guess", now=6.0)
    assert wrong.value.retry_after == FIRST_WAIT

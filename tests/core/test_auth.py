"""core/auth.py and common/key_proof.py: which proofs of a key or a password are accepted, and which are not."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chatctl.common import scram
from chatctl.common.fingerprints import of_key
from chatctl.common.key_proof import place_of_tls, statement
from chatctl.core.auth import Authenticator, AuthExchange, ConnectionInfo
from chatctl.core.passwords import FORGIVEN_AFTER, MOST_FAILURES, PasswordLockout, Verifier
from chatctl.errors import PasswordWrong, Unauthorized
from chatctl.protocol import Hello, Proof

HERE = "tcp:192.0.2.1:5500"
INFO = ConnectionInfo("192.0.2.7", (HERE,))
SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = b64encode(SECRET.public_key().public_bytes_raw()).decode()
HELLO = Hello(v=1, nick="Rajat", token="a" * 32, key=KEY)
PASSWORD = "correct horse"
VERIFIER = Verifier.of(PASSWORD)


def sign(auth: AuthExchange, place: str = HERE, hello: Hello = HELLO, secret: Ed25519PrivateKey = SECRET) -> Proof:
    nonce = b64decode(auth.challenge.nonce or "")
    return Proof(signature=b64encode(secret.sign(statement(hello, nonce, place))).decode())


def begin(
    authenticator: Authenticator, hello: Hello = HELLO, info: ConnectionInfo = INFO, now: float = 0.0
) -> AuthExchange:
    auth = authenticator.begin(hello, info, os.urandom(32), now)
    assert auth is not None
    return auth


# --- keys


def test_who_offers_nothing_and_is_asked_for_nothing_has_nothing_to_prove() -> None:
    assert Authenticator().begin(Hello(v=1, nick="a"), INFO, bytes(32), 0) is None


def test_a_key_is_proved_by_its_signature() -> None:
    auth = begin(Authenticator())
    assert auth.challenge.scram is None
    assert auth.verify(sign(auth), 0).key == of_key(SECRET.public_key().public_bytes_raw())


def test_the_fingerprint_is_that_of_ssh_keygen() -> None:
    """``ssh-keygen -l`` says it of the key whose 32 bytes are 0 to 31."""
    assert of_key(bytes(range(32))) == "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def test_an_old_signature_does_not_fit_a_new_challenge() -> None:
    """No replay: whoever recorded it has nothing."""
    authenticator = Authenticator()
    recorded = sign(begin(authenticator))
    with pytest.raises(Unauthorized):
        begin(authenticator).verify(recorded, 0)


def test_a_signature_for_another_server_is_not_one_for_this_one() -> None:
    """No relay: a server in between is reached elsewhere, and that is what its guest signs."""
    auth = begin(Authenticator())
    with pytest.raises(Unauthorized, match="relay or a forwarded port"):
        auth.verify(sign(auth, "tcp:198.51.100.9:5500"), 0)


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
    auth = begin(Authenticator())
    with pytest.raises(Unauthorized):
        auth.verify(sign(auth, hello=other), 0)


def test_another_key_can_not_sign_for_it() -> None:
    auth = begin(Authenticator())
    with pytest.raises(Unauthorized):
        auth.verify(sign(auth, secret=Ed25519PrivateKey.generate()), 0)


@pytest.mark.parametrize("signature", [None, "", "?", "AAAA", b64encode(bytes(64)).decode()])
def test_what_is_no_signature_proves_nothing(signature: str | None) -> None:
    with pytest.raises(Unauthorized):
        begin(Authenticator()).verify(Proof(signature=signature), 0)


# --- the password


def pass_through(
    authenticator: Authenticator,
    password: str,
    info: ConnectionInfo = INFO,
    now: float = 0.0,
    *,
    channel: bytes = b"",
    token: str | None = None,
) -> None:
    """Go through it as a client does. Raises Unauthorized; or ScramError if the server does not know the password."""
    exchange = scram.client(password, channel)
    auth = begin(authenticator, Hello(v=1, nick="a", token=token, scram=exchange.get_client_first()), info, now)
    exchange.set_server_first(auth.challenge.scram)
    exchange.set_server_final(auth.verify(Proof(scram=exchange.get_client_final()), now).scram)


def test_the_right_password_opens_and_the_server_proves_that_it_knows_it() -> None:
    pass_through(Authenticator(VERIFIER), PASSWORD)


def test_a_verifier_from_a_file_does_as_well_and_does_not_hold_the_password() -> None:
    assert PASSWORD not in str(VERIFIER)
    assert Verifier.of(str(VERIFIER)) == VERIFIER
    pass_through(Authenticator(Verifier.of(str(VERIFIER))), PASSWORD)


def test_without_a_password_nobody_gets_in() -> None:
    with pytest.raises(Unauthorized, match="requires a password"):
        Authenticator(VERIFIER).begin(HELLO, INFO, bytes(32), 0)


def test_a_proof_without_its_last_word_is_a_wrong_password() -> None:
    first = scram.client(PASSWORD, b"").get_client_first()
    auth = begin(Authenticator(VERIFIER), Hello(v=1, nick="a", scram=first))
    with pytest.raises(Unauthorized):
        auth.verify(Proof(), 0)


def test_a_password_for_another_certificate_does_not_open() -> None:
    """A relay shows its own certificate: what its guest says there is of no use here."""
    mine, theirs = b"\1" * 32, b"\2" * 32
    info = ConnectionInfo("192.0.2.7", (place_of_tls(mine),), mine)
    pass_through(Authenticator(VERIFIER), PASSWORD, info, channel=mine)
    for channel in (theirs, b""):
        with pytest.raises(Unauthorized):
            pass_through(Authenticator(VERIFIER), PASSWORD, info, channel=channel)


def test_a_key_and_a_password_are_both_wanted_where_both_are_offered() -> None:
    exchange = scram.client(PASSWORD, b"")
    hello = Hello(v=1, nick="Rajat", token="a" * 32, key=KEY, scram=exchange.get_client_first())
    auth = begin(Authenticator(VERIFIER), hello)
    exchange.set_server_first(auth.challenge.scram)
    with pytest.raises(Unauthorized):
        auth.verify(Proof(scram=exchange.get_client_final()), 0)


def guess(authenticator: Authenticator, info: ConnectionInfo = INFO, token: str | None = None) -> float:
    """Give a wrong password; return how long to wait. Raises Unauthorized if it was not judged."""
    with pytest.raises(PasswordWrong) as wrong:
        pass_through(authenticator, "guess", info, token=token)
    assert wrong.value.retry_after is not None, "clients tell a wrong password by this field"
    return wrong.value.retry_after


def test_so_many_wrong_passwords_of_one_address_are_judged() -> None:
    """The right one is not, either, or guessing would go on. It goes on slowly: it is no lock for good."""
    authenticator = Authenticator(VERIFIER)
    exchange = scram.client(PASSWORD, b"")
    early = begin(authenticator, Hello(v=1, nick="a", scram=exchange.get_client_first()))
    waits = [guess(authenticator) for _ in range(MOST_FAILURES)]
    assert waits == [0.0] * (MOST_FAILURES - 1) + [19]
    exchange.set_server_first(early.challenge.scram)
    with pytest.raises(Unauthorized, match="too many"):
        early.verify(Proof(scram=exchange.get_client_final()), 0)  # many could be begun before the first one fails
    for word in (PASSWORD, "guess"):
        with pytest.raises(Unauthorized, match="too many") as refused:
            pass_through(authenticator, word)
        assert not isinstance(refused.value, PasswordWrong)
    pass_through(authenticator, PASSWORD, info=ConnectionInfo("192.0.2.8", (HERE,)))
    pass_through(authenticator, PASSWORD, now=19.0)


def test_who_never_stops_guessing_gets_nowhere() -> None:
    lockout, judged = PasswordLockout(), 0
    for second in range(10 * int(FORGIVEN_AFTER)):
        if not lockout.wait("192.0.2.7", None, second):
            lockout.record_failure("192.0.2.7", None, second)
            judged += 1
    assert judged <= 11 * MOST_FAILURES


def test_who_knows_the_password_is_not_locked_out_by_neighbours_who_do_not() -> None:
    authenticator = Authenticator(VERIFIER)
    pass_through(authenticator, PASSWORD, token="a" * 32)
    for _ in range(MOST_FAILURES - 1):
        guess(authenticator)
        pass_through(authenticator, PASSWORD)  # never seen before
    guess(authenticator)
    for _ in range(100):
        pass_through(authenticator, PASSWORD, token="a" * 32)  # even now


def test_a_token_that_was_let_in_once_guesses_no_more_than_others() -> None:
    """Its owner may have been told a password that is another one now."""
    authenticator = Authenticator(VERIFIER)
    for _ in range(MOST_FAILURES):
        guess(authenticator)
    pass_through(authenticator, PASSWORD, ConnectionInfo("192.0.2.8", (HERE,)), token="a" * 32)
    guess(authenticator, token="a" * 32)
    with pytest.raises(Unauthorized, match="too many"):
        pass_through(authenticator, "guess", token="a" * 32)


def test_this_machines_own_share_no_wait() -> None:
    """One account of it could keep all the others out."""
    authenticator, local = Authenticator(VERIFIER), ConnectionInfo("", (HERE,))
    assert {guess(authenticator, local) for _ in range(10 * MOST_FAILURES)} == {0.0}
    pass_through(authenticator, PASSWORD, local)

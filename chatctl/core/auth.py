"""Authentication: what a new connection has to prove before it is let in, and whether it did.

Lives here: the exchange of challenge and proof: the server's password (SCRAM-SHA-256), a client's key (Ed25519). Does
not live here: verifiers, and the limit of wrong passwords (passwords.py), when a challenge is sent (session.py,
hub/login.py), what a proved key is worth (name_ownership.py). No clock and no chance: ``now`` is any monotonic time in
seconds, nonces are handed in. Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from typing import Any

from msgspec import Struct

from chatctl.common import fingerprints
from chatctl.common.key_proof import OLD_PLACE_OF_UNIX, is_unix, label_of, signed, statement
from chatctl.core.name_ownership import owner_of
from chatctl.core.passwords import PasswordLockout, Verifier
from chatctl.errors import PasswordWrong, Unauthorized
from chatctl.protocol import Challenge, Hello, Proof


class ConnectionInfo(Struct, frozen=True):
    """The route of a connection to the server."""

    host: str = ""
    """The client's IP address; empty for this machine's own connections."""
    places: tuple[str, ...] = ()
    """The names of this server that a signature may hold (common/key_proof.py)."""
    channel: bytes = b""
    """The SHA-256 of the certificate that the client was shown; empty without TLS."""
    sees_certificate: bool = True
    """Whether the client knows which certificate it was shown, so that SCRAM can be bound to it: no page can."""
    password_proved: bool = False
    """An HTTP request whose password was right (server/web/basic_passwords.py)."""


class Proved(Struct, frozen=True):
    """The outcome of an exchange."""

    key: str | None = None
    """The fingerprint of its key."""
    scram: str | None = None
    """The last message of SCRAM, for the welcome: it proves that the server knows the password, too."""


class Authenticator:
    """The rules of one server: everybody proves the password, if there is one, and whoever offers a key proves that."""

    def __init__(self, password: Verifier | None = None) -> None:
        """Start without failures; ``password`` may be replaced at any time."""
        self.password = password
        self.lockout = PasswordLockout()

    def begin(self, hello: Hello, info: ConnectionInfo, nonce: bytes, now: float) -> AuthExchange | None:
        """Start an exchange; return None if there is nothing to prove.

        Args:
            hello: the first frame of the connection.
            info: of the connection.
            nonce: NONCE_BYTES of randomness, never used before.
            now: monotonic seconds.

        Raises:
            Unauthorized: no password is offered where one is needed, its first message is wrong, or there were too many
                wrong ones from this address.
        """
        if self.password is None or info.password_proved:
            return AuthExchange(self, hello, info, nonce) if hello.key is not None else None
        self.check_lockout(info, hello, now)
        if hello.scram is None:
            raise Unauthorized("this server requires a password")
        return AuthExchange(self, hello, info, nonce)

    def check_lockout(self, info: ConnectionInfo, hello: Hello, now: float) -> None:
        """Return if this password is judged now. Raises Unauthorized while its address has to wait."""
        if wait := self.lockout.wait(info.host, owner_of(hello.token), now):
            raise Unauthorized(
                f"too many wrong passwords from your address: wait {math.ceil(wait)} s", retry_after=math.ceil(wait)
            )

    def record_failure(self, info: ConnectionInfo, hello: Hello, now: float) -> PasswordWrong:
        """Count a wrong password and return the error for it."""
        wait = self.lockout.record_failure(info.host, owner_of(hello.token), now)
        return PasswordWrong("wrong password", retry_after=math.ceil(wait))  # 0 too: clients look for it


class AuthExchange:
    """One challenge and its answer. It takes one answer."""

    def __init__(self, authenticator: Authenticator, hello: Hello, info: ConnectionInfo, nonce: bytes) -> None:
        """Make ``challenge``, the frame to send. Raises Unauthorized for a bad first message of SCRAM."""
        self.hello = hello
        self._authenticator = authenticator
        self._info = info
        self._nonce = nonce
        asks = authenticator.password is not None and not info.password_proved
        self._scram = self._begin_scram() if asks else None
        self.challenge = Challenge(
            nonce=b64encode(nonce).decode() if hello.key is not None else None,
            scram=self._scram.get_server_first() if self._scram is not None else None,
            labels=sorted(set(map(label_of, info.places))) if hello.key is not None else None,
        )

    def _begin_scram(self) -> Any:
        from chatctl.common.scram import ScramError, server

        try:
            channel = self._info.channel if self._info.sees_certificate else b""
            exchange = server(self._authenticator.password, channel)
            exchange.set_client_first(self.hello.scram)
        except ScramError as error:
            raise Unauthorized(f"this is not a SCRAM message for this connection: {error}") from None
        return exchange

    def verify(self, proof: Proof, now: float) -> Proved:
        """Check the answer and return what it proves.

        Raises:
            PasswordWrong: it does not prove the password. Let the client wait ``FAILURE_SECONDS`` for it.
            Unauthorized: it does not prove all that it has to.
        """
        scram = self._verify_password(proof, now)
        return Proved(self._verify_key(proof), scram)

    def _verify_password(self, proof: Proof, now: float) -> str | None:
        if self._scram is None:
            return None
        from chatctl.common.scram import ScramError

        # Others of this address may have failed since the hello.
        self._authenticator.check_lockout(self._info, self.hello, now)
        try:
            self._scram.set_client_final(proof.scram or "")
        except ScramError:
            raise self._authenticator.record_failure(self._info, self.hello, now) from None
        self._authenticator.lockout.record_success(owner_of(self.hello.token))
        return str(self._scram.get_server_final())

    def _verify_key(self, proof: Proof) -> str | None:
        if self.hello.key is None:
            return None
        key, places = b64decode(self.hello.key), self._info.places
        if any(self._is_signed(key, proof, place) for place in places):
            return fingerprints.of_key(key)
        over_unix = any(map(is_unix, places))
        if over_unix and self._is_signed(key, proof, OLD_PLACE_OF_UNIX):
            raise Unauthorized("your chatctl is too old to prove a key over a unix socket: update it")
        raise Unauthorized(
            f"your key did not sign for this server: a relay or a {'mount' if over_unix else 'forwarded port'} is in "
            f"between (this is {', '.join(places)})"
        )

    def _is_signed(self, key: bytes, proof: Proof, place: str) -> bool:
        return signed(key, proof.signature, statement(self.hello, self._nonce, place))

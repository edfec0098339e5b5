"""The gate: what a newcomer has to prove before it is let in, and whether it did.

Lives here: the room's password (SCRAM-SHA-256), the proof of a key, slowing down who guesses. Does not live here: when
a challenge is sent (session.py, hub.py), what a proved key is worth (claims.py). No clock: ``now`` is any monotonic
time in seconds. Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from chatctl.common import fingerprints
from chatctl.common.key_proof import NONCE_BYTES, signed, statement
from chatctl.errors import Unauthorized
from chatctl.protocol import Challenge, Hello, Proof

FIRST_WAIT = 5.0
LONGEST_WAIT = 600.0
FORGIVEN_AFTER = 3600.0
"""Seconds: who gave a wrong password waits so long before the next one counts, twice as long each time; after so long
without one it is forgotten."""

REMEMBERED = 10_000
"""Addresses that gave wrong passwords. With more of them the oldest is forgotten: memory is bounded."""


class ConnectionInfo(Struct, frozen=True):
    """How a connection came in.

    ``host`` is its address, empty for this machine's own; ``places`` are the names under which a signature may know
    this server, ``channel`` is the SHA-256 of the certificate that it was shown, empty without TLS.
    """

    host: str = ""
    places: tuple[str, ...] = ()
    channel: bytes = b""


class Proved(Struct, frozen=True):
    """What a newcomer has proved: a key (its fingerprint), and our own answer to its password."""

    key: str | None = None
    scram: str | None = None


class Verifier(Struct, frozen=True):
    """What of a password is needed to check it, and not enough to say it (RFC 5802, section 3)."""

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int

    @classmethod
    def of(cls, text: str) -> Verifier:
        """Give that of a line of a password file: ``SCRAM-SHA-256$4096:salt$storedkey:serverkey``, or a password.

        Raises:
            ValueError: it begins like a verifier and is none, or can't be a password.
        """
        if text.startswith("SCRAM-SHA-256$"):
            return cls._parsed(text)
        from chatctl.common.scram import make_verifier

        return cls(*make_verifier(text))

    @classmethod
    def _parsed(cls, text: str) -> Verifier:
        try:
            _, how, keys = text.split("$")
            iterations, salt = how.split(":")
            stored_key, server_key = (b64decode(key, validate=True) for key in keys.split(":"))
            verifier = cls(b64decode(salt, validate=True), stored_key, server_key, int(iterations))
        except ValueError:
            raise ValueError("this is no verifier: write SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY") from None
        size = hashlib.sha256().digest_size
        if not (
            len(stored_key) == len(server_key) == size and len(verifier.salt) >= 12 and verifier.iterations >= 4096
        ):
            raise ValueError("this verifier is too weak, or cut short: make a new one")
        return verifier

    def __str__(self) -> str:
        salt, stored_key, server_key = (
            b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored_key}:{server_key}"


class PasswordLockout:
    """Who gave wrong passwords, and for how long they wait now."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._given: dict[str, tuple[int, float]] = {}  # oldest first: how many in a row, and when the last one was

    def wait(self, host: str, now: float) -> float:
        """Give for how many seconds this address has to wait, 0 for one that need not."""
        count, at = self._of(host, now)
        return max(0.0, at + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (count - 1)) - now) if count else 0.0

    def wrong(self, host: str, now: float) -> float:
        """Count a wrong password; give the wait."""
        count, _ = self._of(host, now)
        self._given.pop(neighbourhood(host), None)
        self._given[neighbourhood(host)] = min(count + 1, 20), now
        if len(self._given) > REMEMBERED:
            del self._given[next(iter(self._given))]
        return self.wait(host, now)

    def right(self, host: str) -> None:
        """Forget: it knows the password."""
        self._given.pop(neighbourhood(host), None)

    def _of(self, host: str, now: float) -> tuple[int, float]:
        count, at = self._given.get(neighbourhood(host), (0, now))
        return (count, at) if now - at < FORGIVEN_AFTER else (0, now)


def neighbourhood(host: str) -> str:
    """Give what counts as one address: a whole /64 of IPv6 belongs to one customer."""
    if ":" not in host:
        return host
    return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))


class Authenticator:
    """What a server wants to see proved."""

    def __init__(self, password: Verifier | None = None, *, random: Callable[[int], bytes] = os.urandom) -> None:
        """Ask everybody for the password, if there is one; and take the proof of a key from whoever offers one."""
        self.password = password
        self._random = random
        self._penalties = PasswordLockout()

    def open(self, hello: Hello, way: ConnectionInfo, now: float) -> AuthExchange | None:
        """Give what this newcomer has to go through, None if it is nothing.

        Raises:
            Unauthorized: a password is wanted and none is offered, or too many were wrong.
        """
        if self.password is not None:
            self.insist(way, now)
            if hello.scram is None:
                raise Unauthorized("this server wants a password: give it with CHATCTL_PASSWORD or --password-file")
        elif hello.key is None:
            return None
        return AuthExchange(self, hello, way, self._random(NONCE_BYTES))

    def insist(self, way: ConnectionInfo, now: float) -> None:
        """Refuse, without a look at its password, who has to wait. Raises Unauthorized."""
        if wait := self._penalties.wait(way.host, now):
            raise Unauthorized(
                f"too many wrong passwords from your address: wait {wait:.0f} s", retry_after=round(wait, 1)
            )

    def wrong(self, way: ConnectionInfo, now: float) -> Unauthorized:
        """Count a wrong password, and give the error."""
        wait = self._penalties.wrong(way.host, now)
        return Unauthorized("this is not the password", retry_after=round(wait, 1))

    def right(self, way: ConnectionInfo) -> None:
        """Somebody at that address knows the password."""
        self._penalties.right(way.host)


class AuthExchange:
    """One newcomer's challenge and its answer. Good for one answer."""

    def __init__(self, gate: Authenticator, hello: Hello, way: ConnectionInfo, nonce: bytes) -> None:
        """Begin; ``challenge`` is what it is to be sent. Raises Unauthorized for a word of SCRAM that is none."""
        self.hello = hello
        self._gate = gate
        self._way = way
        self._nonce = nonce
        self._scram = self._begin_scram() if gate.password is not None else None
        self.challenge = Challenge(
            nonce=b64encode(nonce).decode() if hello.key is not None else None,
            scram=self._scram.get_server_first() if self._scram is not None else None,
        )

    def _begin_scram(self) -> Any:
        from chatctl.common.scram import ScramError, server

        try:
            exchange = server(self._gate.password, self._way.channel)
            exchange.set_client_first(self.hello.scram)
        except ScramError as error:
            raise Unauthorized(f"this is no SCRAM for this connection: {error}") from None
        return exchange

    def check(self, proof: Proof, now: float) -> Proved:
        """Give what was proved.

        Raises:
            Unauthorized: it was not.
        """
        scram = self._check_password(proof, now)
        return Proved(self._check_key(proof), scram)

    def _check_password(self, proof: Proof, now: float) -> str | None:
        if self._scram is None:
            return None
        from chatctl.common.scram import ScramError

        self._gate.insist(self._way, now)  # others of this address may have failed meanwhile
        try:
            self._scram.set_client_final(proof.scram or "")
        except ScramError:
            raise self._gate.wrong(self._way, now) from None
        self._gate.right(self._way)
        return str(self._scram.get_server_final())

    def _check_key(self, proof: Proof) -> str | None:
        if self.hello.key is None:
            return None
        key = b64decode(self.hello.key)
        if any(signed(key, proof.signature, statement(self.hello, self._nonce, place)) for place in self._way.places):
            return fingerprints.of_key(key)
        raise Unauthorized(
            "your key did not sign for this server: a relay or a forwarded port is in between "
            f"(this is {', '.join(self._way.places)}; the operator can add --reached-as, or come without: --key none)"
        )

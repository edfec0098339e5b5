"""The server's side of a password: the verifier that it stores, and how many wrong ones it judges.

Lives here: reading and writing a verifier, counting failures by client address. Does not live here: the SCRAM exchange
(auth.py). No clock: ``now`` is any monotonic time in seconds. Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode

from msgspec import Struct

from chatctl.core.connection_throttle import AddressThrottle
from chatctl.core.ip_networks import client_of
from chatctl.protocol import SCRAM_ITERATIONS

MOST_FAILURES, FORGIVEN_AFTER = 32, 600.0
"""Wrong passwords of one address that are judged in so many seconds, and at once if none came before."""
FAILURE_SECONDS = 1.0
"""How long the connection that gave a wrong one waits for the answer."""

MAX_KNOWN = 10_000
"""Tokens that are remembered. With more of them the oldest is forgotten: memory is bounded."""


class Verifier(Struct, frozen=True):
    """A SCRAM verifier: checks a password, cannot recover it (RFC 5802, section 3)."""

    salt: bytes
    stored_key: bytes
    server_key: bytes
    iterations: int

    @classmethod
    def of(cls, text: str) -> Verifier:
        """Read a verifier, or make one of a password.

        Args:
            text: a line of a password file: ``SCRAM-SHA-256$4096:salt$storedkey:serverkey``, or a password.

        Raises:
            ValueError: it begins like a verifier and is none or a weak one, or it can't be a password.
        """
        if text.startswith("SCRAM-SHA-256$"):
            return cls._parse(text)
        from chatctl.common.scram import make_verifier

        return cls(*make_verifier(text))

    def accepts(self, password: str) -> bool:
        """Return whether this is the password. It takes milliseconds of work, a second at most."""
        from chatctl.common.scram import stored_key

        return hmac.compare_digest(stored_key(password, self.salt, self.iterations), self.stored_key)

    @classmethod
    def _parse(cls, text: str) -> Verifier:
        try:
            _, how, keys = text.split("$")
            iterations, salt = how.split(":")
            stored_key, server_key = (b64decode(key, validate=True) for key in keys.split(":"))
            verifier = cls(b64decode(salt, validate=True), stored_key, server_key, int(iterations))
        except ValueError:
            raise ValueError(
                "this is not a verifier: write SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY"
            ) from None
        size = hashlib.sha256().digest_size
        if not (len(stored_key) == len(server_key) == size and len(verifier.salt) >= 12):
            raise ValueError("this verifier is too weak, or cut short: make a new one")
        if verifier.iterations not in SCRAM_ITERATIONS:
            least, most = SCRAM_ITERATIONS[0], SCRAM_ITERATIONS[-1]
            raise ValueError(f"this verifier has {iterations} iterations, and clients take {least} to {most}")
        return verifier

    def __str__(self) -> str:
        salt, stored_key, server_key = (
            b64encode(part).decode() for part in (self.salt, self.stored_key, self.server_key)
        )
        return f"SCRAM-SHA-256${self.iterations}:{salt}${stored_key}:{server_key}"


class PasswordLockout:
    """Limits the wrong passwords of each address, so that who knows the password is not locked out by who does not.

    A right password is a right one whatever others of its address have tried, until there were ``MOST_FAILURES``.
    Beyond that only those are heard whose token came in before: a guesser does not have it, and loses it with the first
    wrong password. This machine's own connections have no address: they share nothing, and so no wait either.
    """

    def __init__(self) -> None:
        """Start without failures."""
        self._failures = AddressThrottle(MOST_FAILURES / FORGIVEN_AFTER, MOST_FAILURES)
        self._known: dict[bytes, None] = {}  # hashes of tokens, oldest first

    def wait(self, host: str, token: bytes | None, now: float) -> float:
        """Return the seconds until a password from this address is judged again; 0 if it is at once."""
        if not host or token in self._known:
            return 0.0
        return self._failures.ready_in(client_of(host), now)

    def record_failure(self, host: str, token: bytes | None, now: float) -> float:
        """Count a wrong password and return the wait that follows, in seconds."""
        if token is not None:
            self._known.pop(token, None)
        self._failures.wait(client_of(host), now)
        return self.wait(host, token, now)

    def record_success(self, token: bytes | None) -> None:
        """Remember the token of somebody who knows the password."""
        if token is None:
            return
        self._known.pop(token, None)
        self._known[token] = None
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def forget(self, now: float) -> None:
        """Drop the addresses whose failures are forgiven. Call it now and then."""
        self._failures.forget(now)

"""The server's side of a password: the verifier that it stores, and the back-off after wrong ones.

Lives here: reading and writing a verifier, counting failures by client address. Does not live here: the SCRAM exchange
(auth.py). No clock: ``now`` is any monotonic time in seconds. Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

from msgspec import Struct

from chatctl.core.ip_networks import client_of
from chatctl.protocol import SCRAM_ITERATIONS

FIRST_WAIT = 5.0
"""Seconds that an address waits after its first wrong password; doubled for each further one."""
LONGEST_WAIT = 600.0
"""Seconds that it waits at most."""
FORGIVEN_AFTER = 3600.0
"""Seconds without a wrong password after which its failures are forgotten."""

MAX_ADDRESSES = 10_000
"""Addresses whose failures are remembered. With more of them the oldest is forgotten: memory is bounded."""


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

    @classmethod
    def _parse(cls, text: str) -> Verifier:
        try:
            _, how, keys = text.split("$")
            iterations, salt = how.split(":")
            stored_key, server_key = (b64decode(key, validate=True) for key in keys.split(":"))
            verifier = cls(b64decode(salt, validate=True), stored_key, server_key, int(iterations))
        except ValueError:
            raise ValueError("this is no verifier: write SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY") from None
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
    """Per-address back-off after failed passwords; a whole /64 of IPv6 is one address."""

    def __init__(self) -> None:
        """Start without failures."""
        self._failures: dict[str, tuple[int, float]] = {}  # oldest first: how many in a row, time of the last one

    def wait(self, host: str, now: float) -> float:
        """Return the seconds until a password from this address is checked again; 0 if it is at once."""
        count, at = self._of(client_of(host), now)
        return max(0.0, at + min(LONGEST_WAIT, FIRST_WAIT * 2 ** (count - 1)) - now) if count else 0.0

    def record_failure(self, host: str, now: float) -> float:
        """Count a wrong password and return the wait, in seconds."""
        client = client_of(host)
        count, _ = self._of(client, now)
        self._failures.pop(client, None)
        self._failures[client] = min(count + 1, 20), now
        if len(self._failures) > MAX_ADDRESSES:
            del self._failures[next(iter(self._failures))]
        return self.wait(host, now)

    def clear(self, host: str) -> None:
        """Forget an address's failures."""
        self._failures.pop(client_of(host), None)

    def _of(self, client: str, now: float) -> tuple[int, float]:
        count, at = self._failures.get(client, (0, now))
        return (count, at) if now - at < FORGIVEN_AFTER else (0, now)

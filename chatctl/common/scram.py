"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as both ends use it: which mechanism, which binding, whose name.

Importing it costs what scramp costs (30 ms): do so only where there is a password.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import scramp.core
from scramp import ScramClient, ScramException, ScramMechanism

ITERATIONS = 16_384
"""Some 5 ms of work for a client at each connection. A stolen verifier is guessed at that much slower."""

USER = "chatctl"
"""There is one password for all; SCRAM wants a name to it."""

_PLAIN, _BOUND = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"

ScramError = ScramException


def make_verifier(password: str) -> tuple[bytes, bytes, bytes, int]:
    """Give (salt, stored key, server key, iterations) of a password.

    Raises:
        ValueError: it is empty, or has characters that can't be in one (RFC 4013).
    """
    if not password:
        raise ValueError("an empty password keeps nobody out")
    try:
        salt, stored_key, server_key, iterations = ScramMechanism(_PLAIN).make_auth_info(password, ITERATIONS)
    except ScramError as error:
        raise ValueError(f"this can't be a password: {error}") from None
    return salt, stored_key, server_key, iterations


def server(verifier: Any, channel: bytes) -> Any:
    """Begin the server's side. With TLS it is bound to the certificate: a relay that has another one gets nowhere."""
    facts = (verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations)
    mechanism = ScramMechanism(_BOUND if channel else _PLAIN)
    return mechanism.make_server(lambda _user: facts, channel_binding=_binding(channel))


def client(password: str, channel: bytes) -> ScramClient:
    """Begin the client's side; ``channel`` is the SHA-256 of the certificate that the server showed, or empty."""
    mechanism = _BOUND if channel else _PLAIN
    return ScramClient([mechanism], USER, password, channel_binding=_binding(channel))


def derive_once() -> None:
    """From now on in this process, derive a password's key once for each salt, not at each connection.

    For a load of thousands: 5 ms of each one's coming in are this. scramp takes no key that was derived before, so its
    own function for it remembers. The keys stay in memory.
    """
    if scramp.core.hi is _hi:
        scramp.core.hi = _remembering


_hi = scramp.core.hi


@lru_cache(maxsize=16)
def _derived(hash_function: Any, password: bytes, salt: bytes, iterations: int) -> bytes:
    return bytes(_hi(hash_function, password, salt, iterations))


def _remembering(hash_function: Any, password: bytes, salt: bytes, iterations: Any) -> bytes:
    return _derived(hash_function, password, salt, int(iterations))


def _binding(channel: bytes) -> tuple[str, bytes] | None:
    return ("tls-server-end-point", channel) if channel else None

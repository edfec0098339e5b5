"""SCRAM-SHA-256 (RFC 5802, RFC 7677): mechanism, channel binding and user name that both ends agree on.

Importing it costs what scramp costs (30 ms): import it only where there is a password.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import scramp.core
from scramp import ScramClient, ScramException, ScramMechanism

ITERATIONS = 16_384
"""About 5 ms of work for a client at each connection, and for each guess at a stolen verifier."""

USER = "chatctl"
"""The user name that SCRAM requires: there is one password for all."""

_PLAIN, _BOUND = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"

ScramError = ScramException


def make_verifier(password: str) -> tuple[bytes, bytes, bytes, int]:
    """Return (salt, stored key, server key, iterations) of a password.

    Raises:
        ValueError: it is empty, or has characters that a password can't have (RFC 4013).
    """
    if not password:
        raise ValueError("the password is empty")
    try:
        salt, stored_key, server_key, iterations = ScramMechanism(_PLAIN).make_auth_info(password, ITERATIONS)
    except ScramError as error:
        raise ValueError(f"this can't be a password: {error}") from None
    return salt, stored_key, server_key, iterations


def stored_key(password: str, salt: bytes, iterations: int) -> bytes:
    """Return the stored key of a password; empty if it can't be one."""
    try:
        _, key, _, _ = ScramMechanism(_PLAIN).make_auth_info(password, iterations, salt)
    except ScramError:
        return b""
    return bytes(key)


def server(verifier: Any, channel: bytes) -> Any:
    """Begin the server's side.

    Args:
        verifier: salt, stored key, server key and iterations.
        channel: SHA-256 of our certificate, which the exchange is bound to: a relay with another one fails. Empty
            without TLS.
    """
    facts = (verifier.salt, verifier.stored_key, verifier.server_key, verifier.iterations)
    mechanism = ScramMechanism(_BOUND if channel else _PLAIN)
    return mechanism.make_server(lambda _user: facts, channel_binding=_binding(channel))


def client(password: str, channel: bytes) -> ScramClient:
    """Begin the client's side. ``channel``: SHA-256 of the server's certificate; empty without TLS."""
    mechanism = _BOUND if channel else _PLAIN
    return ScramClient([mechanism], USER, password, channel_binding=_binding(channel))


def derive_once() -> None:
    """Cache derived keys in this process: derive one for each password and salt, not for each connection.

    For load tests with thousands of connections, each of which would take 5 ms. scramp accepts no derived key, so its
    own function is replaced by one with a cache. The keys stay in memory.
    """
    if scramp.core.hi is _hi:
        scramp.core.hi = _remembering


_hi = scramp.core.hi


@lru_cache(maxsize=16)
def _derived(hash_function: Any, password: bytes, salt: bytes, iterations: int) -> bytes:
    return bytes(_hi(hash_function, password, salt, iterations))


def _remembering(hash_function: Any, password: bytes, salt: bytes, iterations: Any) -> bytes:
    return _derived(hash_function, password, salt, int(iterations))  # scramp's own count can't be hashed


def _binding(channel: bytes) -> tuple[str, bytes] | None:
    return ("tls-server-end-point", channel) if channel else None

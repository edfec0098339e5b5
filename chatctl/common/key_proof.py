"""Proving who one is with an Ed25519 key: what is signed, and how keys are named.

Both ends share it. Lives here: the bytes of a statement, fingerprints, checking a signature. Does not live here: where
keys are kept (client/), what a proved key is worth (gate.py, claims.py). Source: docs/protocol.md, "Proving".
"""

from __future__ import annotations

import hashlib
import ipaddress
from base64 import b64decode, b64encode

from chatctl.protocol import Hello

LABEL = b"chatctl-key-v1"
"""What every statement begins with: a signature made for something else is none here, nor one of ours elsewhere."""

NONCE_BYTES = 32
_ALGORITHM = b"ssh-ed25519"


def statement(hello: Hello, nonce: bytes, place: str) -> bytes:
    """Give what is signed: that this key says this hello, once, at this place.

    Args:
        hello: as it was sent.
        nonce: of the challenge; fresh, so that no old signature fits.
        place: where the server was reached, so that a server in between can't hand it on (``place_of_tls`` and others).
    """
    fields = (hello.room, hello.nick, hello.mode, hello.token or "", place)
    return _packed([LABEL, nonce, *(field.encode() for field in fields)])


def _packed(parts: list[bytes]) -> bytes:
    """Put the length before each part: no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def place_of_tls(certificate: bytes) -> str:
    """Name a server by the SHA-256 of its certificate (32 bytes)."""
    return f"tls:{certificate.hex()}"


def place_of_tcp(host: str, port: int) -> str:
    """Name a server by the IP address and port at which it was reached.

    Raises:
        ValueError: this is no IP address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return f"tcp:{mapped or address}:{port}"


PLACE_OF_UNIX = "unix"
"""Every unix socket: whoever can put one in our way is on this machine already."""


def fingerprint(key: bytes) -> str:
    """Name a public key (32 bytes) as ``ssh-keygen -l`` does: ``SHA256:`` and 43 characters."""
    digest = hashlib.sha256(_packed([_ALGORITHM, key])).digest()
    return "SHA256:" + b64encode(digest).decode().rstrip("=")


def signed(key: bytes, signature: str | None, data: bytes) -> bool:
    """Tell whether ``signature`` (base64) is that of ``data`` by the owner of ``key`` (32 bytes)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signature or "", validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return True

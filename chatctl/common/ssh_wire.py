"""SSH's encoding of byte strings and of Ed25519 public keys. Source: RFC 4251, section 5; RFC 8709, section 4."""

from __future__ import annotations

ED25519 = b"ssh-ed25519"
"""The algorithm's name."""


def pack(*strings: bytes) -> bytes:
    """Put its length before each string: no two lists of strings give the same bytes."""
    return b"".join(len(string).to_bytes(4, "big") + string for string in strings)


def key_blob(public: bytes) -> bytes:
    """Return an Ed25519 public key (32 bytes) in the form that agents, ``.pub`` files and fingerprints use."""
    return pack(ED25519, public)

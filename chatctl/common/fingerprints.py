"""Fingerprints: what people compare to know whose certificate or key it is.

A fingerprint is the SHA-256 of a certificate as it goes over the wire (DER), or of a key in SSH's encoding. Its form is
ssh's: ``SHA256:`` and 43 characters of base64. Does not live here: where known ones are kept
(client/security/known_servers.py). Source: docs/security.md, "TLS".
"""

from __future__ import annotations

import base64
import hashlib
import re

from chatctl.common.ssh_wire import key_blob
from chatctl.errors import ChatError

_SHA256 = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_HEX = re.compile(r"[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}")


def digest(der: bytes) -> bytes:
    """Return the 32 bytes that identify a certificate (DER)."""
    return hashlib.sha256(der).digest()


def shown(digest: bytes) -> str:
    """Return the fingerprint of a digest (32 bytes), without base64's padding."""
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def of_key(public: bytes) -> str:
    """Return the fingerprint of an Ed25519 public key (32 bytes), as ``ssh-keygen -l`` shows it."""
    return shown(hashlib.sha256(key_blob(public)).digest())


def parse(text: str) -> str:
    """Return a fingerprint in the form of ``shown``. OpenSSL's hexadecimal form is taken too.

    Raises:
        ValueError: ``text`` is not a fingerprint; the error says how one looks.
    """
    try:
        return _read(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a fingerprint: {error}") from None


def parse_key(text: str, where: str) -> str:
    """Return the fingerprint of an operator's key.

    Args:
        text: as ``parse`` takes it.
        where: the option, or the file and line, for the error.

    Raises:
        ChatError: ``text`` is not a fingerprint.
    """
    try:
        return _read(text)
    except ValueError as error:
        raise ChatError(f"{where}: {text!r} is not a key's fingerprint: {error}, as 'whois' shows it") from None


def _read(text: str) -> str:
    """Return what ``parse`` does. The text of its ValueError is what to do."""
    if match := _SHA256.fullmatch(text):
        found = shown(base64.b64decode(match[1] + "="))
        if found != f"SHA256:{match[1]}":  # two bits of the last character count for nothing: it was mistyped
            raise ValueError("correct its last character")
        return found
    if _HEX.fullmatch(text):
        return shown(bytes.fromhex(text.replace(":", "")))
    raise ValueError("write SHA256: and its 43 characters")

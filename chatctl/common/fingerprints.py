"""Fingerprints: what people compare to know whose certificate it is.

A fingerprint is the SHA-256 of the certificate as it goes over the wire (DER). Lives here: its form. Does not live
here: where known ones are kept (client/known.py). Source: docs/security.md, "TLS"; the form is that of ssh.
"""

from __future__ import annotations

import base64
import hashlib
import re

_SHA256 = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_HEX = re.compile(r"[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}")


def digest(der: bytes) -> bytes:
    """Give the 32 bytes that a certificate is known by."""
    return hashlib.sha256(der).digest()


def shown(known_by: bytes) -> str:
    """Give a digest as people see it: ``SHA256:`` and 43 characters of base64, without padding."""
    return "SHA256:" + base64.b64encode(known_by).decode().rstrip("=")


def parse(text: str) -> str:
    """Give a fingerprint in the form of ``shown``. OpenSSL's hexadecimal one is taken too.

    Raises:
        ValueError: it is none; the text says how one looks.
    """
    if match := _SHA256.fullmatch(text):
        return shown(base64.b64decode(match[1] + "="))
    if _HEX.fullmatch(text):
        return shown(bytes.fromhex(text.replace(":", "")))
    raise ValueError(f"{text!r} is no fingerprint: write SHA256: and its 43 characters")

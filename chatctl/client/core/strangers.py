"""Telling what answered when it was not chatctl, so that the error can say it."""

from __future__ import annotations

from chatctl.common.text import clean_bytes
from chatctl.errors import PeerBroke

_KNOWN = (
    (b"HTTP/", "a web server answered"),
    (b"<", "something that speaks HTML or XML answered"),
    (b"SSH-", "an SSH server answered"),
    (b"220", "a mail or FTP server answered"),
    (b"\x15\x03", "a TLS server answered"),
    (b"-ERR", "a Redis or Valkey server answered"),
    (b"INFO {", "a NATS server answered"),
)


def stranger(where: object, first: bytes) -> PeerBroke:
    """Give the error for a peer whose first bytes are not a chatctl server's."""
    what = next((name for start, name in _KNOWN if first.startswith(start)), "something else answered")
    return PeerBroke(f"{where} is not a chatctl server: {what} ({clean_bytes(first)})")

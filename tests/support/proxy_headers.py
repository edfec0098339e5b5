"""PROXY headers as a proxy writes them, written from the specification and not with the library that reads them."""

from __future__ import annotations

import struct
from ipaddress import ip_address


def v1(source: str, port: int, reached: str = "192.0.2.1", at: int = 5500) -> bytes:
    """Return a header of version 1."""
    return f"PROXY TCP{ip_address(source).version} {source} {reached} {port} {at}\r\n".encode()


def v2(
    source: str | None,
    port: int = 0,
    reached: str = "192.0.2.1",
    at: int = 5500,
    *,
    more: bytes = b"",
    command: int | None = None,
    family: int | None = None,
) -> bytes:
    """Return a header of version 2; without a source, what a proxy sends for itself. ``more`` follows the addresses."""
    body = b""
    if source is not None:
        body = ip_address(source).packed + ip_address(reached).packed + struct.pack("!HH", port, at)
    kind = {0: 0x00, 12: 0x11, 36: 0x21}[len(body)] if family is None else family
    start = (0x20 if source is None else 0x21) if command is None else command
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", start, kind, len(body + more)) + body + more

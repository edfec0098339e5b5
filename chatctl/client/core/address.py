"""Where a server is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chatctl.client.security.credentials import Credentials

from chatctl.protocol import DEFAULT_HOST, DEFAULT_PORT

_HOST_PORT = r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^\[\]:/]+))(?::(?P<port>[0-9]{1,5}))?"


class Address(NamedTuple):
    """A TCP host and port, or a unix socket's path if there is one; over TCP perhaps with TLS."""

    host: str
    port: int
    unix: str | None = None
    tls: bool = False
    pin: str | None = None
    """The fingerprint that its certificate has to have, whatever else is known of it."""
    ca: str | None = None
    """A file of certificates: the authorities that may vouch for it, instead of the system's."""
    credentials: Credentials | None = None
    """What we can prove of ourselves there."""

    def __str__(self) -> str:
        if self.unix is not None:
            return self.unix
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def file_name(self) -> str:
        """Give a name for what is kept about this server; different for different servers."""
        return re.sub(r"[^A-Za-z0-9.-]", lambda match: f"_{ord(match[0]):x}", str(self))


def parse_address(text: str) -> Address:
    """Give what ``HOST``, ``HOST:PORT``, ``[IPV6]:PORT``, a bare IPv6 address or a socket's ``/path`` stands for.

    Raises:
        ValueError: it is none of these.
    """
    if text.startswith("/"):
        return Address(DEFAULT_HOST, DEFAULT_PORT, text)
    if re.fullmatch(r"[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*(%\S+)?", text):
        return Address(text, DEFAULT_PORT)
    match = re.fullmatch(_HOST_PORT, text)  # compiled here: most commands are not asked
    port = int(match["port"] or DEFAULT_PORT) if match is not None else 0
    if match is None or any(char.isspace() for char in text) or not 1 <= port <= 65535:
        raise ValueError(f"{text!r} is no server: write HOST, HOST:PORT, [::1]:PORT or a socket's /path")
    return Address(match["six"] or match["host"], port)


def names_port(text: str) -> bool:
    """Tell whether a server is given with its port."""
    match = re.fullmatch(_HOST_PORT, text)
    return match is not None and match["port"] is not None

"""The address of a server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chatctl.client.core.prover import Secrets

from chatctl.client.core.remedies import Parameters, Remedies
from chatctl.protocol import DEFAULT_HOST, DEFAULT_PORT

_HOST_PORT = r"(?:\[(?P<six>[^\[\]]+)\]|(?P<host>[^\[\]:/]+))(?::(?P<port>[0-9]{1,5}))?"


class Address(NamedTuple):
    """A TCP host and port, or the path of a unix socket if there is one; TCP may carry TLS."""

    host: str
    port: int
    unix: str | None = None
    tls: bool = False
    pin: str | None = None
    """The fingerprint that the certificate must have, whatever else is known of the server."""
    ca: str | None = None
    """The path of a file with the authorities that may vouch for the certificate; None: the system's."""
    credentials: Secrets | None = None
    """The password and the key to authenticate with."""
    real: str | None = None
    """Where ``unix`` leads, absolute and without symbolic links, as it was when one connection began."""
    web: str | None = None
    """The URL of its page, where it is spoken to through a WebSocket: ``https://HOST[:PORT][/PATH]``."""
    others: tuple[Address, ...] = ()
    """Servers of the same rooms, of which any will do where this one can't be had; they have no others."""
    remedies: Remedies = Parameters
    """How errors about it say what to do."""

    def __str__(self) -> str:
        if self.web is not None:
            return self.web
        if self.unix is not None:
            return self.unix
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def each(self) -> list[Address]:
        """This server and the others, each by itself."""
        return [self._replace(others=()), *self.others]

    @property
    def file_name(self) -> str:
        """A name for files about this server; different for different servers."""
        return re.sub(r"[^A-Za-z0-9.-]", lambda match: f"_{ord(match[0]):x}", str(self))


def parse_address(text: str) -> Address:
    """Parse ``HOST``, ``HOST:PORT``, ``[IPV6]:PORT``, a bare IPv6 address or the ``/path`` of a socket.

    Raises:
        ValueError: ``text`` is none of these.
    """
    if text.startswith("/"):
        return Address(DEFAULT_HOST, DEFAULT_PORT, text)
    if re.fullmatch(r"[0-9a-fA-F.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*(%\S+)?", text):
        return Address(text, DEFAULT_PORT)
    match = re.fullmatch(_HOST_PORT, text)  # compiled here: most commands do not need it
    port = int(match["port"] or DEFAULT_PORT) if match is not None else 0
    if match is None or any(char.isspace() for char in text) or not 1 <= port <= 65535:
        raise ValueError(f"{text!r} is not a server: write HOST, HOST:PORT, [::1]:PORT or a socket's /path")
    return Address(match["six"] or match["host"], port)


def parse_web(text: str) -> Address:
    """Parse the URL of a server's page: ``http`` or ``https``, a host, perhaps a port and a path.

    Raises:
        ValueError: ``text`` is no such URL.
    """
    match = re.fullmatch(rf"(?P<scheme>https?)://{_HOST_PORT}(?P<path>/[!-~]*)?", text)
    port = int(match["port"] or (443 if match["scheme"] == "https" else 80)) if match is not None else 0
    if match is None or re.search(r"[\s@?#]", text) or not 1 <= port <= 65535:
        raise ValueError(f"{text!r} is not the URL of a page: write http://HOST:PORT/ or https://HOST/")
    return Address(match["six"] or match["host"], port, tls=match["scheme"] == "https", web=text)


def names_port(text: str) -> bool:
    """Tell whether an address includes its port."""
    match = re.fullmatch(_HOST_PORT, text)
    return match is not None and match["port"] is not None

"""Where a server is."""

from __future__ import annotations

import re
from typing import NamedTuple


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

    def __str__(self) -> str:
        if self.unix is not None:
            return self.unix
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def file_name(self) -> str:
        """Give a name for what is kept about this server; different for different servers."""
        return re.sub(r"[^A-Za-z0-9.-]", lambda match: f"_{ord(match[0]):x}", str(self))

"""Which pages may use this server, and under which names it is reached.

A browser sends requests wherever any page tells it to. ``Origin`` is the page's; ``Host`` is the name that the browser
has looked up, which an attacker can have pointed here (DNS rebinding): only names that are ours are taken, and
addresses, which nobody can point anywhere. Source: docs/http.md, "Host and Origin".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from chatctl.server.web.http_error import HttpError

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{0,5}))?")
_ORIGIN = re.compile(r"(https?)://([^/@\s]+)/?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class Origins:
    """The names and origins of one server."""

    def __init__(self, names: Iterable[str], origins: Iterable[str]) -> None:
        """Take these names beside IP addresses and ``localhost``, and these origins beside our own."""
        self._origins = frozenset(origins)
        ours = (_split(origin.partition("://")[2])[0] for origin in self._origins)
        self._names = frozenset({"localhost", *(name.lower() for name in names), *ours})

    def check_host(self, host: str | None, scheme: str) -> None:
        """Return if the server is known under this ``Host``. Raises HttpError."""
        if host is None:
            raise HttpError(400, "bad_frame", "the request has no Host header")
        try:
            name, _ = _split(host.lower())
        except ValueError:
            raise HttpError(400, "bad_frame", "the Host header is not a host") from None
        if name.rstrip(".") not in self._names and not _is_address(name):
            why = f"this server is not known as {name}: start it with --web-origin and the address that browsers show"
            raise HttpError(421, "forbidden", f"{why}, such as {parse_origin(f'{scheme}://{host}')}")

    def check_origin(self, origin: str | None, host: str, scheme: str, *, required: bool) -> None:
        """Return if a page of this ``Origin`` may use the server.

        Args:
            origin: of the page; None if the header is missing.
            host: the ``Host`` header.
            scheme: ``https`` on TLS, else ``http``.
            required: whether it has to be there.

        Raises:
            HttpError: it may not.
        """
        if origin is None and not required:
            return
        if origin is None:
            why = "there is no Origin header, which browsers send: to speak json without one, use the other port"
            raise HttpError(403, "forbidden", why)
        if origin == "null":
            why = "this page has no origin of its own (a file, or a frame in a sandbox): open it from its server"
            raise HttpError(403, "forbidden", why)
        try:
            normal = parse_origin(origin)
        except ValueError:
            raise HttpError(403, "forbidden", "the Origin header is not an http or https origin") from None
        if normal not in (parse_origin(f"{scheme}://{host}"), *self._origins):
            why = f"pages of {normal} may not use this server"
            raise HttpError(403, "forbidden", f"{why}: if it is reached there, start it with --web-origin {normal}")


def parse_origin(text: str) -> str:
    """Return an origin of http or https as browsers write it. Raises ValueError."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{text!r} is not an origin: write https://chat.example.org")
    name, port = _split(match[2])
    return f"{match[1]}://{name}" + (f":{port}" if port and port != _DEFAULT_PORTS[match[1]] else "")


def _split(host: str) -> tuple[str, str | None]:
    match = _HOST.fullmatch(host)
    if match is None:
        raise ValueError(f"{host!r} is not a host")
    return match[1], match[2]


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True

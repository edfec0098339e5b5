"""Types of the option values that only ``serve`` takes."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from chatctl.cli.param_types import Parsed, duration

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.common.ip_addresses import Network


def rate(value: object) -> tuple[float, int]:
    """Return messages a second and the burst of ``N``, ``N:BURST`` or ``off``; 0 and 0 for off."""
    if value == "off":
        return 0.0, 0
    number, _, burst = str(value).partition(":")
    try:
        rate = float(number)
        most = int(burst) if burst else max(1, int(3 * rate))
    except (ValueError, OverflowError):
        rate, most = 0.0, 0
    if not (0 < rate < 1e9 and 1 <= most < 1e9):
        raise ValueError(f"{value!r} is not a rate: write 10, 10:30 or off")
    return rate, most


def startups(value: object) -> tuple[int, ...]:
    """Return the numbers of ``START:PERCENT:FULL``.

    From START connections on, PERCENT of new ones are dropped; from FULL on, all of them.
    """
    if isinstance(value, tuple):
        return value
    match = re.fullmatch(r"(\d{1,6}):(\d{1,3}):(\d{1,6})", str(value), re.ASCII)
    start, percent, full = map(int, match.groups()) if match else (0, 0, 0)
    if not 0 < start <= full or percent > 100:
        raise ValueError(f"'{value}' is not START:PERCENT:FULL, such as 100:30:1000")
    return start, percent, full


def limit_duration(value: object) -> float:
    """Return the seconds of a duration that a server can keep to: 50 ms to one day."""
    seconds = duration(value)
    if not 0.05 <= seconds <= 86_400:
        raise ValueError(f"'{value}' is not between 50ms and 1d")
    return seconds


def size(value: object) -> int:
    """Return the bytes of a size, ``500M`` or ``2G``: 1 MiB at least."""
    match = re.fullmatch(r"(\d{1,15})([KMGT]?)(?:i?B)?", str(value), re.ASCII | re.IGNORECASE)
    number = int(match[1]) << (10 * " KMGT".index(match[2].upper() or " ")) if match else 0
    if not 1 << 20 <= number < 1 << 60:
        raise ValueError(f"'{value}' is not a size of 1M or more: write 500M or 2G")
    return number


def memory(value: object) -> int:
    """Return the bytes of a size that a server can do with: 16 MiB or more."""
    number = size(value)
    if number < 16 << 20:
        raise ValueError(f"'{value}' is less than 16M")
    return number


def net(value: object) -> Network | Path:
    """Return an IP network, of one address too; for ``@FILE`` its absolute path: the file is read later."""
    from pathlib import Path

    from chatctl.common.ip_addresses import parse_network

    text = str(value)
    if text.startswith("@") and len(text) > 1:
        return Path(text[1:]).expanduser().absolute()
    try:
        return parse_network(text)
    except ValueError:
        raise ValueError(f"{value!r} is not a network: write 10.0.0.0/8, fd00::/8, one address or @FILE") from None


def place(value: object) -> str:
    """Return an address at which clients reach the server, ``IP:PORT`` or ``/PATH``, in the form that a key signs."""
    from chatctl.common.key_proof import place_of_tcp, place_of_unix

    text = str(value)
    if text.startswith(("tcp:", "unix:/")):
        return text
    if text.startswith("/"):
        return place_of_unix(os.path.normpath(text))
    host, _, port = text.rpartition(":")
    try:
        return place_of_tcp(host.removeprefix("[").removesuffix("]"), int(port))
    except ValueError:
        shapes = "203.0.113.7:5500, [2001:db8::1]:5500 or the /path of a unix socket"
        raise ValueError(f"{value!r} is not an address with a port: write {shapes}") from None


def web_address(value: object) -> tuple[str | None, int]:
    """Return the host, None if there is none, and the port of ``[HOST:]PORT``."""
    if isinstance(value, tuple):
        return value
    host, _, port = str(value).rpartition(":")
    if not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535 or (":" in host and host[0] != "["):
        raise ValueError(f"'{value}' is not [HOST:]PORT, such as 5580, 127.0.0.1:5580 or [::1]:5580")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


def metrics_address(value: object) -> tuple[str, int]:
    """Return the host, this machine's alone if there is none, and the port of ``[HOST:]PORT``."""
    host, port = web_address(value)
    return host or "127.0.0.1", port


def room(value: object) -> str:
    """Return a room's name."""
    from chatctl.common.names import check_room

    return check_room(str(value))


def origin(value: object) -> str:
    """Return the origin of a URL of http or https, as browsers write it."""
    from chatctl.server.web.origins import parse_origin

    return parse_origin(str(value))


RATE = Parsed(rate)
STARTUPS = Parsed(startups)
LIMIT_DURATION = Parsed(limit_duration)
MEMORY = Parsed(memory)
NET = Parsed(net)
PLACE = Parsed(place)
ROOM = Parsed(room)
SIZE = Parsed(size)
WEB_ADDRESS = Parsed(web_address)
METRICS_ADDRESS = Parsed(metrics_address)
ORIGIN = Parsed(origin)

"""Types of the option values that only ``serve`` takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from chatctl.cli.param_types import Duration

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.common.ip_addresses import Network


class Rate(click.ParamType[tuple[float, int]]):
    """Messages a second: ``N``, ``N:BURST`` or ``off``."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, int]:
        """Return messages a second and the burst; 0 and 0 for off."""
        if value == "off":
            return 0.0, 0
        number, _, burst = str(value).partition(":")
        try:
            rate = float(number)
            most = int(burst) if burst else max(1, int(3 * rate))
        except (ValueError, OverflowError):
            rate, most = 0.0, 0
        if not (0 < rate < 1e9 and 1 <= most < 1e9):
            self.fail(f"{value!r} is no rate: write 10, 10:30 or off", param, ctx)
        return rate, most


class Startups(click.ParamType[tuple[int, int, int]]):
    """``START:PERCENT:FULL``: from START connections on, PERCENT of new ones are dropped; from FULL on, all of them."""

    name = "startups"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Return the three numbers."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,6}):(\d{1,3}):(\d{1,6})", str(value), re.ASCII)
        start, percent, full = map(int, match.groups()) if match else (0, 0, 0)
        if not 0 < start <= full or percent > 100:
            self.fail(f"'{value}' is not START:PERCENT:FULL, such as 100:30:1000", param, ctx)
        return start, percent, full


class LimitDuration(Duration):
    """A duration that a server can keep to: 50 ms to one day."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        seconds = super().convert(value, param, ctx)
        if not 0.05 <= seconds <= 86_400:
            self.fail(f"'{value}' is not between 50ms and 1d", param, ctx)
        return seconds


class NetType(click.ParamType["Network | Path"]):
    """An IP network, or one address; or ``@FILE``, which has a network a line."""

    name = "net"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Network | Path:
        """Return the network, or the absolute path of the file, which is read later."""
        from pathlib import Path

        from chatctl.common.ip_addresses import parse_network

        text = str(value)
        if text.startswith("@") and len(text) > 1:
            return Path(text[1:]).expanduser().absolute()
        try:
            return parse_network(text)
        except ValueError:
            self.fail(f"{value!r} is no network: write 10.0.0.0/8, fd00::/8, one address or @FILE", param, ctx)


class PlaceType(click.ParamType[str]):
    """An address at which clients reach the server: ``IP:PORT``."""

    name = "place"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it in the form that a key signs."""
        from chatctl.common.key_proof import place_of_tcp

        text = str(value)
        if text.startswith("tcp:"):
            return text
        host, _, port = text.rpartition(":")
        try:
            return place_of_tcp(host.removeprefix("[").removesuffix("]"), int(port))
        except ValueError:
            self.fail(f"{value!r} is no address with a port: write 203.0.113.7:5500 or [2001:db8::1]:5500", param, ctx)

"""Types of options that are about networks and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.common.ip_addresses import Network


class NetType(click.ParamType["Network | Path"]):
    """An IP network, or one address; or ``@FILE``, which has a network a line."""

    name = "net"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Network | Path:
        """Give the network, or the file, which is read later."""
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
    """Where clients reach a server: ``IP:PORT``."""

    name = "place"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the place, as it is signed."""
        from chatctl.common.key_proof import place_of_tcp

        text = str(value)
        if text.startswith("tcp:"):
            return text
        host, _, port = text.rpartition(":")
        try:
            return place_of_tcp(host.removeprefix("[").removesuffix("]"), int(port))
        except ValueError:
            self.fail(f"{value!r} is no address with a port: write 203.0.113.7:5500 or [2001:db8::1]:5500", param, ctx)


NET = NetType()
PLACE = PlaceType()

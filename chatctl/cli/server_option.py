"""``--server``: a host and a port in one word, several with commas between them, or a name in the configuration file.

Its values take the precedence of the place where ``--server`` was given; an option given at the same place or at a
stronger one overrides them. So ``--server work`` overrides CHATCTL_HOST, and ``--server work --room ops`` is that
server's room ``ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from chatctl.cli.completers import completer
from chatctl.cli.config_defaults import defaults_of

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PORT = 5500  # as in protocol.py, which --help must not import

_PARAMETERS = {"password-file": "password_file", "key": "key_file"}
"""Keys of a named server whose parameter has another name."""


class NamedServer:
    """The values that ``--server`` stands for, by parameter."""

    def __init__(self, name: str, values: Mapping[str, Any], source: ParameterSource, *, has_port: bool) -> None:
        """Keep them; ``source`` is where ``--server`` was given, ``has_port`` whether it named a port."""
        self.name = name
        self.values = values
        self.source = source
        """Click orders these: the smaller one overrides."""
        self.has_port = has_port
        self.used: set[str] = set()
        """Parameters that took their value from here."""

    @property
    def others(self) -> list[str]:
        """The addresses of the servers after the first one, if that is used."""
        others: list[str] = self.values["others"]
        return others if {"host", "unix"} <= self.used else []


def named_server(ctx: click.Context) -> NamedServer | None:
    """Return what this command's ``--server`` stands for; None without one."""
    found = ctx.meta.get(_meta_key(ctx))
    return found if isinstance(found, NamedServer) else None


def _meta_key(ctx: click.Context) -> str:
    return f"chatctl.server {ctx.command_path}"  # ``config show`` parses several commands below one root


class FromServer(click.Option):
    """An option whose value ``--server`` may give."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Return its own value, or the server's where that is stronger."""
        value, source = super().consume_value(ctx, opts)
        named = named_server(ctx)
        if named is not None and self.name in named.values and named.source < source:
            named.used.add(self.name)
            value, source = named.values[self.name], named.source
        if self.name == "unix" and _overridden(ctx, source, ("host", "port")):
            return None, ParameterSource.DEFAULT
        of_named = named is not None and self.name in named.used & {"tls", "pin", "ca", "password_file"}
        if of_named and _overridden(ctx, source, ("host",)):
            return None, ParameterSource.DEFAULT  # they belong to another server than the one that is used
        return (value,) if self.multiple and isinstance(value, str) else value, source  # a file may have one value


def _overridden(ctx: click.Context, source: ParameterSource, names: tuple[str, ...]) -> bool:
    """Return whether one of ``names`` was given at a stronger place than ``source``."""
    named = named_server(ctx)
    given = [ctx.get_parameter_source(name) for name in names if named is None or name not in named.used]
    return any(one is not None and one < source for one in given)


def has_own_port(ctx: click.Context) -> bool:
    """Return whether a port was given, be it the default one."""
    named = named_server(ctx)
    if named is not None and "port" in named.used:
        return named.has_port
    return ctx.get_parameter_source("port") is not ParameterSource.DEFAULT


def server_option() -> Callable[[F], F]:
    """``--server``."""
    return click.option(
        "--server",
        metavar="NAME|HOST[:PORT],...",
        envvar="CHATCTL_SERVER",
        is_eager=True,
        callback=_use_server,
        shell_complete=completer("servers"),
        help="A server named in the configuration file, or its address: chat.example.org, [::1]:5500. Of several "
        "with the same rooms, with commas between them, the first that can be reached.",
    )


def _use_server(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Keep what ``--server`` stands for, before the other options are parsed: it is eager."""
    assert param.name is not None
    source = ctx.get_parameter_source(param.name)
    if text is None or source is None:
        return text
    table = _table(ctx, text)
    try:
        named = _of_list(ctx, text, source) if table is None else _of_table(text, source, table)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    ctx.meta[_meta_key(ctx)] = named
    return text


def _of_list(ctx: click.Context, text: str, source: ParameterSource) -> NamedServer:
    """Return what a list of addresses stands for: one, or several with commas between them. Raises ValueError."""
    from chatctl.client.core.address import names_port

    first, *others = (one.strip() for one in text.split(","))
    values = parse_server(first)
    if values is None:
        raise _no_server(first)
    for one in (first, *others) if others else ():
        if _table(ctx, one) is not None:
            raise ValueError(f"{one!r} is a name, and a list has addresses: [server.{one}] may have 'others'")
    return NamedServer(text, values | {"others": _checked(others)}, source, has_port=names_port(first))


def _of_table(name: str, source: ParameterSource, table: Mapping[str, Any]) -> NamedServer:
    """Return what a server in the configuration file stands for. Raises ValueError."""
    others = _checked([one.strip() for one in table["others"].split(",")] if table.get("others") else [])
    values = {"host": "127.0.0.1", "port": DEFAULT_PORT, "unix": None, **table, "others": others}
    return NamedServer(name, values, source, has_port="port" in table)


def _checked(others: list[str]) -> list[str]:
    for one in others:
        if parse_server(one) is None:
            raise _no_server(one)
    return others


def _no_server(text: str) -> ValueError:
    return ValueError(f"{text!r} is not a server: write a name, HOST, HOST:PORT or [::1]:PORT")


def _table(ctx: click.Context, name: str) -> dict[str, Any] | None:
    """Return the server's table in the configuration file, by parameter; None if it has none of that name."""
    table = defaults_of(ctx).config.servers.get(name) if not ctx.resilient_parsing else None
    return None if table is None else {_PARAMETERS.get(key, key): value for key, value in table.items()}


def parse_server(text: str) -> dict[str, Any] | None:
    """Return host, port and unix socket of an address as ``parse_address`` takes it; None if it is not one."""
    from chatctl.client.core.address import parse_address

    try:
        found = parse_address(text)
    except ValueError:
        return None
    return {"host": found.host, "port": found.port, "unix": found.unix}

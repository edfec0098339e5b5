"""``--server``: one word for host and port, and for what a named server of the configuration file says.

Its values are as strong as ``--server`` is where it was given; an option given at the same place or a stronger one goes
over them. So ``--server work`` goes over CHATCTL_HOST, and ``--server work --room ops`` is that server's room ``ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from chatctl.cli.completers import known

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_PORT = 5500  # as in protocol.py, which --help must not import

_PARAMETERS = {"password-file": "password_file", "key": "key_file"}
"""Keys of a named server that commands know under another name."""

_STRENGTH = (
    ParameterSource.DEFAULT,
    ParameterSource.DEFAULT_MAP,
    ParameterSource.ENVIRONMENT,
    ParameterSource.COMMANDLINE,
)


class Named:
    """What ``--server`` stands for: values by parameter, and where it was given. ``used`` are those that counted."""

    def __init__(self, name: str, values: Mapping[str, Any], source: ParameterSource, *, has_port: bool) -> None:
        """Have counted nowhere yet."""
        self.name = name
        self.values = values
        self.source = source
        self.has_port = has_port
        """Whether a port was written, rather than meant."""
        self.used: set[str] = set()


def strength(source: ParameterSource | None) -> int:
    """Give how strong a value of this source is; more is stronger."""
    return _STRENGTH.index(source) if source in _STRENGTH else 0


def named_server(ctx: click.Context) -> Named | None:
    """Give what this command's ``--server`` stands for, if there is one."""
    found = ctx.meta.get(f"chatctl.server.server {ctx.command_path}")
    return found if isinstance(found, Named) else None


class FromServer(click.Option):
    """An option that ``--server`` may answer."""

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Give its own value, or the server's where that is stronger."""
        value, source = super().consume_value(ctx, opts)
        named = named_server(ctx)
        if named is not None and self.name in named.values and strength(named.source) > strength(source):
            named.used.add(self.name)
            value, source = named.values[self.name], named.source
        if self.name == "unix" and _overruled(ctx, source, ("host", "port")):
            return None, ParameterSource.DEFAULT
        is_its_own = (
            named is not None and self.name in ("tls", "pin", "ca", "password_file") and self.name in named.used
        )
        if is_its_own and _overruled(ctx, source, ("host",)):
            return None, ParameterSource.DEFAULT  # it was said of another server than the one that is talked to
        return value, source


def _overruled(ctx: click.Context, source: ParameterSource, names: tuple[str, ...]) -> bool:
    """Tell whether a host or a port was given at a stronger place than this value was."""
    named = named_server(ctx)
    given = [ctx.get_parameter_source(name) for name in names if named is None or name not in named.used]
    return any(strength(one) > strength(source) for one in given)


def has_own_port(ctx: click.Context) -> bool:
    """Tell whether somebody wrote a port; else it is the default one."""
    named = named_server(ctx)
    if named is not None and "port" in named.used:
        return named.has_port
    return ctx.get_parameter_source("port") is not ParameterSource.DEFAULT


def server_option() -> Callable[[F], F]:
    """``--server``."""
    return click.option(
        "--server",
        metavar="NAME|HOST[:PORT]",
        envvar="CHATCTL_SERVER",
        is_eager=True,
        expose_value=False,
        callback=_use_server,
        shell_complete=known("servers"),
        help="A server named in the configuration file, or its address: chat.example.org, [::1]:5500.",
    )


def _use_server(ctx: click.Context, param: click.Parameter, text: str | None) -> None:
    assert param.name is not None
    source = ctx.get_parameter_source(param.name)
    if text is None or source is None:
        return
    from chatctl.client.core.address import names_port

    written = _table(ctx, text)
    values = parse_server(text) if written is None else address("127.0.0.1") | written
    if values is None:
        raise click.BadParameter(f"{text!r} is no server: write a name, HOST, HOST:PORT or [::1]:PORT", ctx, param)
    has_port = "port" in written if written is not None else names_port(text)
    ctx.meta[f"chatctl.server.server {ctx.command_path}"] = Named(text, values, source, has_port=has_port)


def _table(ctx: click.Context, name: str) -> dict[str, Any] | None:
    """Give what the configuration file says of a server, if it names it."""
    from chatctl.cli.config_defaults import defaults_of

    table = defaults_of(ctx).config.servers.get(name) if not ctx.resilient_parsing else None
    return None if table is None else {_PARAMETERS.get(key, key): value for key, value in table.items()}


def parse_server(text: str) -> dict[str, Any] | None:
    """Give what an address stands for, None if it is none: see ``parse_address``."""
    from chatctl.client.core.address import parse_address

    try:
        found = parse_address(text)
    except ValueError:
        return None
    return {"host": found.host, "port": found.port, "unix": found.unix}


def address(host: str) -> dict[str, Any]:
    """Give a whole address, so that no part of a weaker one is left in it."""
    return {"host": host, "port": DEFAULT_PORT, "unix": None}

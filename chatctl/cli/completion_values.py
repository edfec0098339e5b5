"""Values that Tab offers: servers and rooms from the configuration, rooms and nicknames of the server of the line.

Any failure offers nothing and prints nothing. A name that would act on a terminal is left out. Does not live here:
how each shell cuts words and quotes values (shell_completion.py).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

from chatctl.cli.config_defaults import defaults_of
from chatctl.cli.config_file import Config
from chatctl.cli.options import DEFAULT_ROOM, ServerOptions
from chatctl.cli.server_option import FromServer
from chatctl.common.names import check_nick, check_room
from chatctl.common.text import clean
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from chatctl.client.core.address import Address

ASK_SECONDS = 0.3
"""Longest time that Tab waits for a server, resolving its name included."""


def servers(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the servers that the configuration file names."""
    return _matching(_config(ctx).servers, incomplete)


def rooms(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the rooms that the environment and the configuration file name, and those of the server."""
    config, named = _config(ctx), [*os.environ.get("CHATCTL_ROOM", "").split(), DEFAULT_ROOM]
    for table in [*config.sections.values(), *config.servers.values()]:
        found = table.get("room", [])
        named += map(str, found if isinstance(found, list) else [found])
    with contextlib.suppress(Exception):
        named += _rooms(_server_and_room(ctx)[0])
    return _matching(_valid(named, check_room), incomplete)


def nicks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the members of the room and the server that the command line names."""
    found: list[str] = []
    with contextlib.suppress(Exception):  # a traceback has no place beside what is being typed
        found = _members(*_server_and_room(ctx))
    return _matching(_valid(found, check_nick), incomplete)


def commands(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the commands."""
    root = ctx.find_root().command
    return _matching(root.commands if isinstance(root, click.Group) else (), incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    fitting = {name for name in names if name.startswith(incomplete) and clean(name) == name}
    return sorted(name for name in fitting if name and name[0] != "-" and "\t" not in name)


def _config(ctx: click.Context) -> Config:
    with contextlib.suppress(Exception):
        return defaults_of(ctx).config
    return Config()


def _server_and_room(ctx: click.Context) -> tuple[Address, str]:
    """Return the server and the room as the command itself would resolve them: flag, variable, file, default.

    Raises what parsing raises.
    """
    assert ctx.parent is not None
    typed = _typed_options(ctx)
    with click.Context(ctx.command, parent=ctx.parent, info_name=ctx.info_name).scope() as line:
        for option in sorted(ctx.command.params, key=lambda one: not one.is_eager):
            if isinstance(option, FromServer) or option.name == "server":
                option.handle_parse_result(line, typed, [])
        # Without Click's marker for an option that was not given: only the end of its parsing makes that None.
        given = {name: value for name, value in line.params.items() if isinstance(value, str | int | tuple)}
        server = ServerOptions(line, given)
        return server.address(), server.room


def _typed_options(ctx: click.Context) -> dict[str, object]:
    """Return the options before the cursor. shell_completion.py keeps the words in the context's ``obj``."""
    root = ctx.find_root()
    words: list[str] = root.obj or []
    _, (_, *words), _ = root.command.make_parser(root).parse_args(list(words))
    return dict(ctx.command.make_parser(ctx).parse_args(words)[0])


def _rooms(address: Address) -> list[str]:
    from chatctl.client.io.blocking_transport import ask
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.requests import rooms

    return [row.name for row in ask(address, DEFAULT_ROOM, "probe", rooms, deadline_in(ASK_SECONDS))]


def _members(address: Address, room: str) -> list[str]:
    from chatctl.client.io.blocking_transport import ask
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.requests import member_nicks

    return ask(address, room, "probe", member_nicks, deadline_in(ASK_SECONDS))


def _valid(names: Iterable[str], check: Callable[[str], str]) -> Iterator[str]:
    """Yield the names that pass ``check``: a server may send anything."""
    for name in names:
        with contextlib.suppress(ChatError):
            yield check(name)

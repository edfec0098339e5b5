"""What Tab offers where an option's value is known: servers of the configuration, rooms, who is in the room.

Whatever fails, nothing is offered and nothing is said. A name that would act on a terminal is left out; quoting the
others is the business of shells.py.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from chatctl.cli.config_file import Config
    from chatctl.client.core.address import Address

ASK_SECONDS = 0.3
"""How long a server may keep Tab waiting, the look-up of its name included."""


def servers(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the servers that the configuration file names."""
    return _offer(_config(ctx).servers, incomplete)


def rooms(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the rooms that the environment and the configuration file name. No server tells which it has."""
    from chatctl.cli.options import DEFAULT_ROOM
    from chatctl.common.names import check_room

    config = _config(ctx)
    tables = [*config.sections.values(), *config.servers.values()]
    named = [os.environ.get("CHATCTL_ROOM"), *(table.get("room") for table in tables), DEFAULT_ROOM]
    return _offer(_valid([str(room) for room in named if room], check_room), incomplete)


def nicks(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give who is in the room that this line means, on the server that it means."""
    from threading import Thread

    from chatctl.common.names import check_nick

    found: list[str] = []

    def ask(address: Address, room: str) -> None:
        with contextlib.suppress(Exception):  # a traceback has no place beside what is being typed
            found.extend(_members(address, room))

    with contextlib.suppress(Exception):
        # In a thread: nothing else bounds the look-up of a host's name.
        thread = Thread(target=ask, args=_where(ctx), daemon=True)
        thread.start()
        thread.join(ASK_SECONDS)
    return _offer(_valid(found, check_nick), incomplete)


def commands(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Give the commands."""
    root = ctx.find_root().command
    return _offer(root.commands if isinstance(root, click.Group) else (), incomplete)


def _offer(names: Iterable[str], incomplete: str) -> list[str]:
    from chatctl.common.text import clean

    fitting = {name for name in names if name.startswith(incomplete) and clean(name) == name}
    return sorted(name for name in fitting if name and name[0] != "-" and "\t" not in name)


def _config(ctx: click.Context) -> Config:
    from chatctl.cli.config_defaults import defaults_of
    from chatctl.cli.config_file import Config

    with contextlib.suppress(Exception):
        return defaults_of(ctx).config
    return Config()


def _where(ctx: click.Context) -> tuple[Address, str]:
    """Give the server and the room, as the command would take them: flag, variable, file, default.

    Raises what parsing raises.
    """
    from chatctl.cli.options import address_of
    from chatctl.cli.server_option import FromServer

    assert ctx.parent is not None
    typed = _typed(ctx)
    with click.Context(ctx.command, parent=ctx.parent, info_name=ctx.info_name).scope() as line:
        for option in sorted(ctx.command.params, key=lambda one: not one.is_eager):
            if isinstance(option, FromServer) or option.name == "server":
                option.handle_parse_result(line, typed, [])
        address = address_of(line.params["host"], line.params["port"], line.params["unix"])
        return address, line.params["room"]


def _typed(ctx: click.Context) -> dict[str, object]:
    """Give the options that stand on the line before the cursor; shells.py puts its words there."""
    root = ctx.find_root()
    words: list[str] = root.obj or []
    _, (_, *words), _ = root.command.make_parser(root).parse_args(list(words))
    return dict(ctx.command.make_parser(ctx).parse_args(words)[0])


def _members(address: Address, room: str) -> list[str]:
    from chatctl.client.io.blocking_connection import BlockingConnection
    from chatctl.client.io.blocking_transport import drive
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.requests import member_nicks
    from chatctl.protocol import VERSION, Hello

    deadline = deadline_in(ASK_SECONDS)
    with BlockingConnection(address, Hello(v=VERSION, room=room, mode="probe"), deadline) as connection:
        return drive(member_nicks(connection, deadline))


def _valid(names: Iterable[str], check: Callable[[str], str]) -> Iterator[str]:
    """Leave out what no command would take: a server may send anything."""
    from chatctl.errors import ChatError

    for name in names:
        with contextlib.suppress(ChatError):
            yield check(name)

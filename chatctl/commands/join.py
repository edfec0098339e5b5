"""``chatctl join``: talk in the room."""

from __future__ import annotations

import click

from chatctl.commands.options import nick_option, server_options


@click.command()
@server_options()
@nick_option()
def join(host: str, port: int, unix: str | None, room: str, nick: str | None) -> None:
    """Join."""

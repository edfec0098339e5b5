"""``chatctl who``: who is in the room."""

from __future__ import annotations

import click

from chatctl.commands.options import json_option, server_options, timeout_option


@click.command()
@click.argument("name", required=False)
@server_options()
@timeout_option()
@json_option()
def who(name: str | None, host: str, port: int, unix: str | None, room: str, timeout: float, as_json: bool) -> None:
    """Print who is in the room: nickname, since when, idle for how long.

    With NAME, only that member; the exit code tells whether they are here.

    \b
    Examples:
      chatctl who
      chatctl who nadia && chatctl send "nadia: the build is green"

    \b
    Exit codes:
      0 done   2 usage   3 nobody there   6 no such room   7 not a chatctl server
      8 NAME is not here, or the deadline passed
    """
    from chatctl.client.ask import roster
    from chatctl.client.blocking import Connection, Deadline
    from chatctl.commands.options import address_of
    from chatctl.commands.output import emit, emit_json, moment
    from chatctl.errors import ConditionNotMet
    from chatctl.protocol import VERSION, Hello
    from chatctl.text import clean, fold_nick

    deadline = Deadline.after(timeout)
    wanted = fold_nick(name) if name is not None else None
    with Connection(address_of(host, port, unix), Hello(v=VERSION, room=room, mode="watch"), deadline) as connection:
        rows = roster(connection, deadline).members
    if wanted is not None:
        rows = [row for row in rows if fold_nick(row.nick) == wanted]
    for row in rows:
        if as_json:
            emit_json(row)
        else:
            emit(f"{clean(row.nick):<20} {moment(row.since)}  idle {row.idle:.0f} s")
    if wanted is not None and not rows:
        raise ConditionNotMet(f"{name} is not here")

"""``chatctl who``: who is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.completers import completer
from chatctl.cli.help_pages import Command
from chatctl.cli.options import ServerOptions, json_option, server_options, timeout_option
from chatctl.cli.output import emit_lines, note
from chatctl.errors import ConditionNotMet

if TYPE_CHECKING:
    from chatctl.client.core.address import Address

TIMEOUT = 5.0
"""Seconds for a look at the roster, and for connecting, by default."""


@click.command(cls=Command)
@click.argument("name", required=False, shell_complete=completer("nicks"))
@click.option("--count", is_flag=True, help="Print only the number of members.")
@click.option("--rooms", is_flag=True, help="Print the rooms instead, and the number of members of each.")
@click.option("--watch", is_flag=True, help="Print joins, leaves and renames as they happen.")
@timeout_option(None, "Give up after this long: 300ms, 5s, 2m.  [default: 5s; with --watch never]")
@json_option()
@server_options()
def who(
    server: ServerOptions,
    name: str | None,
    count: bool,
    rooms: bool,
    watch: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Print who is in the room, since when, and idle for how long.

    Prints a table on a terminal; in a pipe one member per line: nickname, date and time, seconds idle. With NAME only
    that member; the exit code says whether they are in the room. --json adds the fingerprint of the key that each has
    proved ("key", null without one): a nickname does not prove who someone is.

    --rooms prints one line per room: its name, number of members, number of its last message, and topic.

    --watch prints one line per change (date and time, join, leave or rename, nickname, after a rename the new one), and
    reconnects after a restart of the server.

    \b
    Examples:
      chatctl who
      chatctl who nadia && chatctl send "nadia: the build is green"
      chatctl who --json | jq -r 'select(.idle > 3600) | .nick'
      chatctl who --rooms
      chatctl who --watch nadia | while read -r _ what _; do echo "$what"; done

    \b
    Exit codes:
      0 done, or the reader of our output has closed it   2 usage
      3 no server there   5 NAME can't be one, or password refused
      6 no such room; the server is too old for --rooms
      7 not a chatctl server
      8 NAME is not in the room, or the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the known servers
    """
    from chatctl.client import requests
    from chatctl.client.io.blocking_transport import ask
    from chatctl.client.io.clock import deadline_in
    from chatctl.commands.who.formats import count_line, room_lines, roster_lines
    from chatctl.common.names import fold_any, fold_nick

    if watch and count:
        raise click.UsageError("--count is one number, --watch has no end: choose one")
    if rooms and (name is not None or count or watch):
        raise click.UsageError("--rooms tells of rooms, not of people: leave NAME, --count and --watch out")
    address, wanted = server.address(), fold_nick(name) if name is not None else None
    if watch:
        _watch(address, server.room, wanted, timeout, as_json)
        return
    deadline = deadline_in(TIMEOUT if timeout is None else timeout)
    if rooms:
        emit_lines(room_lines(ask(address, server.room, "watch", requests.rooms, deadline), as_json), as_json=as_json)
        return
    roster = ask(address, server.room, "watch", requests.roster, deadline)
    rows = [row for row in roster.members if wanted is None or fold_any(row.nick) == wanted]
    lines = [count_line(len(rows), roster.watchers, as_json)] if count else roster_lines(rows, as_json)
    emit_lines(lines, as_json=as_json)
    if wanted is not None and not rows:
        raise ConditionNotMet(f"{name} is not here")


def _watch(address: Address, room: str, wanted: str | None, timeout: float | None, as_json: bool) -> None:
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.presence import PresenceWatch
    from chatctl.commands.who.formats import change_line
    from chatctl.common.names import fold_any

    deadline = deadline_in(timeout)
    with PresenceWatch(address, room, note) as watch:
        watch.open(deadline.sooner(TIMEOUT))
        for change in watch.changes(deadline):
            if wanted is None or wanted in (fold_any(change.nick), fold_any(change.old)):
                emit_lines([change_line(change, as_json)], as_json=as_json)

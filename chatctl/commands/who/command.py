"""``chatctl who``: who is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.completers import completer
from chatctl.cli.options import ServerOptions, json_option, server_options, timeout_option
from chatctl.cli.output import emit_lines, note
from chatctl.errors import ConditionNotMet

if TYPE_CHECKING:
    from chatctl.client.core.address import Address

TIMEOUT = 5.0
"""Seconds for a look at the roster, and for connecting, by default."""


@click.command()
@click.argument("name", required=False, shell_complete=completer("nicks"))
@server_options()
@click.option("--count", is_flag=True, help="Print only how many there are.")
@click.option("--rooms", is_flag=True, help="Print which rooms there are instead, and how many are in each.")
@click.option("--watch", is_flag=True, help="Print who comes, goes and is renamed from now on, as it happens.")
@timeout_option(None, "Give up after this long: 300ms, 5s, 2m.  [default: 5s; with --watch never]")
@json_option()
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

    A table on a terminal; in a pipe one member a line: nickname, date and time, seconds idle. With NAME,
    only that member; the exit code tells whether they are here. With --json also the fingerprint of the key
    that each has proved ("key", null without one): a nickname alone is no proof of a person.

    --rooms prints a line a room: its name, how many are in it, the number of its last message, and its topic.

    --watch prints a line a change (date and time, join, leave or rename, nickname, for a rename the new one), and
    survives a server's restart.

    \b
    Examples:
      chatctl who
      chatctl who nadia && chatctl send "nadia: the build is green"
      chatctl who --json | jq -r 'select(.idle > 3600) | .nick'
      chatctl who --rooms
      chatctl who --watch nadia | while read -r _ what _; do echo "$what"; done

    \b
    Exit codes:
      0 done, or nobody reads our output any more   2 usage   3 nobody there
      5 NAME can't be one, or password refused
      6 no such room; the server is too old for --rooms
      7 not a chatctl server
      8 NAME is not here, or the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where known servers are kept
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

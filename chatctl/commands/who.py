"""``chatctl who``: who is here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.completers import known
from chatctl.cli.options import json_option, server_options, timeout_option

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.presence import Change
    from chatctl.protocol import Roster, RosterRow

TIMEOUT = 5.0
"""Seconds for a look at the roster where nothing says how many."""


@click.command()
@click.argument("name", required=False, shell_complete=known("nicks"))
@server_options()
@click.option("--count", is_flag=True, help="Print only how many there are.")
@click.option("--watch", is_flag=True, help="Print who comes, goes and is renamed from now on, as it happens.")
@timeout_option(None, "Give up after this long: 300ms, 5s, 2m.  [default: 5s; with --watch never]")
@json_option()
def who(
    name: str | None,
    host: str,
    port: int,
    unix: str | None,
    room: str,
    count: bool,
    watch: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Print who is in the room, since when, and idle for how long.

    A table on a terminal; in a pipe one member a line: nickname, date and time, seconds idle. With NAME,
    only that member; the exit code tells whether they are here. With --json also the fingerprint of the key
    that each has proved ("key", null without one): a nickname alone is no proof of a person.

    --watch prints a line a change (date and time, join, leave or rename, nickname, for a rename the new one), and
    survives a server's restart.

    \b
    Examples:
      chatctl who
      chatctl who nadia && chatctl send "nadia: the build is green"
      chatctl who --json | jq -r 'select(.idle > 3600) | .nick'
      chatctl who --watch nadia | while read -r _ what _; do echo "$what"; done

    \b
    Exit codes:
      0 done, or nobody reads our output any more   2 usage   3 nobody there
      5 NAME can't be one, or password refused   6 no such room
      7 not a chatctl server
      8 NAME is not here, or the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where known servers are kept
    """
    from chatctl.cli.options import address_of
    from chatctl.common.names import fold_any, fold_nick
    from chatctl.errors import ConditionNotMet

    if watch and count:
        raise click.UsageError("--count is one number, --watch has no end: choose one")
    address, wanted = address_of(host, port, unix), fold_nick(name) if name is not None else None
    if watch:
        _watch(address, room, wanted, timeout, as_json)
        return
    found = _look(address, room, TIMEOUT if timeout is None else timeout)
    rows = [row for row in found.members if wanted is None or fold_any(row.nick) == wanted]
    if count:
        _print_count(len(rows), found.watchers, as_json)
    else:
        _print_rows(rows, as_json)
    if wanted is not None and not rows:
        raise ConditionNotMet(f"{name} is not here")


def _look(address: Address, room: str, timeout: float) -> Roster:
    from chatctl.client.io.blocking_connection import BlockingConnection
    from chatctl.client.io.blocking_transport import drive
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.requests import roster
    from chatctl.protocol import VERSION, Hello

    deadline = deadline_in(timeout)
    with BlockingConnection(address, Hello(v=VERSION, room=room, mode="watch"), deadline) as connection:
        return drive(roster(connection, deadline))


def _print_count(number: int, watchers: int, as_json: bool) -> None:
    from chatctl.cli.output import emit

    others = max(0, watchers - 1)  # ourselves are one
    emit(f'{{"count":{number},"watchers":{others}}}' if as_json else str(number))


def _print_rows(rows: list[RosterRow], as_json: bool) -> None:
    from chatctl.cli.output import emit, emit_json
    from chatctl.common.text import clean

    if as_json:
        from msgspec.structs import asdict

        for row in rows:
            emit_json(asdict(row))  # with the key of who proved none, which the wire leaves out
    elif sys.stdout is not None and sys.stdout.isatty():
        for line in table(rows):
            emit(line)
    else:
        for row in rows:
            emit(f"{clean(row.nick)} {_stamp(row.since)} {row.idle:.0f}")


def table(rows: list[RosterRow]) -> list[str]:
    """Give the lines of a table for a person; nothing at all if nobody is here."""
    from chatctl.cli.output import moment
    from chatctl.common.text import clean

    cells = [("NICK", "SINCE", "IDLE")]
    cells += [(clean(row.nick), moment(row.since), _idle(row.idle)) for row in rows]
    wide = max(_width(nick) for nick, _, _ in cells)
    lines = [f"{nick}{' ' * (wide - _width(nick))}  {since:<19}  {idle}" for nick, since, idle in cells]
    return lines if rows else []


def _idle(seconds: float) -> str:
    from chatctl.common.durations import span

    return span(seconds, parts=1 if seconds < 3600 else 2)


def _width(text: str) -> int:
    """Give how many columns a terminal takes for it."""
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _stamp(seconds: float) -> str:
    """Give a Unix time as one word: local date, time and zone."""
    from chatctl.common.times import local

    return local("%Y-%m-%dT%H:%M:%S%z", seconds)


def _watch(address: Address, room: str, wanted: str | None, timeout: float | None, as_json: bool) -> None:
    from chatctl.cli.output import emit, emit_json, note
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.presence import PresenceWatch
    from chatctl.common.names import fold_any

    deadline = deadline_in(timeout)
    with PresenceWatch(address, room, note) as watch:
        watch.open(deadline.sooner(TIMEOUT))
        for change in watch.changes(deadline):
            if wanted is not None and wanted not in (fold_any(change.nick), fold_any(change.old)):
                continue
            if as_json:
                emit_json(change)
            else:
                emit(_change_line(change))


def _change_line(change: Change) -> str:
    from chatctl.common.text import clean

    names = f"{clean(change.old)} {clean(change.nick)}" if change.old else clean(change.nick)
    return f"{_stamp(change.time)} {change.type} {names}"

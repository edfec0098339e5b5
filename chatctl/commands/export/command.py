"""``chatctl export``: print a room's whole log, to keep or to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import (
    ServerOptions,
    choice_option,
    no_typed_password,
    schema_option,
    server_options,
    timeout_option,
)
from chatctl.cli.output import emit_lines
from chatctl.cli.param_types import JOURNAL_OR_URI, MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chatctl.protocol import Msg


@click.command(cls=Command)
@click.option(
    "--journal",
    type=JOURNAL_OR_URI,
    metavar="PATH|URI",
    callback=no_typed_password,
    help="Read this journal instead of asking a server: a file that no server has open, or postgresql://..., also a "
    "standby.",
)
@schema_option("Schema of the PostgreSQL database.")
@click.option(
    "--since", type=MOMENT, metavar="MOMENT", help="Only messages from this time on: 2h (ago), 14:30, 2026-01-31."
)
@click.option("--until", type=MOMENT, metavar="MOMENT", help="Only messages up to this time, in the same forms.")
@choice_option(
    "--format",
    "form",
    choices=["jsonl", "text", "html"],
    default="jsonl",
    help="Output format; html is a single page without other files.",
)
@timeout_option(None, "Exit with 8 after this long.  [default: never; an answer may take a minute]")
@server_options()
def export(
    server: ServerOptions,
    journal: Path | str | None,
    journal_schema: str | None,
    since: float | None,
    until: float | None,
    form: str,
    timeout: float | None,
) -> None:
    """Print all messages of a room.

    Asks the server, or reads a journal. Times in text and html are local, with their zone.

    \b
    Examples:
      chatctl export --since 7d --format html > week.html
      chatctl export --journal backup.db --format text

    \b
    Exit codes:
      0 done   1 the file can't be read   2 usage   3 no server there
      5 password refused   6 no such room   7 not a chatctl server
      8 the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the known servers
    """
    from chatctl.commands.export.formats import export_lines

    if journal is not None:
        found = _from_journal(journal, journal_schema, server.room, since, until, timeout)
    else:
        found = _from_server(server, since, until, timeout)
    wanted = (msg for msg in found if (since is None or msg.time >= since) and (until is None or msg.time < until))
    emit_lines(export_lines(wanted, form, server.room), as_json=form == "jsonl")


def _from_journal(
    journal: Path | str,
    schema: str | None,
    room: str,
    since: float | None,
    until: float | None,
    timeout: float | None,
) -> Iterator[Msg]:
    from chatctl.client.io.clock import deadline_in

    deadline = deadline_in(timeout)

    def is_over() -> bool:
        return deadline.at is not None and deadline.now() >= deadline.at

    if isinstance(journal, str):
        from chatctl.common.journal_uri import DEFAULT_SCHEMA, PostgresPlace
        from chatctl.journal.postgres import extra

        with extra():
            from chatctl.journal.postgres.transfer import read_schema
        return read_schema(PostgresPlace(journal, schema or DEFAULT_SCHEMA), room, since, until, is_over=is_over)
    from chatctl.journal.offline import read_offline

    return read_offline(journal, room, since, until, is_over=is_over)


def _from_server(
    server: ServerOptions, since: float | None, until: float | None, timeout: float | None
) -> Iterator[Msg]:
    from chatctl.client.core.subscription import CONNECT_SECONDS
    from chatctl.client.io.blocking_transport import connect, each
    from chatctl.client.io.clock import deadline_in
    from chatctl.client.requests import entries_between
    from chatctl.protocol import VERSION, Hello

    deadline = deadline_in(timeout)
    hello = Hello(v=VERSION, room=server.room, mode="watch")
    connecting = deadline.sooner(CONNECT_SECONDS) if timeout is None else deadline
    with connect(server.address(), hello, connecting) as connection:
        yield from each(entries_between(connection, since, until, deadline))

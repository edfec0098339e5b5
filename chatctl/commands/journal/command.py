"""``chatctl journal``: what is done to a journal that no server has open."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Group
from chatctl.cli.options import no_typed_password, schema_option
from chatctl.cli.output import emit
from chatctl.cli.param_types import JOURNAL_OR_URI

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.journal.moving import Ends


@click.group(cls=Group)
def journal() -> None:
    """Move a journal from a file into a database, or back.

    \b
    Examples:
      chatctl journal copy rooms.db "postgresql://chat@db/chat"

    \b
    Exit codes:
      0 done   1 could not be done (the line says why)   2 usage
      130 interrupted   143 terminated

    \b
    Environment:
      PGPASSFILE PGSERVICE   and other variables of libpq
    """


@journal.command()
@click.argument("source", type=JOURNAL_OR_URI, metavar="FROM", callback=no_typed_password)
@click.argument("target", type=JOURNAL_OR_URI, metavar="TO", callback=no_typed_password)
@schema_option("Schema of the PostgreSQL database.")
def copy(source: Path | str, target: Path | str, journal_schema: str | None) -> None:
    """Copy all of a journal into a new one.

    FROM is a file and TO is postgresql://..., or the other way round. Message numbers, owners of names and ids are
    copied, so clients that reconnect continue where they were. Stop all servers first, and start them with TO. FROM is
    not changed; if a server opens it again, clients are told that its log is another one. TO must be new or empty; a
    schema that a server has opened once is not. To continue an interrupted copy, run the same command again.

    \b
    Examples:
      chatctl journal copy rooms.db "postgresql://chat@db/chat"
      chatctl journal copy "postgresql://chat@db/chat" rooms.db

    \b
    Exit codes:
      0 done   1 could not be done (the line says why)   2 usage
      130 interrupted, 143 terminated: run it again

    \b
    Environment:
      PGPASSFILE PGSERVICE   and other variables of libpq
    """
    from chatctl.journal.moving import move

    ends = _ends(source, target, journal_schema)
    with click.progressbar(length=1, label="copying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def advance(numbers: int, of: int) -> None:
            bar.length = of
            bar.update(numbers)

        state = move(ends, advance)
    emit(f"messages copied: {state.messages}, rooms: {len(state.rooms)}")


def _ends(source: Path | str, target: Path | str, schema: str | None) -> Ends:
    """Return the two places. Raises UsageError: they are not of different kinds."""
    from pathlib import Path

    from chatctl.common.journal_uri import DEFAULT_SCHEMA, PostgresPlace

    if isinstance(source, str) == isinstance(target, str):
        raise click.UsageError("one of the two is a file, the other postgresql://... ('chatctl backup' copies a file)")
    schema = schema or DEFAULT_SCHEMA
    if isinstance(source, str):
        return PostgresPlace(source, schema), Path(target)
    return source, PostgresPlace(str(target), schema)

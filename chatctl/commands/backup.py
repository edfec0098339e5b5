"""``chatctl backup``: copy a journal, while the server runs or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import no_typed_password, schema_option, timeout_option
from chatctl.cli.param_types import JOURNAL_OR_URI, FilePath
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@click.argument("path", type=FilePath(dir_okay=False))
@click.option(
    "--journal",
    type=JOURNAL_OR_URI,
    metavar="PATH|URI",
    envvar="CHATCTL_JOURNAL",
    callback=no_typed_password,
    help="The journal to copy, or postgresql://...  [default: rooms.db in the state directory]",
)
@schema_option("Schema of the PostgreSQL database.")
@click.option(
    "--admin-socket",
    type=FilePath(),
    envvar="CHATCTL_ADMIN_SOCKET",
    help="The server's admin socket.  [default: next to the journal]",
)
@timeout_option("10m")
def backup(
    path: Path, journal: Path | str | None, journal_schema: str | None, admin_socket: Path | None, timeout: float
) -> None:
    """Copy all rooms into the new file PATH.

    Asks the running server, without stopping it, or copies a journal that no server has open. The copy is complete and
    consistent; a plain cp is not. To restore it, stop the server and replace the journal by the copy: clients are told
    that the log is another one. A journal in PostgreSQL is copied into a file, too; 'chatctl journal copy' copies that
    back into a database.

    \b
    Examples:
      chatctl backup "/var/backups/chat-$(date +%F).db"
      chatctl backup --journal /srv/chat/rooms.db copy.db
      chatctl backup --journal "postgresql://chat@db/chat" copy.db

    \b
    Exit codes:
      0 done   1 could not be done (the line says why)   2 usage
      4 the server gave no answer: the copy may or may not be there
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_JOURNAL CHATCTL_ADMIN_SOCKET CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   the state directory, instead of the platform's
    """
    from chatctl.client.admin_socket import ask_server
    from chatctl.common.file_reads import absence
    from chatctl.common.journal_uri import DEFAULT_SCHEMA, PostgresPlace
    from chatctl.common.paths import default_journal
    from chatctl.journal.sqlite import backup_file

    if isinstance(journal, str):
        from chatctl.journal.postgres import extra

        with extra():
            from chatctl.journal.postgres.transfer import backup_schema
        backup_schema(PostgresPlace(journal, journal_schema or DEFAULT_SCHEMA), path)
        return
    source = journal or default_journal()
    if ask_server(source, "backup", timeout, at=admin_socket, path=str(path.absolute())) is None:
        backup_file(source, path)
    elif isinstance(absence(path), FileNotFoundError):  # or it is where the server may look, and we may not
        why = "a service has a /tmp of its own, name another folder"
        raise ChatError(f"the server made {path}, and it is not here: {why}")

"""Backups: copies of the journal that can be put in its place.

Lives here: creating, sealing and naming the copy's file. Does not live here: copying the live database (store.py).
A copy is marked: opened as a journal it gets new epochs, because the original log has gone on without it. Until it is
complete it is in a folder of its own: SQLite opens other files beside it by their names, and no link can be there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from chatctl.common.files import create_file, draft_folder, publish, remove_draft_folder, sync_folder
from chatctl.errors import ChatError, reason_of
from chatctl.journal.schema import connect, insist_on_journal
from chatctl.journal.store import mark_as_copy


def begin(path: Path) -> Path:
    """Create and return the empty file (0600) that the copy is written to until it is complete; ``discard`` it then.

    Raises:
        ChatError: the backup is there already, or can't be made there.
    """
    folder = path.with_name(path.name + ".partial")
    partial = folder / "copy.db"
    try:
        if path.exists():
            raise _taken(path)
        if not path.absolute().parent.is_dir():  # a volume that is not mounted, or a slip of the keyboard
            raise ChatError(f"cannot write the backup {path}: there is no folder {path.absolute().parent}")
        draft_folder(folder)
        create_file(partial, b"", durable=False)
    except OSError as error:
        raise unwritable(path, error) from None
    return partial


def finish(partial: Path, path: Path) -> None:
    """Mark the copy, sync it, and give it its final name.

    Raises:
        ChatError: it could not be written, or the name was taken meanwhile.
    """
    try:
        with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, no WAL beside it
            mark_as_copy(copy)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        publish(partial, path)
        sync_folder(path.parent)
    except FileExistsError:
        raise _taken(path) from None
    except (OSError, sqlite3.Error) as error:
        raise unwritable(path, error) from None


def discard(partial: Path) -> None:
    """Remove an incomplete copy, if there is one, and its folder."""
    with contextlib.suppress(OSError):
        remove_draft_folder(partial.parent)


def backup_file(source: Path, path: Path) -> None:
    """Copy a journal that no server has open.

    Raises:
        ChatError: a server has it open, it is no journal, or the backup can't be made.
    """
    insist_on_journal(source)
    db = connect(source)
    try:
        partial = begin(path)
        try:
            with contextlib.closing(sqlite3.connect(partial)) as copy:
                db.backup(copy)
            finish(partial, path)
        except sqlite3.Error as error:
            raise unwritable(path, error) from None
        finally:
            discard(partial)
    finally:
        db.close()


def _taken(path: Path) -> ChatError:
    return ChatError(f"{path} already exists: a backup does not overwrite files")


def unwritable(path: Path, error: OSError | sqlite3.Error) -> ChatError:
    """Return the error for a backup that could not be written."""
    return ChatError(f"cannot write the backup {path}: {reason_of(error)}")

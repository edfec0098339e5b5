"""Errors of the engine: what each means for those who wait, and the lines that report them.

Lives here: which errors leave an outcome unknown, which are temporary. Does not live here: how they are handled
(writer.py). Source: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import re

import psycopg

from chatctl.common.crash_log import record
from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.text import clean
from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import ChangedMeanwhile
from chatctl.journal.postgres.layout import CONFLICT
from chatctl.journal.work import RETRY_AFTER, JournalLost

_UNFIT = ("25006", "42501")
"""Read-only, since it became a standby, for one; no privilege, since somebody has revoked it."""

_TEMPORARY_CLASSES = (*_UNFIT, "25", "40", "53", "55", "57", "58")
"""Read-only or in recovery, deadlocks, no space or memory, locks, an operator who intervened, files: the transaction
was rolled back, and a later one may succeed."""

_REMEDIES = {
    "root certificate file": "name the authority that signed the server's certificate with sslrootcert",
    "certificate verify failed": "it has expired, or sslrootcert does not name the authority that signed it",
    "does not match host name": "name the host as its certificate does; hostaddr may say where it is",
    "server does not support ssl": "set ssl = on in postgresql.conf",
    "requires a valid client certificate": "name one with sslcert, and its key with sslkey",
    "certificate authentication failed": "the certificate has to be for the role, or for a name in pg_ident.conf",
    "alert unknown ca": "ssl_ca_file of the engine does not name the authority that signed the client's certificate",
    "alert certificate expired": "the client's certificate: sslcert has to name a newer one",
    "private key file": "sslkey has to name the key of sslcert, which only you may read: chmod 600",
    "channel binding required": "it needs TLS, and a password of scram-sha-256",
    'relation "': "it was removed: restore the schema {schema}, or name another one with --journal-schema",
    "password authentication failed": "check PGPASSFILE, ~/.pgpass or PGPASSWORD",
    "no password supplied": "name a file of passwords, which only you may read, with PGPASSFILE, or use ~/.pgpass",
    "definition of service": "correct ~/.pg_service.conf, or name another file with PGSERVICEFILE",
    "service file": "name it with PGSERVICEFILE",
    "does not exist": "create it, or correct the URI",
    "no encryption": "add sslmode=verify-full, or allow it in pg_hba.conf",
    "no pg_hba.conf entry": "allow it in pg_hba.conf",
    "permission denied for database": "create the schema as its owner: CREATE SCHEMA {schema} AUTHORIZATION role",
    "permission denied for schema": "the role has to own the schema: ALTER SCHEMA {schema} OWNER TO role",
    "permission denied for": "the role has to own all that is in the schema {schema}",
    "too many ": "a server takes three connections: raise max_connections, or the role's CONNECTION LIMIT",
    "connection slots are reserved": "a server takes three connections: raise max_connections",
    "is not accepting connections": "wait until it has started",
    "could not translate host name": "check the host in the URI",
    "connection refused": "is it running there?",
    "no such file or directory": "is it running there?",
    "session is read-only": "it is a standby: start the primary, or promote one",
}
"""What to do about an error, by a part of its text: the first of them that it has."""

AGAIN_AFTER = 0.1
"""Seconds after which somebody may try again whom another server was quicker than."""


class EngineUnfit(Exception):
    """The engine answers, and nothing can be stored there now, for the reason that is its text. It crosses the wire."""


def is_lost(db: psycopg.Connection[object] | None) -> bool:
    """Return whether a connection can't be used any more, so that what it did last is unknown."""
    return db is None or db.closed or db.broken


def is_temporary(error: BaseException) -> bool:
    """Return whether the engine refused a change that a later call may be able to make."""
    return isinstance(error, psycopg.Error) and (error.sqlstate or "").startswith(_TEMPORARY_CLASSES)


def is_unfit(error: BaseException) -> bool:
    """Return whether the engine takes nothing more on this connection, and a new one finds out why."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _UNFIT


def is_conflict(error: BaseException) -> bool:
    """Return whether another server has changed the same facts meanwhile."""
    return isinstance(error, psycopg.Error) and error.sqlstate == CONFLICT


def storage_failed(error: BaseException) -> StorageFailed:
    """Return the error for those whose change was not made. It names no place: it crosses the wire."""
    if is_conflict(error):
        return ChangedMeanwhile("another server has changed it at the same moment: try again", retry_after=AGAIN_AFTER)
    if not is_temporary(error):
        return StorageFailed(f"this can't be stored: {type(error).__name__}")
    full = isinstance(error, psycopg.errors.DiskFull)
    why = (
        "the disk of the server's database is full" if full else f"the server's database refuses ({_first_line(error)})"
    )
    return StorageFailed(f"{why}: nothing was stored, try again later", retry_after=RETRY_AFTER)


def out_of_reach(unfit: EngineUnfit | None) -> StorageFailed:
    """Return the error for those whose change never reached the engine; ``unfit``: why, if it answers."""
    why = "can't reach its database" if unfit is None else f"can't use its database ({unfit})"
    return StorageFailed(f"the server {why}: nothing was stored, try again later", retry_after=RETRY_AFTER)


def read_failed(error: BaseException | None = None) -> StorageFailed:
    """Return the error for a reader. It names no place: it crosses the wire."""
    why = "can't reach its database" if error is None else f"can't read its database: {_first_line(error)}"
    return StorageFailed(f"the server {why}", retry_after=RETRY_AFTER)


def open_error(place: PostgresPlace, error: BaseException) -> ChatError:
    """Return the error for a journal that can't be opened."""
    return ChatError(f"cannot open the journal {place}: {reason(error, place.schema)}")


def fatal_error(place: PostgresPlace, error: BaseException) -> ChatError:
    """Return the error that a server ends with. A fault of our own is written to the crash log."""
    if not isinstance(error, psycopg.Error | EngineUnfit | JournalLost | ChatError):
        return ChatError(record(error))
    return ChatError(f"the journal {place} failed: {reason(error, place.schema)}; restart the server")


def reason(error: BaseException, schema: str = "SCHEMA") -> str:
    """Return why something failed, on one line, and what to do about it, if that is known."""
    parts = _parts(error)
    remedies = [next((text for part, text in _REMEDIES.items() if part in what.lower()), "") for what in parts]
    told = [""] * (len(parts) - 1) + remedies[:1] if len(set(remedies)) == 1 else remedies
    return "; ".join(
        f"{what} ({remedy.format(schema=schema)})" if remedy else what for what, remedy in zip(parts, told, strict=True)
    )


def _first_line(error: BaseException) -> str:
    return "; ".join(_parts(error))


def _parts(error: BaseException) -> list[str]:
    """Return an error's text without libpq's prefixes; of several hosts, that of each."""
    text = str(error).strip()
    if "All failures were:" in text:
        return [_short(line.removeprefix("- ")) for line in text.splitlines() if line.startswith("- ")]
    return [_short(text.splitlines()[0] if text else type(error).__name__)]


def _short(line: str) -> str:
    line = re.sub(r"^host: '([^']*)', port: [^,]*, hostaddr: [^:]*: ", r"\1: ", line)
    return clean(re.sub(r"^([^:]*: )?connection (failed|is bad): |FATAL:  ", "", line))

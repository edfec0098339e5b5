"""Journals in PostgreSQL, as they are written: libpq's URIs. Nothing is connected to here."""

from __future__ import annotations

import re
from typing import NamedTuple

DEFAULT_SCHEMA = "chatctl"

_SCHEMES = ("postgresql://", "postgres://")
_MEANT = re.compile(
    r"\s*(?:postgres[^/:]*(?::|//)|(?:host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=)",
    re.IGNORECASE,
)
_IN_USER = re.compile(r"^(\w+://[^/?#@:]*):[^/?#]*@")
_IN_QUERY = re.compile(r"([?&](?:password|sslpassword)=)[^&#]*", re.IGNORECASE)


class PostgresPlace(NamedTuple):
    """Where a journal is: a database, and a schema in it."""

    uri: str
    """For libpq; what it leaves out comes from the environment: ``PGHOST``, ``PGPASSFILE``, ``PGSERVICE`` and so on."""
    schema: str = DEFAULT_SCHEMA

    def __str__(self) -> str:
        """Return what may be shown: no password."""
        shown = without_password(self.uri)
        return shown if self.schema == DEFAULT_SCHEMA else f"{shown} (schema {self.schema})"


def is_postgres(text: str) -> bool:
    """Return whether a text is the URI of a database, not a path."""
    return text.startswith(_SCHEMES)


def is_mistyped(text: str) -> bool:
    """Return whether a text that is no such URI was meant for a database, not for a file.

    libpq also takes ``dbname=chat host=db`` and ``postgres:``: as a path, both would be a new and empty journal.
    Whoever has a file of such a name writes ``./`` before it.
    """
    return not is_postgres(text) and _MEANT.match(text) is not None


def without_password(uri: str) -> str:
    """Return a URI with its password replaced by three asterisks."""
    return _IN_QUERY.sub(r"\1***", _IN_USER.sub(r"\1:***@", uri))


def has_password(uri: str) -> bool:
    """Return whether a URI has a password in it."""
    return without_password(uri) != uri


def check_schema_name(name: str) -> str:
    """Return the name of a schema if it is one that needs no quoting anywhere. Raises ValueError."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,47}", name) or name.startswith("pg_") or name == "information_schema":
        raise ValueError(f"{name!r} is not a name for a schema: use 1 to 48 of a-z 0-9 _, no digit first, not pg_...")
    return name

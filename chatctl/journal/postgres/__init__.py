"""The journal in PostgreSQL (15 or newer): ``serve --journal postgresql://…``, with the extra ``postgres``.

Lives here: everything that speaks to the engine; journal.py has what ``serve`` opens. Nothing outside imports it before
a journal of this kind is asked for: psycopg takes 0.1 s to load. Source: docs/scaling.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chatctl.errors import ChatError


@contextmanager
def extra() -> Iterator[None]:
    """Import the files of this package inside it. Raises ChatError, with what to do, if psycopg is not installed."""
    try:
        yield
    except ImportError as error:
        install = "in a clone of chatctl, pip install '.[fast,postgres]'"
        raise ChatError(f"a journal in PostgreSQL requires another package: {install} ({error})") from None

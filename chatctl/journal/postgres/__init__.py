"""The journal in PostgreSQL (15 or newer): ``serve --journal postgresql://…``, with the extra ``chatctl[postgres]``.

Lives here: everything that speaks to the engine; journal.py has what ``serve`` opens. Nothing outside imports it before
a journal of this kind is asked for: psycopg takes 0.1 s to load. Source: docs/scaling.md.
"""

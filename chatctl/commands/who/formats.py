"""What ``who`` prints: rows of the roster, a count, changes of it, and rooms."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from msgspec.structs import asdict

from chatctl.cli.output import json_line, moment
from chatctl.client.presence import Change
from chatctl.common.durations import span
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import RoomRow, RosterRow


def count_line(number: int, watchers: int, as_json: bool) -> str:
    """Return the number of members; as JSON, also that of the other watchers."""
    others = max(0, watchers - 1)  # we are one of them
    return f'{{"count":{number},"watchers":{others}}}' if as_json else str(number)


def roster_lines(rows: Sequence[RosterRow], as_json: bool) -> list[str]:
    """Return the members: JSON, a table where stdout is a terminal, or words to cut."""
    if as_json:  # asdict: with the key of members that proved none, which the wire leaves out
        return [json_line(asdict(row)) for row in rows]
    if sys.stdout is not None and sys.stdout.isatty():
        return table(rows)
    return [f"{clean(row.nick)} {_one_word(row.since)} {row.idle:.0f}" for row in rows]


def table(rows: Sequence[RosterRow]) -> list[str]:
    """Return the lines of a table for a person; none if nobody is here."""
    cells = [("NICK", "SINCE", "IDLE")]
    cells += [(clean(row.nick), moment(row.since), span(row.idle, parts=1 if row.idle < 3600 else 2)) for row in rows]
    widest = max(_width(nick) for nick, _, _ in cells)
    lines = [f"{nick}{' ' * (widest - _width(nick))}  {since:<19}  {idle}" for nick, since, idle in cells]
    return lines if rows else []


def room_lines(rows: Sequence[RoomRow], as_json: bool) -> list[str]:
    """Return the rooms: JSON, or name, members, last message's number and topic, in columns on a terminal."""
    if as_json:
        return [json_line(asdict(row)) for row in rows]
    widest = max((len(row.name) for row in rows), default=0) if sys.stdout is not None and sys.stdout.isatty() else 0
    return [f"{clean(row.name):{widest}} {row.members} {row.last} {clean(row.topic)}".rstrip() for row in rows]


def _width(text: str) -> int:
    """Return the number of columns that a terminal shows ``text`` in."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def change_line(change: Change, as_json: bool) -> str:
    """Return a change of the roster: when, what, and who."""
    if as_json:
        return json_line(change)
    names = f"{clean(change.old)} {clean(change.nick)}" if change.old else clean(change.nick)
    return f"{_one_word(change.time)} {change.type} {names}"


def _one_word(seconds: float) -> str:
    """Return a Unix time as local date, time and zone, without a space."""
    return local("%Y-%m-%dT%H:%M:%S%z", seconds)

"""Moderation: all that operators have set, and what it means for who comes in and who speaks.

Lives here: operators' keys, room rules, slow mode, and the decisions on entry and speech. Does not live here: the bans
and mutes themselves (bans.py), setting any of it (hub/admin_commands.py). No clock: ``now`` is Unix seconds
of a clock that nobody sets (clock.py). Source: docs/admin.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from chatctl.common.durations import short_span
from chatctl.common.names import fold_nick
from chatctl.common.text import clean
from chatctl.core.admin_log import AdminLog
from chatctl.core.bans import Person, Sanction, SanctionKind, Sanctions
from chatctl.errors import ChatError, Forbidden, RateLimited

T = TypeVar("T")

MAX_SPEAKERS = 10_000
"""Last times of speech that slow rooms remember; with more of them the oldest are forgotten."""

Fact = tuple[str, str]
"""(kind, key) of a journal's fact."""


class RoomRules(Struct, frozen=True, omit_defaults=True):
    """Operators' settings of one room. Journals store them as JSON."""

    topic: str = ""
    slow: float = 0.0
    """The least seconds between two messages of one member; 0 for no limit."""
    read_only: bool = False


DEFAULT_RULES = RoomRules()


class Rules:
    """Operators' settings of one server: keys, bans, mutes, rooms."""

    def __init__(self, facts: Mapping[Fact, str] | None = None) -> None:
        """Start with those of ``facts`` that are of its kinds. Raises ValueError for one that can't be read."""
        self.bans = Sanctions()
        self.mutes = Sanctions()
        self.configured: frozenset[str] = frozenset()
        """Operators' keys of the command line and the file; a reload replaces them."""
        self.appointed: set[str] = set()
        """Operators' keys that the journal has."""
        self.rooms: dict[str, RoomRules] = {}
        self.log = AdminLog(facts or {})
        self.ban_hits = 0
        """How often somebody was kept out by a ban."""
        self._last_spoke: dict[Fact, float] = {}  # by (room, mark), oldest first
        for (kind, key), value in (facts or {}).items():
            if kind in ("ban", "mute"):
                one = msgspec.json.decode(value, type=Sanction)
                bytes.fromhex(one.token or "")  # what is none is told now, and not when somebody is banned anew
                self.sanctions(one.what).add(one)
            elif kind == "operator":
                self.appointed.add(key)
            elif kind == "room":
                self.rooms[key] = msgspec.json.decode(value, type=RoomRules)

    def sanctions(self, what: SanctionKind) -> Sanctions:
        """Return the bans, or the mutes."""
        return self.bans if what == "ban" else self.mutes

    def is_operator(self, key: str | None) -> bool:
        """Return whether this key is an operator's."""
        return key is not None and (key in self.configured or key in self.appointed)

    def room(self, name: str) -> RoomRules:
        """Return the rules of a room."""
        return self.rooms.get(name, DEFAULT_RULES)

    def drop_expired(self, now: float) -> dict[Fact, str | None]:
        """Remove bans and mutes that are over; return the changes that remove them from the journal."""
        expired = [one for one in (*self.bans, *self.mutes) if not one.is_active(now)]
        for one in expired:
            self.sanctions(one.what).drop(one.ident)
        return {(one.what, one.ident): None for one in expired}

    # --- decisions

    def _find(self, sanctions: Sanctions, person: Person, now: float) -> Sanction | None:
        """Return what hits a person."""
        return sanctions.find(self._as_seen(person), now)

    def _as_seen(self, person: Person) -> Person:
        """Return what of a person counts. Operators are hit by their key alone: it takes the console to set that."""
        return Person(key=person.key) if self.is_operator(person.key) else person

    def hit_by(self, one: Sanction, people: Mapping[T, Person]) -> list[T]:
        """Return those of ``people`` whom a new sanction hits: one pass, and a name is looked at for a name alone."""
        hits = one.test()
        return [key for key, person in people.items() if hits(self._as_seen(person))]

    def check_entry(self, person: Person, now: float) -> None:
        """Return if this person may come in under this name. Raises Forbidden."""
        if ban := self._find(self.bans, person, now):
            self.ban_hits += 1
            what = "you are" if ban.name is None or not person.name else f"{clean(person.name)} is"
            raise Forbidden(f"{what} banned{ban.details(now)}")

    def address_ban(self, host: str, now: float) -> ChatError | None:
        """Return the error for connections from a banned address, or None."""
        ban = self.bans.find(Person(host=host), now) if host else None
        if ban is None:
            return None
        self.ban_hits += 1
        return Forbidden(f"your address is banned{ban.details(now)}")

    def speak(self, person: Person, room: str, now: float) -> float:
        """Record that somebody speaks; return for how many seconds they may not speak again.

        Raises:
            Forbidden: they are muted, or the room is read-only.
            RateLimited: the room is slow, and they spoke a moment ago.
        """
        if mute := self._find(self.mutes, person, now):
            raise Forbidden(f"you are muted{mute.details(now)}")
        rules = self.room(room)
        if self.is_operator(person.key):
            return 0.0
        if rules.read_only:
            raise Forbidden(f"{room} is read-only: operators alone speak there")
        if rules.slow:
            self._slow_down(person, room, rules.slow, now)
        return rules.slow

    def undo_speak(self, person: Person, room: str, at: float) -> None:
        """Take back what ``speak`` recorded at that time: the message was a repeat and is not shown again."""
        for mark in _speaker_marks(person, room):
            if self._last_spoke.get(mark) == at:  # an earlier time is over by then: nothing is lost
                del self._last_spoke[mark]

    def _slow_down(self, person: Person, room: str, slow: float, now: float) -> None:
        marks = list(_speaker_marks(person, room))
        wait = max(self._last_spoke.get(mark, now - slow) for mark in marks) + slow - now
        if wait > 0:
            raise RateLimited(
                f"{room} is slow: a message every {short_span(slow)}", retry_after=min(round(wait, 1) + 0.1, slow)
            )
        self._note_speech(marks, now)

    def heard(self, person: Person, room: str, now: float) -> None:
        """Record that a message of somebody was shown, unless ``speak`` has: it was said at another server."""
        if slow := self.room(room).slow:
            marks = _speaker_marks(person, room)
            self._note_speech([mark for mark in marks if self._last_spoke.get(mark, now - slow) <= now - slow], now)

    def _note_speech(self, marks: Iterable[Fact], now: float) -> None:
        for mark in marks:
            self._last_spoke.pop(mark, None)
            self._last_spoke[mark] = now
        while len(self._last_spoke) > MAX_SPEAKERS:
            del self._last_spoke[next(iter(self._last_spoke))]


def _speaker_marks(person: Person, room: str) -> Iterator[Fact]:
    """Yield all that one member is recognised by in a slow room, so that a new name or connection is no way around."""
    yield room, f"name {fold_nick(person.name) if person.name else ''}"
    if person.key is not None:
        yield room, f"key {person.key}"
    if person.token is not None:
        yield room, f"token {person.token.hex()}"

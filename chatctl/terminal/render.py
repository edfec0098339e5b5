"""Frames as lines of text: layout, colours, local times.

All text of others is cleaned here, so nothing that they typed acts on the terminal. No terminal and no I/O.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from chatctl.common.durations import span
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import Gap, Identity, Msg, RoomRow, Roster
from chatctl.terminal.colors import Palette
from chatctl.terminal.folding import Folds, fold
from chatctl.terminal.hyperlinks import with_links
from chatctl.terminal.invisible import describe, is_invisible

_MOMENT = "%Y-%m-%d %H:%M"
"""A date and time as /history takes it."""

MAX_NAMED = 5
"""Members that one line about arrivals or departures names; the others are counted."""

_GAP_REASONS = {
    "retention": "they are no longer kept",
    "slow": "this terminal was too slow for them",
    "lost": "the server has lost them",
}


class FrameRenderer:
    """Renders frames as lines. It remembers the day of the last message: a line is added where the day changes."""

    def __init__(
        self,
        palette: Palette,
        now: Callable[[], float] = time.time,
        *,
        folds: Folds | None = None,
        links: bool = False,
    ) -> None:
        """Start on the day of ``now``, in Unix seconds.

        Args:
            palette: colours what is shown.
            now: returns the time, in Unix seconds.
            folds: a long message is cut, and kept there; None: it is shown whole.
            links: addresses are links that the terminal opens.
        """
        self._palette = palette
        self._now = now
        self._folds = folds
        self._links = links
        self._day: str | None = None

    def for_room(self) -> FrameRenderer:
        """Return one for another room: it has days and long messages of its own."""
        folds = Folds() if self._folds is not None else None
        return FrameRenderer(self._palette, self._now, folds=folds, links=self._links)

    def message(self, msg: Msg, own_nick: str) -> list[str]:
        """Render a message, after a line with its date if that is a new day. Mentions of ``own_nick`` stand out."""
        return [*self.date_line(msg.time), *self._entry(msg, own_nick, local("%H:%M", msg.time))]

    def _entry(self, msg: Msg, own_nick: str, when: str) -> list[str]:
        """Render a message behind ``when``."""
        when = self._palette.dim(when)
        if msg.redacted:
            return [f"{when} {self._palette.dim('(redacted)')}"]
        shown = self._palette.nick(clean(msg.nick))
        start = f"{when} " + (f"* {shown} " if msg.action else f"{shown}: ")

        def render(text: str) -> list[str]:
            dress: Callable[[str], str] = str
            if msg.nick != own_nick and mentions(text, own_nick):
                dress = partial(self._highlight, own_nick)
            first, *rest = (self._dressed(line, dress) for line in text.split("\n"))
            return [start + first, *self._continuation(rest)]

        return self._fold(lambda: str(msg.seq), msg.text, render)

    def _fold(self, name: Callable[[], str], text: str, render: Callable[[str], list[str]]) -> list[str]:
        """Render a text of others: cleaned, folded under a name that ``name`` returns, and told if it is invisible."""
        text = clean(text, lines=True)
        if is_invisible(text):
            return render(self._palette.dim(describe(text)))
        folded = fold(text) if self._folds is not None else None
        if self._folds is None or folded is None:
            return render(text)
        key = name()
        self._folds.keep(key, render(text))
        return [*render(folded.shown), self._palette.dim(f"    … {folded.left_out}: /show {key}")]

    def whole(self, name: str) -> list[str] | None:
        """Render a message that was folded under ``name``, between two lines; None if it is not kept any more."""
        lines = self._folds.find(name) if self._folds is not None else None
        return [self.separator("the whole message"), *lines, self.separator("until here")] if lines else None

    def forget(self, seqs: Iterable[int]) -> None:
        """Keep nothing of these messages: an operator has emptied them."""
        if self._folds is not None:
            self._folds.drop(map(str, seqs))

    def _continuation(self, lines: Sequence[str]) -> list[str]:
        """Put a bar before each further line: without it, one could look like another member's message."""
        return [f"{self._palette.dim('    |')} {line}" for line in lines]

    def history(self, entries: Sequence[Msg], own_nick: str) -> list[str]:
        """Render messages that were asked for with /history, between two lines that set them apart from new ones."""
        day, self._day = self._day, None
        shown = [line for entry in entries for line in self.message(entry, own_nick)]
        self._day = day
        number = len(entries)
        if not number:
            return [self.note("no messages yet")]
        title = f"the last {number} messages again" if number > 1 else "the last message again"
        return [self.separator(title), *shown, self.separator("until here")]

    def one(self, entry: Msg, own_nick: str) -> list[str]:
        """Render a message that was asked for by its number, as ``history``."""
        _, *shown, _ = self.history([entry], own_nick)
        return [self.separator(f"message #{entry.seq}"), *shown, self.separator("until here")]

    def history_from(self, entries: Sequence[Msg], own_nick: str, goes_on: str) -> list[str]:
        """Render messages from some moment on, as ``history``; ``goes_on`` says how to see those behind them."""
        if not entries:
            return [self.note("no messages since then")]
        _, *shown, _ = self.history(entries, own_nick)
        title = f"{_messages(len(entries))} from {_when(entries[0])} on"
        return [self.separator(title), *shown, self.separator(f"until here: {goes_on}" if goes_on else "until here")]

    def found(self, text: str, entries: Sequence[Msg], own_nick: str, looked_back: float | None) -> list[str]:
        """Render what a search found, the newest last, each with its date, time and number.

        Args:
            text: what was searched for.
            entries: the oldest first.
            own_nick: ours.
            looked_back: the time (Unix seconds) up to which the log was looked at; None: all of it.
        """
        shown = [line for entry in entries for line in self._entry(entry, own_nick, f"{_when(entry)} #{entry.seq}")]
        more = f"looked back to {local(_MOMENT, looked_back)}, /search continues" if looked_back is not None else ""
        if not shown:
            return [self.note("; ".join(filter(None, [f"nothing found: {text}", more])))]
        end = ", ".join(filter(None, [more or "no older ones", f"/history #{entries[-1].seq} shows what followed"]))
        return [self.separator(f"found: {text}"), *shown, self.separator(end)]

    def _hour(self, seconds: float) -> str:
        return self._palette.dim(local("%H:%M", seconds))

    def date_line(self, seconds: float) -> list[str]:
        """Render the line above what happened at ``seconds``, in Unix seconds, if that is a new day."""
        day = local("%A, %d %B %Y", seconds)
        before, self._day = self._day or local("%A, %d %B %Y", self._now()), day
        return [self.separator(day)] if before != day else []

    def _dressed(self, line: str, dress: Callable[[str], str] = str) -> str:
        return with_links(line, dress) if self._links else dress(line)

    def _highlight(self, own_nick: str, line: str) -> str:
        return _word(own_nick).sub(lambda match: self._palette.highlight(match[0]), line)

    def whisper(self, seconds: float, nick: str, text: str, *, sent: bool) -> list[str]:
        """Render a private message: to ``nick`` if it was ``sent`` by us, else from ``nick``."""
        other = self._palette.nick(clean(nick))
        who = f"you -> {other}" if sent else f"{other} -> you"
        start = f"{self._hour(seconds)} {who} {self._palette.dim('(privately)')}: "

        def render(text: str) -> list[str]:
            first, *rest = map(self._dressed, text.split("\n"))
            return [start + first, *self._continuation(rest)]

        return [
            *self.date_line(seconds),
            *self._fold(self._folds.name_whisper if self._folds is not None else str, text, render),
        ]

    def presence(self, joined: Sequence[str], left: Sequence[str], count: int) -> str:
        """Render in one line who joined and who left, and how many members there are now."""
        parts = [f"{_some(nicks)} {did}" for nicks, did in ((joined, "joined"), (left, "left")) if nicks]
        return self._palette.dim(f"{', '.join(parts)} ({count} here)")

    def entered(self, nick: str, room: str, others: Iterable[str], count: int) -> str:
        """Render what a person is told on entering: who is here, some of ``others``, and what to do next."""
        named = [clean(other) for other, _ in zip(others, range(MAX_NAMED), strict=False)]
        more = count - 1 - len(named)
        with_whom = f"with {_and(named, more)}" if named else "alone"
        return self.note(f"You are {nick} in {room}, {with_whom}. /help lists commands, Ctrl-D leaves.")

    def rename(self, old: str, new: str) -> str:
        """Render a change of nickname."""
        return self._palette.dim(f"{clean(old)} is now {clean(new)}")

    def notice(self, seconds: float, text: str) -> str:
        """Render what an operator did."""
        return f"{self._hour(seconds)} {self._palette.bold(f'! {clean(text)}')}"

    def gap(self, gap: Gap) -> str:
        """Render how many messages are missing, and why."""
        if gap.why == "lost" and gap.from_ <= 1:
            return self.separator("the server began a new log")
        return self.separator(f"{_messages(gap.to - gap.from_ + 1)} missing: {_GAP_REASONS[gap.why]}")

    def missed(self, number: int) -> str:
        """Render the line above the messages that arrived while there was no connection."""
        return self.separator(f"{_messages(number)} while you were away")

    def separator(self, text: str) -> str:
        """Render a line that separates what is above it from what is below."""
        return self._palette.dim(f"— {clean(text)} —")

    def note(self, text: str) -> str:
        """Render a message of chatctl's own."""
        return self._palette.dim(clean(text))

    def error(self, text: str) -> str:
        """Render an error."""
        return self._palette.bold(f"! {clean(text)}")

    def roster(self, roster: Roster) -> list[str]:
        """Render the list of members, the answer to /who."""
        watching = f", {roster.watchers} watching" if roster.watchers else ""
        rows = [
            f"  {self._palette.nick(clean(row.nick))} {self._palette.dim(idle(row.idle))}" for row in roster.members
        ]
        return [self.note(f"{roster.count} here{watching}:"), *rows]

    def rooms(self, rows: Sequence[RoomRow], joined: Sequence[str], shown: str | None) -> list[str]:
        """Render the answer to /rooms: those that are ``joined`` first, by their number, a star at the one shown."""
        numbers = {name: number for number, name in enumerate(joined, 1)}
        found = sorted(rows, key=lambda row: (numbers.get(row.name, len(rows) + 1), row.name))
        return [
            self.note(f"{len(rows)} {'room' if len(rows) == 1 else 'rooms'}:"),
            *map(partial(self._room, numbers, shown), found),
        ]

    def _room(self, numbers: Mapping[str, int], shown: str | None, row: RoomRow) -> str:
        mark = f"{'*' if row.name == shown else ' '}{numbers.get(row.name, '')!s:>2}"
        said = f"{row.members:,} here, {_messages(row.last)}"
        topic = self._palette.dim(f"  {clean(row.topic)}") if row.topic else ""
        return f"{mark} {clean(row.name)}  {self._palette.dim(said)}{topic}"

    def identity(self, found: Identity) -> list[str]:
        """Render the answer to /whois: how long the member is here, with which key, and whether the name is bound."""
        here = ", ".join(filter(None, (f"  here since {local('%d %B %Y %H:%M', found.since)}", idle(found.idle))))
        if found.key is None:
            return [
                self.note(f"{found.nick}:"),
                self.note(here),
                self.note("  no key: whoever joins first can use this name"),
            ]
        bound = "this name is not bound"
        if found.claimed is not None:
            bound = f"this name is bound to it since {local('%d %B %Y', found.claimed)}"
        return [self.note(line) for line in (f"{found.nick}:", here, f"  key {found.key}", f"  {bound}")]


def _when(entry: Msg) -> str:
    return local(_MOMENT, entry.time)


def _some(nicks: Sequence[str]) -> str:
    others = len(nicks) - MAX_NAMED
    return ", ".join(clean(nick) for nick in nicks[:MAX_NAMED]) + (f" and {others} more" if others > 0 else "")


def _and(names: list[str], more: int) -> str:
    *first, last = [*names, f"{more:,} more"] if more > 0 else names
    return f"{', '.join(first)} and {last}" if first else last


def _messages(number: int) -> str:
    return f"{number:,} {'message' if number == 1 else 'messages'}"


def idle(seconds: float) -> str:
    """Return how long a member has been silent, in one unit; empty below ten seconds."""
    return f"idle {span(seconds, parts=1)}" if seconds >= 10 else ""


def mentions(text: str, nick: str) -> bool:
    """Return whether ``nick`` occurs in ``text`` as a whole word, in any case."""
    return bool(nick) and _word(nick).search(text) is not None


def _word(nick: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(nick)}(?!\w)", re.IGNORECASE)

"""What a person sees of a frame: lines of text with colours, and nothing that others typed left raw.

Lives here: layout, times. No terminal: an entry's own time is shown, in local time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from chatctl.common.durations import span
from chatctl.common.text import clean
from chatctl.common.times import local
from chatctl.protocol import Gap, Identity, Msg, Roster
from chatctl.terminal.colors import Palette

MAX_NAMED = 5
"""Of those who come or go together, so many are named."""

_GAP_REASONS = {
    "retention": "they are no longer kept",
    "slow": "this terminal was too slow for them",
    "lost": "the server has lost them",
}


class Lines:
    """Turns frames into lines, remembering the day of the last one."""

    def __init__(self, palette: Palette, now: Callable[[], float] = time.time) -> None:
        """Begin on the day that ``now`` (Unix seconds) tells."""
        self._palette = palette
        self._now = now
        self._day: str | None = None

    def entry(self, msg: Msg, own: str) -> list[str]:
        """Give an entry of the log, after a line for its day if that is a new one. ``own`` is the reader's nickname."""
        nick, text = clean(msg.nick), clean(msg.text, lines=True)
        first, *rest = text.split("\n")
        if msg.nick != own and mentions(text, own):
            first, *rest = (self._highlight(line, own) for line in (first, *rest))
        shown = self._palette.nick(nick)
        start = f"* {shown} " if msg.action else f"{shown}: "
        return [*self._new_day(msg.time), f"{self._hour(msg.time)} {start}{first}", *self._more(rest)]

    def _more(self, rest: Sequence[str]) -> list[str]:
        """A bar before every further line, or one could look like somebody else's message."""
        return [f"{self._palette.dim('    |')} {line}" for line in rest]

    def again(self, entries: Sequence[Msg], own: str) -> list[str]:
        """Give a part of the log that was asked for, between two lines that set it apart from what comes in."""
        day, self._day = self._day, None
        shown = [line for entry in entries for line in self.entry(entry, own)]
        self._day = day
        number = len(entries)
        title = f"the last {number} messages again" if number > 1 else "the last message again" if number else ""
        return [self.rule(title), *shown, self.rule("until here")] if title else [self.note("nothing was said yet")]

    def _hour(self, seconds: float) -> str:
        return self._palette.dim(local("%H:%M", seconds))

    def _new_day(self, seconds: float) -> list[str]:
        day = local("%A, %d %B %Y", seconds)
        before, self._day = self._day or local("%A, %d %B %Y", self._now()), day
        return [self.rule(day)] if before != day else []

    def _highlight(self, line: str, own: str) -> str:
        return _word(own).sub(lambda match: self._palette.alert(match[0]), line)

    def whisper(self, seconds: float, nick: str, text: str, *, sent: bool) -> list[str]:
        """Give what was said to one member alone."""
        first, *rest = clean(text, lines=True).split("\n")
        other = self._palette.nick(clean(nick))
        who = f"you -> {other}" if sent else f"{other} -> you"
        return [f"{self._hour(seconds)} {who} {self._palette.dim('(privately)')}: {first}", *self._more(rest)]

    def presence(self, came: Sequence[str], went: Sequence[str], count: int) -> str:
        """Give who came and went, all in one line."""
        parts = [f"{_some(nicks)} {did}" for nicks, did in ((came, "joined"), (went, "left")) if nicks]
        return self._palette.dim(f"{', '.join(parts)} ({count} here)")

    def rename(self, old: str, new: str) -> str:
        """Give who is called otherwise."""
        return self._palette.dim(f"{clean(old)} is now {clean(new)}")

    def notice(self, seconds: float, text: str) -> str:
        """Give what an operator did."""
        return f"{self._hour(seconds)} {self._palette.bold(f'! {clean(text)}')}"

    def gap(self, gap: Gap) -> str:
        """Give what could not be shown."""
        if gap.why == "lost" and gap.from_ <= 1:
            return self.rule("the server began a new log")
        number = gap.to - gap.from_ + 1
        return self.rule(f"{number} {'message' if number == 1 else 'messages'} missing: {_GAP_REASONS[gap.why]}")

    def away(self, number: int) -> str:
        """Give the line above what was said while there was no connection."""
        return self.rule(f"{number} {'message' if number == 1 else 'messages'} while you were away")

    def rule(self, text: str) -> str:
        """Give a line that parts what is above from what is below."""
        return self._palette.dim(f"— {clean(text)} —")

    def raw(self, text: str) -> str:
        """Give a line of the first version's server as it came, cleaned."""
        return clean(text)

    def note(self, text: str) -> str:
        """Give something chatctl itself says."""
        return self._palette.dim(clean(text))

    def trouble(self, text: str) -> str:
        """Give something that went wrong."""
        return self._palette.bold(f"! {clean(text)}")

    def roster(self, roster: Roster) -> list[str]:
        """Give who is here."""
        watching = f", {roster.watchers} watching" if roster.watchers else ""
        rows = [
            f"  {self._palette.nick(clean(row.nick))} {self._palette.dim(idle(row.idle))}" for row in roster.members
        ]
        return [self.note(f"{roster.count} here{watching}:"), *rows]

    def identity(self, found: Identity) -> list[str]:
        """Give who somebody is: since when here, by which key, and whether the name is theirs."""
        here = f"  here since {local('%d %B %Y %H:%M', found.since)} {idle(found.idle)}".rstrip()
        if found.key is None:
            return [self.note(f"{found.nick}:"), self.note(here), self.note("  no key: this name is who holds it now")]
        bound = "this name is not bound"
        if found.claimed is not None:
            bound = f"this name is bound to it since {local('%d %B %Y', found.claimed)}"
        return [self.note(line) for line in (f"{found.nick}:", here, f"  key {found.key}", f"  {bound}")]


def _some(nicks: Sequence[str]) -> str:
    others = len(nicks) - MAX_NAMED
    return ", ".join(clean(nick) for nick in nicks[:MAX_NAMED]) + (f" and {others} more" if others > 0 else "")


def idle(seconds: float) -> str:
    """Return how long a member has been silent, in one unit; empty under ten seconds."""
    return f"idle {span(seconds, parts=1)}" if seconds >= 10 else ""


def mentions(text: str, nick: str) -> bool:
    """Tell whether a nickname stands in a text as a word of its own."""
    return bool(nick) and _word(nick).search(text) is not None


def _word(nick: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(nick)}(?!\w)", re.IGNORECASE)

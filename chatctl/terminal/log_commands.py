"""The commands of ``join`` that look into the room's log: ``/history``, ``/search``, ``/show``.

Lives here: what their arguments mean, and what is asked for. Does not live here: how it looks (render.py), waiting for
answers (room_requests.py).
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.log_search import insist_on_search, search_frame, search_pages
from chatctl.client.core.request import request
from chatctl.client.requests import Since, page, seek
from chatctl.common.times import is_date, parse_moment
from chatctl.errors import ChatError
from chatctl.protocol import Found, History, Msg, Page, Search

if TYPE_CHECKING:
    from chatctl.terminal.render import FrameRenderer
    from chatctl.terminal.room_view import RoomView

SHOWN = 50
"""Messages that /history shows if no number is given."""
SEARCHED = 20
"""Messages that one /search shows: with the line that is typed, about a screen."""
SEARCH_SECONDS = 5.0
"""How long one /search looks for them: what is typed meanwhile waits for each of its requests."""
ANSWER_SECONDS = 60.0

_COUNT = re.compile("[1-9][0-9]{0,4}")
_ENTRY = re.compile("#[1-9][0-9]{0,14}")


class Part(NamedTuple):
    """The part of a log that /history shows: from ``start`` on, or None: up to its end."""

    start: Since | None
    limit: int


def parse_history(rest: str, now: float) -> Part | None:
    """Return what ``20``, ``yesterday``, ``14:30 200``, ``2026-11-20`` or ``#17`` mean; None: it means nothing.

    Args:
        rest: what was typed behind ``/history``.
        now: Unix seconds.
    """
    when, _, last = rest.rpartition(" ")
    if not rest or _COUNT.fullmatch(rest):
        return Part(None, int(rest or SHOWN))
    count = int(last) if when and _COUNT.fullmatch(last) else SHOWN
    when = when.strip() if when and _COUNT.fullmatch(last) else rest
    if _ENTRY.fullmatch(when):
        return Part(Since(seq=int(when[1:])), count)
    if when.isdecimal() and not is_date(when):  # seconds ago, for those who write --since; here a number is a count
        return None
    try:
        return Part(Since(time=parse_moment(when, now)), count)
    except (ValueError, OverflowError, OSError):
        return None


class LogCommands:
    """Looks into the log of one room. Each command returns whether the line was taken."""

    def __init__(self, view: RoomView, render: FrameRenderer) -> None:
        """Look into the log of the room of ``view``, and show what is found there."""
        self._view = view
        self._render = render
        self._requests = view.requests
        self._older: tuple[str, Search] | None = None
        """What /search without words asks for, and the epoch of the log that its numbers are of."""

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline.after(seconds, asyncio.get_running_loop().time)

    def _may_ask(self) -> bool:
        if self._view.membership.connected and self._view.membership.welcome is not None:
            return True
        self._view.refuse_without_connection()
        return False

    # --- /history, /show

    def history(self, rest: str) -> bool:
        """Show a part of the log once more. ``rest`` is one that ``parse_history`` takes."""
        part = parse_history(rest, time.time())
        if part is None or not self._may_ask():
            return False
        self._requests.start(self._show_part(part), self._view.refuse)
        return True

    async def _show_part(self, part: Part) -> None:
        deadline, welcome = self._deadline(ANSWER_SECONDS), self._requests.welcome
        count = min(part.limit, welcome.limits.page)
        if part.start is None:
            wanted = History(limit=count, before=welcome.last + 1)
            entries = (await request(self._requests, wanted, Page, deadline)).entries
            self._show(self._render.history(entries, self._view.nick))
            return
        after = (await seek(self._requests, part.start, deadline)).after
        entries = await page(self._requests, after, count, deadline)
        last = entries[-1].seq if entries else 0
        goes_on = f"/history #{last + 1} continues" if 0 < last < self._requests.welcome.last else ""
        self._show(self._render.history_from(entries, self._view.nick, goes_on))

    def show(self, name: str) -> bool:
        """Show a long message whole: one that is at hand, or the server's."""
        if self._view.show_whole(name):
            return True
        if not name.isdigit():
            self._view.refuse(f"there is no message {name} any more")
            return False
        if not self._may_ask():
            return False
        self._requests.start(self._show_whole(int(name)), self._view.refuse)
        return True

    async def _show_whole(self, seq: int) -> None:
        wanted, deadline = History(limit=1, before=seq + 1), self._deadline(ANSWER_SECONDS)
        entries = (await request(self._requests, wanted, Page, deadline)).entries
        if not entries or entries[0].seq != seq:
            self._view.refuse(f"there is no message {seq} in this room's log")
            return
        shown = self._render.one(entries[0], self._view.nick)  # folds a long one anew
        self._show(self._render.whole(str(seq)) or shown)

    # --- /search

    def search(self, words: str) -> bool:
        """Find messages; without words, older ones than those that were found before."""
        if not self._may_ask():
            return False
        try:
            wanted = self._wanted(words)
        except (ValueError, ChatError) as error:
            self._view.refuse(str(error))
            return False
        self._requests.start(self._show_found(msgspec.structs.replace(wanted, id="search")), self._view.refuse)
        return True

    def _wanted(self, words: str) -> Search:
        """Return what to ask for. Raises ValueError and Unsupported, with what to tell the user."""
        welcome = self._requests.welcome
        insist_on_search(welcome)
        if words:
            return search_frame(words, limit=SEARCHED)
        epoch, older = self._older or ("", None)
        if older is None or epoch != welcome.epoch:
            raise ValueError("nothing older to look for: /search WORDS finds what was said")
        return older

    async def _show_found(self, wanted: Search) -> None:
        found: list[Msg] = []
        last: Found | None = None
        epoch = self._requests.welcome.epoch
        try:
            async for last in search_pages(self._requests, wanted, self._deadline(SEARCH_SECONDS)):
                found += last.entries
        except DeadlinePassed:
            if last is None:
                raise
        assert last is not None, "there is one answer at least"
        self._older = (epoch, msgspec.structs.replace(wanted, before=last.before)) if last.more else None
        shown = [entry for entry in reversed(found) if entry.seq not in self._requests.redacted]
        self._show(self._render.found(wanted.text, shown, self._view.nick, last.time if last.more else None))

    def _show(self, lines: list[str]) -> None:
        self._view.show(lines)

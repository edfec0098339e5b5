"""Directory work: what a directory hands to its thread, and what the thread reports.

Does not live here: either side (directory.py, directory_thread.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from chatctl.directory import Errand, News, Outcome, Place, Verdict, Wish
from chatctl.journal.postgres.presence import Heads


@dataclass(frozen=True, slots=True)
class Claim:
    """The arguments of one call of ``claim``, and the version of the facts by then."""

    wishes: Sequence[Wish]
    done: Callable[[Sequence[Verdict]], None]
    facts: int


@dataclass(frozen=True, slots=True)
class Release:
    """The arguments of one call of ``release``."""

    members: Sequence[Place]
    after: int


@dataclass(slots=True)
class Sending:
    """An errand to another server."""

    number: int
    to: Place
    errand: Errand
    expired: bool = False
    """Nobody waits for it any more: it is not sent."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The answer to another server's errand."""

    payload: str


@dataclass(frozen=True, slots=True)
class Arriving:
    """A piece of an errand from another server, to a member whose verdict may have to be told first."""

    server: str
    piece: str


@dataclass(slots=True)
class Reaching:
    """The arguments of one call of ``reach``."""

    room: str
    done: Callable[[int | None], None] | None
    """None: it was called."""

    def answer(self, last: int | None) -> None:
        """Call back, once. On the event loop's thread."""
        done, self.done = self.done, None
        if done is not None:
            done(last)


class Hint:
    """Other servers may have changed something."""


class DirectoryEvents(Protocol):
    """Callbacks on the event loop's thread, in the order of the events."""

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call of one of these on that thread. From any thread; the order of calls is kept."""

    def told(self, news: Sequence[News]) -> None:
        """Other servers changed who is here."""

    def judged(self, claims: Sequence[Claim], verdicts: Sequence[Verdict], facts: int) -> None:
        """There are verdicts on all wishes of some claims, to be told once this version of the facts is known here."""

    def answered(self, number: int, outcome: Outcome) -> None:
        """An errand was not taken, or is done."""

    def arrived(self, server: str, piece: str) -> None:
        """There is a piece of an errand, and all verdicts by then were told."""

    def reached(self, asked: Sequence[Reaching], heads: Heads | None) -> None:
        """All news up to these heads were told; None: the engine can't be reached."""

    def fenced(self, places: Sequence[Place]) -> None:
        """This server was taken for dead: these places are none any more."""

    def unreachable(self, why: str) -> None:
        """Claims are refused, since the engine can't be reached. Once for each time."""

    def broken(self, error: Exception) -> None:
        """The thread has ended."""

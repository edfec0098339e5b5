"""The directory of one server, in its memory: it answers in the same call.

A wish that binds a name is answered when the journal has kept its facts; wishes for places do not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from chatctl.directory import Changed, Errand, Given, News, OnErrand, Outcome, Place, Remote, Verdict, Wish
from chatctl.directory.table import Table
from chatctl.errors import StorageFailed
from chatctl.journal import Journal

SERVER = "this"
"""The name of a server that is alone."""


class MemoryDirectory:
    """Implements ``Directory`` where there is no other server."""

    def __init__(self, journal: Journal) -> None:
        """Start empty; ``journal`` keeps the facts."""
        self._journal = journal
        self._table = Table()
        self._do: OnErrand = lambda _place, _errand: "absent"

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        """Implement ``Directory.claim``."""
        if len(wishes) == 1:
            self._judge(wishes[0], lambda verdict: done([verdict]))
            return
        verdicts: dict[int, Verdict] = {}

        def judged(number: int, verdict: Verdict) -> None:
            verdicts[number] = verdict
            if len(verdicts) == len(wishes):
                done([verdicts[number] for number in range(len(wishes))])

        for number, wish in enumerate(wishes):
            self._judge(wish, partial(judged, number))

    def _judge(self, wish: Wish, judged: Callable[[Verdict], None]) -> None:
        def kept(error: StorageFailed | None) -> None:
            judged(Given(None) if error is None else error)

        if not self._table.fits(wish):
            judged(Changed())
        elif wish.room:
            judged(Given(self._table.give(wish, SERVER)))
        elif wish.facts:
            self._journal.keep(wish.facts, kept)
        else:
            judged(Given(None))

    def reach(self, room: str, done: Callable[[int | None], None]) -> None:
        """Implement ``Directory.reach``: nobody else commits anything."""
        done(0)

    def release(self, members: Sequence[Place], after: int) -> None:
        """Implement ``Directory.release``: nobody has to be told."""
        for place in members:
            self._table.free(place)

    def follow(self, news: Callable[[Sequence[News]], None]) -> Sequence[Remote]:
        """Return nobody."""
        return []

    def send(self, to: Place, errand: Errand, done: Callable[[Outcome], None]) -> None:
        """Implement ``Directory.send``."""
        done(self._do(to, errand))

    def on_errand(self, call: OnErrand) -> None:
        """Implement ``Directory.on_errand``."""
        self._do = call

    def on_fenced(self, call: Callable[[Sequence[Place]], None]) -> None:
        """Do nothing: nobody takes this server for dead."""

    def count_watchers(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Do nothing: nobody asks."""

    def watchers(self, room: str) -> int:
        """Return 0."""
        return 0

"""Dispatching: what the writer tells of other servers, as callbacks on the event loop's thread.

Does not live here: what one server alone does (../threaded.py), the thread that tells (writer.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from chatctl.errors import ChatError
from chatctl.journal import Facts
from chatctl.journal.postgres.resuming import Cut
from chatctl.journal.postgres.sharing import Changes
from chatctl.journal.records import RoomRecord
from chatctl.journal.threaded import Dispatcher, Log
from chatctl.protocol import Msg

OnFacts = Callable[[Facts], None]
OnRedacted = Callable[[str, Sequence[int]], None]


class SharedDispatcher(Dispatcher):
    """Handles what other servers did, too."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_fatal: Callable[[ChatError], None] | None,
        logs: dict[str, Log],
        version: int,
        generation: str,
    ) -> None:
        """Start with the rooms that are known, the version of the facts, and that of which new epochs are made."""
        super().__init__(loop, on_fatal)
        self.logs = logs
        self.version = version
        """All changes of facts of other servers up to this one were reported."""
        self.generation = generation
        self.on_facts: OnFacts = lambda _: None
        self.on_redacted: OnRedacted = lambda *_: None
        self.on_version: list[Callable[[int], None]] = []
        self.on_fenced: Callable[[], None] = lambda: None
        self.on_cut: Callable[[Cut], None] = lambda _: None
        self.on_others: Callable[[frozenset[str]], None] = lambda _: None

    def found(self, record: RoomRecord) -> None:
        """Know a room that another server opened, unless it was opened here at the same time."""
        self.logs.setdefault(record.name, Log(record.epoch, record.first, record.last, record.time))

    def grown(self, entries: Mapping[str, list[Msg]]) -> None:
        """Deliver what was said elsewhere."""
        for name, new in entries.items():
            self.deliver(name, new)

    def changed(self, changes: Changes) -> None:
        """Report what was changed elsewhere."""
        if changes.facts:
            self.call(self.on_facts, changes.facts)
        for room, seqs in changes.redacted.items():
            self.call(partial(self.on_redacted, room), seqs)
        self.version = changes.version
        for call in self.on_version:
            self.call(call, changes.version)

    def others(self, servers: frozenset[str]) -> None:
        """Report that there are other servers than before."""
        self.call(self.on_others, servers)

    def fenced(self) -> None:
        """Report that this server was taken for dead."""
        self.on_fenced()

    def cut(self, cut: Cut) -> None:
        """Go on from where the logs are the same, and report it."""
        if cut.renewed:
            self.generation = cut.generation
            for name, log in self.logs.items():
                room = cut.room(name)
                log.epoch, log.first, log.last = room.epoch, room.first, room.last
        self.call(self.on_cut, cut)

"""What servers share that have one schema in PostgreSQL: who is here, what operators set, and when that is everywhere.

Lives here: joining a server's journal, directory and hub for it. Does not live here: the directories (directory/,
journal/postgres/), what a hub makes of others' changes (hub/learning.py). A server that is alone loads none of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from chatctl.common.journal_uri import PostgresPlace
from chatctl.core.leases import Leases
from chatctl.directory import Directory
from chatctl.directory.memory import MemoryDirectory
from chatctl.hub.hub import Hub
from chatctl.hub.spreading import Spreading
from chatctl.journal import FactKey
from chatctl.server.journals import AnyJournal, label_of
from chatctl.server.options import ServeOptions

if TYPE_CHECKING:
    from chatctl.journal.postgres.journal import PostgresJournal

BEGUN_ANEW = "this server continues under another id: the others declared it dead, or the database has lost its members"


class Sharing:
    """What one server shares, if anything."""

    def __init__(self, options: ServeOptions, journal: AnyJournal) -> None:
        """Learn who is here. Blocks: do it before accepting anybody.

        Raises:
            ChatError: it can't be read.
        """
        self._shared: PostgresJournal | None = None
        self.directory: Directory
        self._hand_over: Callable[[], None] = lambda: None
        if isinstance(options.journal, PostgresPlace):
            from chatctl.journal.postgres.directory import PostgresDirectory

            self._shared = cast("PostgresJournal", journal)
            self.directory = directory = PostgresDirectory(self._shared)
            self._hand_over = directory.hand_over
        else:
            self.directory = MemoryDirectory(journal)

    def leases(self, facts: Mapping[FactKey, str]) -> Leases:
        """Return the leases that a journal has: what connections to other servers hold stays theirs."""
        now = time.time()
        if self._shared is None:
            return Leases(facts, now=now, wall=now)
        me = self._shared.me
        return Leases(facts, now=now, wall=now, server=me.sid, others=me.others)

    def join(self, hub: Hub) -> None:
        """Have a hub go by what other servers change, and its operators wait for them."""
        if self._shared is None:
            return
        shared = self._shared

        def fenced() -> None:
            hub.log.error(BEGUN_ANEW)
            hub.leasing.move(shared.me.sid)

        shared.watch(hub.learn, hub.redacted)
        shared.on_fenced(fenced)
        shared.on_cut(lambda why, facts: hub.cut(why, facts=facts))
        shared.on_others(hub.leasing.know)
        hub.admin.spread = Spreading(shared.spread).after

    def ends(self) -> None:
        """Let members go on at the other servers without a leave and a join."""
        self._hand_over()

    def listens(self, port: int) -> None:
        """Tell operators at other servers where this one is."""
        if self._shared is not None:
            self._shared.me.label = label_of(port)

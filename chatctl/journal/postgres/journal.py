"""The journal in PostgreSQL: ``chatctl serve --journal postgresql://…``.

Lives here: how it is opened, and what only an engine does. Does not live here: heads, followers and callbacks
(threaded.py, dispatching.py), the thread that writes (writer.py), its statements (store.py), the tables (layout.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

import psycopg

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Facts, OnKept, RebuildCost
from chatctl.journal.postgres.connection import connect, run
from chatctl.journal.postgres.dispatching import OnFacts, OnRedacted, SharedDispatcher
from chatctl.journal.postgres.engine_errors import fatal_error, reason
from chatctl.journal.postgres.opening import epoch_of
from chatctl.journal.postgres.reconnecting import OnEngine
from chatctl.journal.postgres.registering import application_name
from chatctl.journal.postgres.resuming import Cut
from chatctl.journal.postgres.store import Store
from chatctl.journal.postgres.watcher import OnServer, Sharer, Watcher
from chatctl.journal.postgres.work import Applied, Redaction
from chatctl.journal.postgres.writer import Writer
from chatctl.journal.retention import OnHeld, Retention
from chatctl.journal.threaded import ThreadedJournal
from chatctl.journal.work import FactsChange, closed_error

VACUUM_SECONDS = 3600.0
"""How long the engine may take to clear what was redacted."""

SPREAD_SECONDS = 2.0
"""How long an operator waits for other servers to go by what was changed."""

_SPREAD_LOOK_SECONDS = 0.02

OnCut = Callable[[str, bool], None]
"""Called with the reason, and whether changes of facts were lost."""


class PostgresJournal(ThreadedJournal[Store]):
    """Numbers from 1 up in each room and keeps them in a schema, which one server has open, or several.

    To open it blocks: do that before accepting anybody. It makes the schema if there is none, and starts the thread.

    Args:
        place: of the journal.
        durability: what an acknowledgement has to survive at least: ``os``, ``disk`` or ``replica``; None: what
            the engine gives.
        shared: whether other servers may have the schema open, too: then their entries are delivered as well.
        label: what operators at other servers call this one.
        keep_messages: number that each room keeps; None: all.
        keep_days: how long they are kept; None: for ever.
        loop: where callbacks run; None: the running one.
        on_fatal: called once, on the loop's thread, with the error that the server has to end with.
        on_held: called there with a room whose trim waits, since the clock is in doubt: as ``retention.OnHeld``.
        on_engine: called there when the engine can't be used, and when it can be again.
        on_watcher_error: called there with the reason when this server could not beat, sweep a dead one, or assign
            names, while it can use the engine otherwise. It tries again by itself.
        on_server: called there with what became of another server, and what people call it.
        clock: returns Unix seconds.

    Raises:
        ChatError: it can't be opened; the text says why, and what to do.
    """

    traces = "the engine's write-ahead log and files, until it writes over them"
    _writer: Writer
    _dispatcher: SharedDispatcher

    def __init__(
        self,
        place: PostgresPlace,
        *,
        durability: str | None = None,
        shared: bool = False,
        label: str = "",
        keep_messages: int | None = None,
        keep_days: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        on_fatal: Callable[[ChatError], None] | None = None,
        on_held: OnHeld = lambda *_: None,
        on_engine: OnEngine = lambda *_: None,
        on_watcher_error: Callable[[str], None] = lambda _: None,
        on_server: OnServer = lambda *_: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        store = Store(place, durability, shared=shared, label=label)
        self.me, self.own_changes, self.known_facts = store.me, store.own_changes, store.known_facts
        super().__init__(store, store.facts, store.ends, loop, on_fatal)
        logs = self._dispatcher.logs
        self._dispatcher = SharedDispatcher(self._loop, on_fatal, logs, store.version, store.generation)
        self._dispatcher.on_cut = self._was_cut
        self._on_cut: OnCut = lambda *_: None
        self.place = place
        self.durability = store.durability
        self._told, self._on_watcher_error, self._is_gone = on_engine, on_watcher_error, False
        self._retention = Retention(keep_messages, keep_days, clock, on_held=partial(self._dispatcher.post, on_held))
        self._retention.opened(store)
        self._writer = Writer(store, self._retention, self._dispatcher, self._engine_changed)
        self.look = self._writer.look
        self._watcher = self._start_watcher(store, on_watcher_error, on_server) if shared else None

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored now, if the engine answers; None: it is not known."""
        return self._writer.trouble

    # --- other servers

    @property
    def servers(self) -> int:
        """How many servers have the schema open, this one included."""
        return 1 + len(self.me.others)

    def _start_watcher(self, store: Store, on_error: Callable[[str], None], on_server: OnServer) -> Watcher:
        post, told = self._dispatcher.post, partial(self._dispatcher.post, self._dispatcher.others)
        report, fail = partial(post, on_error), partial(post, self.fail)

        def own() -> int:
            return store.backend if store.is_connected else 0

        return Watcher(self.place, store.me, own, self.look, told, partial(post, on_server), report, fail)

    def watch(self, changed: OnFacts, redacted: OnRedacted) -> None:
        """Be called with the facts that other servers change, in the order of their versions, and what they redact.

        When ``changed`` has returned, this server goes by them, and the others are told so.
        """
        self._dispatcher.on_facts, self._dispatcher.on_redacted = changed, redacted
        self.on_version(lambda version: self._writer.put(Applied(version)))

    def keep(self, changes: Facts, done: OnKept) -> None:
        """Implement ``Journal.keep``. It fails for what another server has changed meanwhile."""
        self._put(FactsChange(changes, done, self._known))

    @property
    def _known(self) -> int | None:
        """The version of the facts that a decision of now is made by; None: no other server changes any."""
        return None if self._watcher is None else self._dispatcher.version

    def reach(self, room: str, after: int, done: OnKept) -> None:
        """Implement ``Journal.reach``: look what others have said, and again if that did not succeed."""
        known = self._dispatcher.logs.get(room)
        if after <= (known.last if known is not None else 0):
            done(None)
            return
        self.look(room)
        outcome = self._writer.submit(lambda store: store.last(room))
        outcome.add_done_callback(partial(self.post, self._reached, room, after, done))

    def _reached(self, room: str, after: int, done: OnKept, outcome: Future[int]) -> None:
        log = self._dispatcher.logs.get(room)
        if error := outcome.exception():
            done(error if isinstance(error, StorageFailed) else closed_error())
        elif log is not None and log.last < min(after, outcome.result()):
            self.reach(room, after, done)
        else:
            done(None)

    @property
    def version(self) -> int:
        """All changes of facts of other servers up to this version were reported."""
        return self._dispatcher.version

    def on_version(self, call: Callable[[int], None]) -> None:
        """Call back on the loop's thread each time that ``version`` rises."""
        self._dispatcher.on_version.append(call)

    def on_fenced(self, call: Callable[[], None]) -> None:
        """Call back on the loop's thread when other servers have taken this one for dead; it goes on by itself."""
        self._dispatcher.on_fenced = call

    def on_cut(self, call: OnCut) -> None:
        """Call back on the loop's thread when the engine has lost what it had committed, or rooms have other epochs.

        Heads and ``end_of`` are as they are now by then. What facts there are follows as what other servers changed.
        """
        self._on_cut = call

    def _was_cut(self, cut: Cut) -> None:
        if cut.renewed:
            self.renewed, self._ends = cut.why, cut.ends
        self._on_cut(cut.why, cut.facts)

    def on_others(self, call: Callable[[frozenset[str]], None]) -> None:
        """Call back on the loop's thread with the other servers when they are others than before."""
        self._dispatcher.on_others = call

    def share(self, sharer: Sharer) -> None:
        """Have somebody else hear of other servers, too."""
        assert self._watcher is not None, "it is shared"
        self._watcher.sharer = sharer

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call on the loop's thread. From any thread."""
        self._dispatcher.post(call, *args)

    def directory_lost(self, why: str) -> None:
        """Report that names can't be assigned, unless that was told with the engine."""
        if not self._is_gone:
            self._on_watcher_error(f"names can't be assigned: {why}")

    def fail(self, error: Exception) -> None:
        """Report that the server has to end, since one of its threads has ended with an error."""
        self._dispatcher.failed(fatal_error(self.place, error))

    async def spread(self, seconds: float = SPREAD_SECONDS) -> list[str]:
        """Wait until all servers go by what this one has kept; return those that do not after so many seconds.

        Raises:
            StorageFailed: the engine can't be asked.
        """
        until = self._loop.time() + seconds
        while behind := await self._run(lambda store: store.fallen_behind()):
            if self._loop.time() >= until:
                break
            await asyncio.sleep(_SPREAD_LOOK_SECONDS)
        return behind

    async def close(self) -> None:
        """Commit what waits, run its callbacks, and leave the schema. Appends fail from now on."""
        if self._watcher is not None:
            self._watcher.stop()
            if self._watcher.sharer is not None:
                self._watcher.sharer.stop()
        await super().close()

    def _engine_changed(self, why: str | None, durability: str) -> None:
        self.durability, self._is_gone = durability, why is not None
        self._told(why, durability)

    def _epoch_of_new(self, room: str) -> str:
        return epoch_of(self._dispatcher.generation, room)

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        """Implement ``Journal.redact``."""
        outcome: asyncio.Future[StorageFailed | None] = self._loop.create_future()
        if self._closing:
            raise closed_error()
        self._writer.put(Redaction(room, self.head(room).epoch, seqs, facts, self._known, outcome.set_result))
        if error := await outcome:
            raise error

    async def rebuild(self) -> None:
        """Have the engine free what redacted and deleted entries took, for others to write over.

        Raises:
            StorageFailed: it could not; it will by itself, sooner or later.
        """
        try:
            await asyncio.to_thread(self._vacuum)
        except psycopg.Error as error:
            raise StorageFailed(f"VACUUM failed: {reason(error)}") from None

    def _vacuum(self) -> None:
        with connect(self.place, application_name("vacuum"), VACUUM_SECONDS) as db:
            run(db, "VACUUM {}.entries", self.place.schema)

    async def cost(self) -> RebuildCost | None:
        """Raise StorageFailed."""
        raise StorageFailed("this is for a journal in a file: in PostgreSQL, use VACUUM FULL")

"""Two servers of one house without sockets: one journal and directory in memory, a loop each, turned by hand."""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from chatctl.core.admission import Admission
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.errors import StorageFailed
from chatctl.hub.hub import Hub
from chatctl.journal import ChangedMeanwhile, Deliver, Draft, Facts, Head, OnAppended, OnKept, Receipt
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Frame, Msg
from tests.support.fakes import Alarm, FakePeer, House
from tests.support.shared_directory import Engine, ServerDirectory

ONE, TWO = "1" * 32, "2" * 32


class JournalOfOne:
    """One server's side of the log that all append to. Facts of others come by way of its directory's inbox."""

    def __init__(self, log: MemoryJournal) -> None:
        self._log = log
        self._deliver: dict[str, Deliver] = {}
        self.directory: ServerDirectory
        self.house: House
        self.held: list[tuple[Deliver, Sequence[Msg]]] | None = None
        """Entries that wait to be shown, if they do."""
        self.waiting: list[Callable[[], None]] | None = None
        """Batches that wait to be committed, if they do."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def follow(self, room: str, deliver: Deliver) -> Head:
        def show(entries: Sequence[Msg]) -> None:
            now = self._deliver.get(room)
            if now is not None and self.held is not None:
                self.held.append((now, entries))
            elif now is not None:
                now(entries)

        is_new, self._deliver[room] = room not in self._deliver, deliver
        return self._log.follow(room, show) if is_new else self._log.head(room)

    def append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        if self.waiting is None:
            self._append(batch, done)
        else:
            self.waiting.append(partial(self._append, batch, done))

    def commit(self) -> None:
        """Commit what waits."""
        waiting, self.waiting = self.waiting or [], None
        for commit in waiting:
            commit()

    def _append(self, batch: Sequence[Draft], done: OnAppended) -> None:
        """Refuse posters whose name is a member's by now, as an engine does."""
        taken = [self.directory.engine.is_taken(draft, self.directory) for draft in batch]
        asked = [replace(draft, append=False) if no else draft for draft, no in zip(batch, taken, strict=True)]

        def committed(outcome: Sequence[Receipt] | StorageFailed) -> None:
            if not isinstance(outcome, StorageFailed):
                told = zip(outcome, taken, strict=True)
                outcome = [replace(one, taken=True) if no and one.seq is None else one for one, no in told]
            done(outcome)

        self._log.append(asked, committed)

    def forget(self, room: str) -> None:
        """Leave the log as it is: the other server may be in it."""
        self._deliver[room] = lambda _: None

    def show(self) -> None:
        """Show what waited."""
        held, self.held = self.held or [], None
        for deliver, entries in held:
            deliver(entries)

    def reach(self, room: str, after: int, done: OnKept) -> None:
        if self.held:
            self.house.call_soon(lambda: (self.show(), done(None)))
        else:
            done(None)

    def keep(self, changes: Facts, done: OnKept) -> None:
        directory, known = self.directory, self.directory.version

        def kept(error: StorageFailed | None) -> None:
            if error is None:
                directory.engine.keep(changes, directory)
            done(error)

        def commit() -> None:
            if directory.engine.gone:
                done(StorageFailed("the engine is gone"))
            elif directory.engine.is_changed(changes, known, directory):
                directory.put(lambda: done(ChangedMeanwhile("try again")))  # after what was changed
            else:
                self._log.keep(changes, kept)

        directory.soon(commit)

    async def redact(self, room: str, seqs: Sequence[int], facts: Facts) -> None:
        if self.directory.engine.is_changed(facts, self.directory.version, self.directory):
            heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.directory.put(lambda: heard.set_result(None))
            await heard
            raise ChangedMeanwhile("try again")
        await self._log.redact(room, seqs, facts)
        self.directory.engine.redact(room, seqs, self.directory)
        self.directory.engine.keep(facts, self.directory)

    async def token_of(self, room: str, seq: int) -> bytes | None:
        """Find it among the receipts, as an engine does among the ids."""
        kept = self._log._receipts.items()
        return next((token for (name, token, _), (receipt, _) in kept if (name, receipt.seq) == (room, seq)), None)


class ServerOfMany(House):
    """One server of several, without sockets."""

    def __init__(self, name: str, engine: Engine, log: MemoryJournal, *, late: bool = False, **parts: Any) -> None:
        self._directory = ServerDirectory(engine, name, self.call_soon, late=late)
        journal = JournalOfOne(log)
        journal.house, journal.directory = self, self._directory
        super().__init__(journal=journal, directory=self._directory, **parts)  # type: ignore[arg-type]
        self._directory.on_facts, self._directory.on_redacted = self.hub.learn, self.hub.redacted
        self.move()
        self._directory.on_moved = self.move

    def move(self) -> None:
        """Go by the id that the directory has for this server."""
        self.hub.leasing.move(self._directory.sid)


class TwoServers:
    """``one`` and ``two``."""

    def __init__(self, *, late: bool = False) -> None:
        self.engine, self.log, self._late = Engine(), MemoryJournal(), late
        self.engine.last = lambda room: self.log.head(room).last
        self.one, self.two = self.start("one"), self.start("two")

    def start(self, name: str) -> House:
        """Start a server with what the engine has."""
        facts = {key: value for key, value in self.engine.facts.items() if value is not None}
        admission = Admission(name, ["ops"], claims=NameClaims(facts))
        return ServerOfMany(name, self.engine, self.log, late=self._late, admission=admission, rules=Rules(facts))

    @property
    def houses(self) -> tuple[House, House]:
        return self.one, self.two

    def know(self) -> None:
        """Have each know which other one is alive."""
        for house, other in ((self.one, self.two), (self.two, self.one)):
            house.hub.leasing.know([directory_of(other).sid])

    def settle(self) -> None:
        """Let turns pass at both until nothing is due."""
        while any(house.due for house in self.houses):
            for house in self.houses:
                house.settle()

    def pass_time(self, seconds: float) -> None:
        for house in self.houses:
            house.pass_time(seconds)
        self.settle()


def journal_of(house: House) -> JournalOfOne:
    """Return a server's side of the journal."""
    assert isinstance(house.journal, JournalOfOne)
    return house.journal


def directory_of(house: House) -> ServerDirectory:
    """Return a server's side of the directory."""
    assert isinstance(house.hub.directory, ServerDirectory)
    return house.hub.directory


def join(servers: TwoServers, house: House, nick: str, token: str | None = None, **fields: object) -> FakePeer:
    """Have a json client join at one server, and let it all be told at both."""
    peer = house.join(nick, token, **fields)
    servers.settle()
    return peer


def nicks(house: House, room: str = "lobby") -> list[str]:
    """Return who is in a room, as one server sees it."""
    return sorted(member.nick for member in house.hub.presence.roster(room))


class Second(ServerOfMany):
    """The second server of a ``HouseOfTwo``: its loop and its clocks are those of the first one."""

    def __init__(self, first: House, *parts: Any, **named: Any) -> None:
        self._first = first
        super().__init__(*parts, **named)
        self.logged = first.logged

    @property
    def now(self) -> float:  # type: ignore[override]
        return self._first.now

    @now.setter
    def now(self, _: float) -> None:
        """Leave it to the first one."""

    @property
    def wall_ahead(self) -> float:  # type: ignore[override]
        return self._first.wall_ahead

    @wall_ahead.setter
    def wall_ahead(self, _: float) -> None:
        """Leave it to the first one."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        self._first.call_soon(callback)

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        return self._first.call_at(when, callback)


class HouseOfTwo(ServerOfMany):
    """What tests of one server take for one, and are two: each connection goes to the other one than that before.

    Operators are at the first one.
    """

    def __init__(self, limits: ServerLimits | None = None, journal: MemoryJournal | None = None, **parts: Any) -> None:
        engine, log = Engine(), journal or MemoryJournal()
        of_second = copy.deepcopy(parts)  # what one server knows, the other is told
        super().__init__("one", engine, log, limits=limits, **parts)
        self.second = Second(self, "two", engine, log, limits=self.limits, **of_second)
        self.journal = log
        engine.last = lambda room: log.head(room).last
        engine.on_kept = lambda facts: log.keep(facts, lambda _: None)
        for server, other in ((self, self.second), (self.second, self)):
            server.hub.leasing.know([other.hub.leasing.leases.server])
        self._turns: Iterator[House] = itertools.cycle([self.second, self])

    @property
    def hubs(self) -> list[Hub]:
        return [self.hub, self.second.hub]

    def peer(self, *frames: Frame | bytes) -> FakePeer:
        """Connect to one of them; have it say these at once."""
        peer = FakePeer(next(self._turns))
        return peer.say(*frames) if frames else peer

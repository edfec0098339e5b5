"""Two servers of one house without sockets: one journal and directory in memory, a loop each, turned by hand."""

from __future__ import annotations

from collections.abc import Sequence

from chatctl.core.admission import Admission
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.journal import Deliver, Facts, Head, OnKept
from chatctl.journal.memory import MemoryJournal
from chatctl.protocol import Msg
from tests.support.fakes import FakePeer, House
from tests.support.shared_directory import Engine, ServerDirectory

ONE, TWO = "1" * 32, "2" * 32


class SharedJournal(MemoryJournal):
    """The log that both servers append to, and the facts."""

    def forget(self, room: str) -> None:
        """Keep it: the other server may be in it."""


class JournalOfOne:
    """One server's side of it: entries of the other come a turn later, and facts by way of the directory's inbox."""

    def __init__(self, log: SharedJournal) -> None:
        self._log = log
        self.directory: ServerDirectory
        self.house: House
        self.held: list[tuple[Deliver, Sequence[Msg]]] | None = None
        """Entries that wait to be shown, if they do."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def follow(self, room: str, deliver: Deliver) -> Head:
        def later(entries: Sequence[Msg]) -> None:
            if self.held is not None:
                self.held.append((deliver, entries))
            else:
                deliver(entries)

        return self._log.follow(room, later)

    def show(self) -> None:
        """Show what waited."""
        held, self.held = self.held or [], None
        for deliver, entries in held:
            deliver(entries)

    def reach(self, room: str, after: int, done: OnKept) -> None:
        self.house.call_soon(lambda: (self.show(), done(None)))

    def keep(self, changes: Facts, done: OnKept) -> None:
        self.directory.engine.keep(changes, self.directory)
        done(None)


class TwoServers:
    """``one`` and ``two``."""

    def __init__(self, *, late: bool = False) -> None:
        self.engine, self.log, self._late = Engine(), SharedJournal(), late
        self.one, self.two = self.start("one"), self.start("two")

    def start(self, name: str) -> House:
        """Start a server with what the engine has."""
        journal = JournalOfOne(self.log)
        facts = {key: value for key, value in self.engine.facts.items() if value is not None}

        class OfMany(House):
            def new_directory(self) -> ServerDirectory:
                journal.directory = ServerDirectory(engine, name, self.call_soon, late=late)
                return journal.directory

        engine, late = self.engine, self._late
        admission = Admission(name, ["ops"], claims=NameClaims(facts))
        house = OfMany(journal=journal, admission=admission, rules=Rules(facts))  # type: ignore[arg-type]
        journal.house = house
        journal.directory.on_facts = house.hub.learn
        return house

    @property
    def houses(self) -> tuple[House, House]:
        return self.one, self.two

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

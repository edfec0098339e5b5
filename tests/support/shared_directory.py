"""A directory of several servers, in memory: what one in an engine promises, with the order of its commits laid open.

Each server has an inbox of what was committed and it has not been told yet: verdicts, news, claims, errands, in the
order of the commits. ``late`` servers read it a turn later, others at each call of their own, and a turn later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from chatctl.common.names import fold_nick
from chatctl.core.members import Member
from chatctl.core.name_ownership import Owner
from chatctl.directory import (
    Came,
    Changed,
    Errand,
    Given,
    News,
    OnErrand,
    Outcome,
    Place,
    Remote,
    Renamed,
    Verdict,
    Went,
    Wish,
)
from chatctl.directory.table import Table
from chatctl.errors import StorageFailed
from chatctl.journal import Draft, FactKey, Facts

Soon = Callable[[Callable[[], None]], object]


def as_member(one: Remote) -> Member[None]:
    """Return a member of another server as a roster has it."""
    return Member(
        one.nick, fold_nick(one.nick), one.token, one.since, 0.0, None, one.key, one.room, one.place, one.host
    )


class Engine:
    """What all servers have in common."""

    def __init__(self) -> None:
        self.table = Table()
        self.members: dict[Place, Remote] = {}
        self.facts: dict[tuple[str, str], str | None] = {}
        self.version = 0
        self.changed: dict[FactKey, tuple[int, ServerDirectory]] = {}
        """In which version each fact was changed last, and by whom."""
        self.servers: list[ServerDirectory] = []
        self.gone = False
        """Whether it can't be reached."""
        self.on_kept: Callable[[Facts], None] = lambda _: None
        """Is told of facts that came with a name."""
        self.last: Callable[[str], int] = lambda _: 0
        """Returns the last entry of a room."""

    def is_taken(self, draft: Draft, by: ServerDirectory) -> bool:
        """Return whether somebody else is a member elsewhere under the name of a poster, or one that looks like it."""
        if draft.poster is None or not draft.append or not draft.persist:
            return False
        places = {place for look in draft.poster.looks for place in self.table.alike(look)}
        owner = Owner(draft.token, draft.poster.key)
        return any(place.server != by.sid and not owner.owns(as_member(self.members[place])) for place in places)

    def is_changed(self, facts: Facts, known: int, by: ServerDirectory) -> bool:
        """Return whether another server has changed these, or any claim if there are some, after a version."""
        claims = any(kind == "claim" for kind, _ in facts)
        return any(
            version > known and server is not by
            for key, (version, server) in self.changed.items()
            if key in facts or (claims and key[0] == "claim")
        )

    def keep(self, facts: Facts, by: ServerDirectory) -> None:
        """Keep facts, and hand them to the other servers."""
        self.version += 1
        self.facts |= facts
        self.changed |= dict.fromkeys(facts, (self.version, by))
        for server in self.servers:
            if server is not by:
                server.hear_facts(facts)

    def redact(self, room: str, seqs: Sequence[int], by: ServerDirectory) -> None:
        """Tell the other servers what was redacted."""
        for server in self.servers:
            if server is not by:
                server.put(partial(server.on_redacted, room, seqs))

    def tell(self, news: News, by: ServerDirectory) -> None:
        for server in self.servers:
            if server is not by:
                server.put(partial(server.take_news, news))

    def give(self, wish: Wish, by: ServerDirectory) -> Place:
        place = self.table.give(wish, by.sid)
        remote = Remote(place, wish.room, wish.nick, wish.token, wish.key, wish.since, wish.host)
        names = {(one.room, one.nick.casefold()) for key, one in self.members.items() if key != wish.place}
        assert (wish.room, wish.nick.casefold()) not in names, f"{wish.nick} is given twice in {wish.room}"
        self.members[place] = remote
        if wish.place is None:
            self.tell(Came(remote), by)
        else:
            del self.members[wish.place]
            self.tell(Renamed(wish.place, remote), by)
        return place

    def free(self, place: Place, after: int, by: ServerDirectory) -> None:
        if self.table.free(place):
            del self.members[place]
            self.tell(Went(place, after), by)

    def fence(self, server: ServerDirectory) -> None:
        """Take a server for dead: its names are free, and it is told when it reads its inbox."""
        places = [place for place in self.members if place.server == server.sid]
        for place in places:
            self.free(place, 0, server)
        server.begin()
        server.put(partial(server.take_fence, places))


class ServerDirectory:
    """Implements ``Directory`` for one server."""

    def __init__(self, engine: Engine, name: str, soon: Soon, *, late: bool) -> None:
        self.engine = engine
        self.name = name
        self._soon = soon
        self._late = late
        self._incarnation = 0
        self._under_way: deque[Callable[[], None]] = deque()
        self._inbox: deque[Callable[[], None]] = deque()
        self._claims_kept = self._claims_heard = 0
        self.version = engine.version
        """Of the facts: what others have changed up to this one was heard."""
        self.stopped = False
        """Whether it reads nothing."""
        self.on_facts: Callable[[Facts], None] = lambda _: None
        self.on_moved: Callable[[], None] = lambda: None
        """Is told that this server has another id."""
        self.on_redacted: Callable[[str, Sequence[int]], None] = lambda *_: None
        engine.servers.append(self)
        self.begin()

    def begin(self) -> None:
        self._incarnation += 1
        self.sid = f"{self.name}{self._incarnation}"

    # --- the inbox

    def put(self, item: Callable[[], None]) -> None:
        self._inbox.append(item)
        self._soon(self.read)

    def read(self) -> None:
        while self._inbox and not self.stopped:
            self._inbox.popleft()()

    def take_news(self, news: News) -> None:
        self._news([news])

    def take_fence(self, places: Sequence[Place]) -> None:
        self.on_moved()
        self._fenced(places)

    def hear_facts(self, facts: Facts) -> None:
        claims = any(kind == "claim" for kind, _ in facts)
        self._claims_kept += claims
        version = self.engine.version

        def heard() -> None:
            self._claims_heard += claims
            self.version = version
            self.on_facts(facts)

        self.put(heard)

    def soon(self, work: Callable[[], None]) -> None:
        """Do something at the engine: now, or a turn later; in the order of the calls."""
        if not self._late and not self._under_way:
            work()
            return
        self._under_way.append(work)
        self._soon(lambda: self._under_way.popleft()())

    def _do(self, work: Callable[[], None]) -> None:
        """Do something at the engine: now, or a turn later; then read what came of it."""
        self.soon(work)
        if not self._under_way:
            self.read()

    # --- Directory

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        heard = self._claims_heard

        def judge() -> None:
            verdicts = [self._judge(wish, heard) for wish in wishes]
            self.put(lambda: done(verdicts))

        self._do(judge)

    def _judge(self, wish: Wish, heard: int) -> Verdict:
        if self.engine.gone:
            return StorageFailed("the engine is gone")
        if heard < self._claims_kept or not self.engine.table.fits(wish):
            return Changed()
        if wish.room:
            return Given(self.engine.give(wish, self))
        if wish.facts:
            self.engine.keep(wish.facts, self)
            self.engine.on_kept(wish.facts)
        return Given(None)

    def reach(self, room: str, done: Callable[[int | None], None]) -> None:
        if self.stopped or self.engine.gone:
            done(None)
        else:
            self._do(lambda: self.put(partial(done, self.engine.last(room))))

    def release(self, members: Sequence[Place], after: int) -> None:
        def free() -> None:
            for place in members:
                self.engine.free(place, after, self)

        self._do(free)

    def follow(self, news: Callable[[Sequence[News]], None]) -> Sequence[Remote]:
        self._news = news
        return list(self.engine.members.values())

    def send(self, to: Place, errand: Errand, done: Callable[[Outcome], None]) -> None:
        if to.server == self.sid:
            done(self._errand(to, errand))
            return
        server = next((one for one in self.engine.servers if one.sid == to.server), None)

        def arrive() -> None:
            if server is None:
                self.put(lambda: done("absent"))
            elif server.stopped:
                self.put(lambda: done("unknown"))
            else:
                server.put(lambda: self.put(partial(done, server._errand(to, errand))))

        self._do(arrive)

    def on_errand(self, call: OnErrand) -> None:
        self._errand = call

    def on_fenced(self, call: Callable[[Sequence[Place]], None]) -> None:
        self._fenced = call

    def count_watchers(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self.counts = counts

    def watchers(self, room: str) -> int:
        return sum(one.counts().get(room, 0) for one in self.engine.servers if one is not self)

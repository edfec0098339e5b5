"""searching.py: pages of what was found are the log, filtered; bounded, and fair to everybody else."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatctl.common.text_search import Looked, Query, look_through
from chatctl.core.limits import ServerLimits
from chatctl.errors import StorageFailed
from chatctl.hub import searching
from chatctl.hub.admin_target import Actor
from chatctl.journal import Head
from chatctl.journal.memory import MemoryJournal
from chatctl.journal.sqlite import SqliteJournal
from chatctl.protocol import Admin, Error, Found, Hello, History, Msg, Page, Say, Search
from chatctl.server.connection import MAX_IN_FLIGHT
from tests.hub.conftest import OF_ONE
from tests.support.fakes import FakePeer, House, only
from tests.support.journals import DEADLINE, opened, trim


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test inside an event loop."""

    @functools.wraps(test)
    def run() -> None:
        asyncio.run(asyncio.wait_for(test(), DEADLINE))

    return run


async def until(house: House, done: Callable[[], object]) -> None:
    """Let the loop and the hub turn until ``done``."""
    while not done():
        house.settle()
        await asyncio.sleep(0)


async def ask(house: House, peer: FakePeer, search: Search) -> Found:
    """Search once."""
    peer.take()
    peer.say(search)
    await until(house, lambda: only(Found, peer.frames))
    [found] = only(Found, peer.take())
    assert [entry.seq for entry in found.entries] == sorted((entry.seq for entry in found.entries), reverse=True)
    return found


async def every(house: House, peer: FakePeer, search: Search) -> list[Msg]:
    """Search to the end of the log, page by page."""
    entries: list[Msg] = []
    while True:
        found = await ask(house, peer, search)
        assert search.before is None or found.before < search.before or not found.more
        entries += found.entries
        if not found.more:
            return entries
        search = Search(search.text, found.before, search.since, search.from_, search.limit)


async def talk(house: House, peer: FakePeer, *texts: str) -> None:
    """Say texts, and wait until they are in the room."""
    assert peer.room is not None
    last = peer.room.ring.last + len(texts)
    peer.say(*map(Say, texts))
    await until(house, lambda: peer.room is not None and peer.room.ring.last == last)


def test_without_a_journal_the_ring_is_searched() -> None:
    @run
    async def main() -> None:
        house = House(ServerLimits(rate=0, ring_entries=150))
        nadia, omar = house.join("nadia"), house.join("omar")
        await talk(house, nadia, *[f"Deploy {n}" for n in range(300)])
        await talk(house, omar, "DEPLOY done")
        found = await every(house, omar, Search("deploy"))
        assert [entry.text for entry in found] == ["DEPLOY done", *[f"Deploy {n}" for n in range(299, 150, -1)]]
        assert await every(house, omar, Search("deploy", limit=0)) == found, "a limit of 0 goes on without end"
        assert [entry.nick for entry in await every(house, omar, Search("deploy", from_=["OMAR"]))] == ["omar"]
        assert await every(house, omar, Search("nobody said that")) == []

    main()


@run
async def test_whispers_are_never_found() -> None:
    house = House()
    nadia, omar = house.join("nadia"), house.join("omar")
    nadia.say(b'{"type":"whisper","to":"omar","text":"a secret"}\n')
    await talk(house, nadia, "no secret")
    assert [entry.text for entry in await every(house, omar, Search("secret"))] == ["no secret"]


@run
async def test_only_the_room_one_is_in_is_searched() -> None:
    house = House()
    nadia, there = house.join("nadia"), house.join("omar", room="ops")
    await talk(house, nadia, "here")
    await talk(house, there, "here, too")
    assert [entry.text for entry in await every(house, nadia, Search("here"))] == ["here"]
    assert [entry.text for entry in await every(house, there, Search("here"))] == ["here, too"]


@OF_ONE
@pytest.mark.parametrize("mode", ["watch", "post", "probe"])
def test_who_may_read_the_history_may_search_it(mode: str) -> None:
    @run
    async def main() -> None:
        house = House()
        await talk(house, house.join("nadia"), "hello")
        other = house.peer(Hello(v=1, nick="" if mode in ("watch", "probe") else "ci", mode=mode))  # type: ignore[arg-type]
        house.settle()
        assert [entry.text for entry in (await ask(house, other, Search("HELLO", id="7"))).entries] == ["hello"]

    main()


def test_nobody_searches_before_the_welcome() -> None:
    house = House()
    stranger = house.peer(Search("hello"))
    house.settle()
    assert [error.code for error in only(Error, stranger.frames)] == ["not_joined"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"search"}',
        b'{"type":"search","text":""}',
        b'{"type":"search","text":"%s"}' % (b"x" * 4096),
        b'{"type":"search","text":"x","from":"nadia"}',
        b'{"type":"search","text":"x","from":%s}' % str(["n"] * 11).replace("'", '"').encode(),
        b'{"type":"search","text":"x","before":-1}',
        b'{"type":"search","text":"x","since":"yesterday"}',
    ],
)
def test_a_search_that_makes_no_sense_is_refused_and_the_connection_lives(line: bytes) -> None:
    house = House()
    nadia = house.join("nadia")
    nadia.take()
    nadia.say(line + b"\n", Say("hi"))
    house.settle()
    assert [error.code for error in only(Error, nadia.frames)] == ["bad_frame"]
    assert len(only(Msg, nadia.frames)) == 1


# --- a journal that is looked at


class LookedAt(MemoryJournal):
    """Has a log before the server starts, answers when its loop turns, and counts what is looked at."""

    def __init__(self, number: int, text: str = "m") -> None:
        super().__init__()
        self.entries = [Msg(seq=n, time=float(n), nick="old", text=f"{text}{n}") for n in range(1, number + 1)]
        self._last["lobby"] = number
        self.pieces: list[tuple[int, int]] = []
        self.texts: list[str] = []
        self.now = self.most = 0
        self.broken: Exception | None = None

    def head(self, room: str) -> Head:
        return Head(self._epoch, 1, super().head(room).last)

    async def read(
        self, room: str, after: int, limit: int, *, most: int | None = None, newest: bool = False
    ) -> Sequence[Msg]:
        await asyncio.sleep(0)
        return self.entries[after : after + limit]

    async def search(self, room: str, query: Query, after: int, before: int, limit: int) -> Looked:
        self.pieces.append((after, before))
        self.texts.append(query.text)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        if self.broken is not None:
            raise self.broken
        found, stopped = look_through(self.entries[after : before - 1][::-1], query, limit, lambda: False)
        return Looked(found, stopped.seq if stopped else after + 1, float(stopped.seq if stopped else after + 1))


@run
async def test_a_search_of_a_million_entries_stops_at_its_bounds_and_goes_on_from_there() -> None:
    journal = LookedAt(1_000_000)
    house = House(journal=journal)
    nadia = house.join("nadia")
    found = await ask(house, nadia, Search("nobody said that", id="a"))
    assert (found.entries, found.more, found.id) == ([], True, "a")
    assert found.before == 1_000_001 - searching.MOST_LOOKED_AT
    assert found.time == float(found.before)
    assert sum(before - after - 1 for after, before in journal.pieces) == searching.MOST_LOOKED_AT
    assert all(before - after - 1 <= searching.JOURNAL_PIECE for after, before in journal.pieces)
    assert [entry.seq for entry in await every(house, nadia, Search("m7"))][-3:] == [71, 70, 7]


@OF_ONE
@run
async def test_a_search_stops_when_its_time_is_over_but_has_looked_at_something() -> None:
    journal = LookedAt(50_000)
    house = House(journal=journal)
    nadia = house.join("nadia")
    house.now += 1
    house.time = lambda: house.now + 1.01 * searching.SECONDS * len(journal.pieces)  # type: ignore[method-assign]
    found = await ask(house, nadia, Search("nobody said that"))
    assert len(journal.pieces) == 1
    assert (found.before, found.more) == (50_001 - searching.JOURNAL_PIECE, True)


@run
async def test_a_search_ends_where_the_log_is_older_than_it_asks_for() -> None:
    journal = LookedAt(50_000)
    house = House(journal=journal)
    nadia = house.join("nadia")
    found = await ask(house, nadia, Search("m", since=49_990.0))
    assert [entry.seq for entry in found.entries] == list(range(50_000, 49_989, -1))
    assert not found.more
    assert len(journal.pieces) == 1


@run
async def test_a_search_is_one_at_a_time_for_a_connection_and_counts_as_all_it_may_have_under_way() -> None:
    journal = LookedAt(5_000)
    house = House(journal=journal)
    nadia = house.join("nadia")
    nadia.take()
    nadia.say(*[Search(f"none {n}") for n in range(5)], Say("hi"))
    await until(house, lambda: journal.pieces)
    assert nadia.in_flight >= MAX_IN_FLIGHT
    await until(house, lambda: only(Msg, nadia.frames))
    assert [type(frame).__name__ for frame in nadia.frames] == [*["Found"] * 5, "Msg"]
    assert journal.texts == [f"none {n}" for n in range(5) for _ in range(5)]
    assert nadia.in_flight == 0


@OF_ONE
@run
async def test_a_flood_of_searches_holds_nobody_else_up() -> None:
    """Three search all the time: another one's search has every fourth piece, and a page waits for none of them."""
    journal = LookedAt(100_000)
    house = House(journal=journal)
    flooders = [house.join(f"f{n}") for n in range(3)]
    victim, reader = house.join("victim"), house.join("reader")
    for flooder in flooders:
        flooder.say(*[Search(f"{flooder.member.nick} {n}") for n in range(50)])  # type: ignore[union-attr]
    await until(house, lambda: len(journal.pieces) > 20)
    begun = len(journal.pieces)
    victim.say(Search("mine", before=10_001))
    reader.say(History(limit=5, after=10))
    await until(house, lambda: only(Page, reader.frames))
    assert len(journal.pieces) - begun < 10, "a page waits for pieces, not for searches"
    await until(house, lambda: only(Found, victim.frames))
    during = journal.texts[begun:]
    assert during.count("mine") == 10
    assert len(during) <= 4 * 10 + 8, "each of the four who search has its turn"
    assert journal.most == 1
    assert not only(Found, flooders[0].frames), "a long one is still under way"
    for flooder in flooders:
        flooder.lose()
    await until(house, lambda: len(house.hub.peers) == 2)


@run
async def test_one_who_leaves_ends_a_search() -> None:
    journal = LookedAt(100_000)
    house = House(journal=journal)
    nadia = house.join("nadia")
    nadia.say(Search("nobody said that"))
    await until(house, lambda: len(journal.pieces) > 3)
    nadia.lose()
    await until(house, lambda: nadia.closed and nadia not in house.hub.peers)
    looked = len(journal.pieces)
    assert looked < 10
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(journal.pieces) == looked


@pytest.mark.parametrize(
    ("error", "code"), [(StorageFailed("unreadable"), "storage"), (RuntimeError("a defect"), "internal")]
)
def test_a_search_that_fails_is_answered_with_its_id_and_holds_nobody(error: Exception, code: str) -> None:
    @run
    async def main() -> None:
        journal = LookedAt(50)
        journal.broken = error
        house = House(journal=journal)
        nadia = house.join("nadia")
        nadia.say(Search("x", id="q"), Say("hi"))
        await until(house, lambda: only(Msg, nadia.frames))
        assert [(one.code, one.id) for one in only(Error, nadia.frames)] == [(code, "q")]
        assert nadia.in_flight == 0
        assert house.hub.memory.output.used == 0

    main()


def test_what_one_answer_holds_is_bounded_in_bytes_too() -> None:
    @run
    async def main() -> None:
        house = House(ServerLimits(rate=0, text=16 << 20, line=64 << 20), journal=LookedAt(100))
        found = await ask(house, house.join("nadia"), Search("m"))
        assert len(found.entries) == 1
        assert (found.before, found.more) == (100, True)

    main()


# --- against the log itself


@asynccontextmanager
async def a_house(kind: str) -> AsyncIterator[House]:
    """Serve from memory, or from a file that keeps ten messages or a few more."""
    if kind == "memory":
        yield House(ServerLimits(rate=0, ring_entries=14))
        return
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "rooms.db", durability="os", keep_messages=10) as journal:
            yield House(journal=journal)  # type: ignore[arg-type]


TEXTS = st.text("aAßsSİiI é\u0301e", min_size=1, max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.lists(TEXTS, min_size=1, max_size=6)),
        st.tuples(st.just("redact"), st.integers(0, 9)),
        st.tuples(st.just("trim")),
        st.tuples(st.just("page")),
        st.tuples(st.just("redact while a page is made"), st.integers(0, 9)),
        st.tuples(st.just("say while a page is made"), TEXTS),
    ),
    min_size=1,
    max_size=12,
)


class Model:
    """A room, what was said in it, and a search of it that goes on."""

    def __init__(self, house: House, wanted: str, limit: int) -> None:
        self.house = house
        self.talker, self.searcher = house.join("nadia"), house.join("omar")
        self.search = Search(wanted, limit=limit)
        self.query = Query.of(self.search)
        self.said: list[str] = []
        self.redacted: set[int] = set()
        """Those whose redaction has begun."""
        self.done: set[int] = set()
        self.begun: int | None = None
        """The log's end when the present search began."""
        self.pages: list[Found] = []

    @property
    def first(self) -> int:
        history = self.house.hub.history
        return history.first(history.rooms["lobby"])

    def naive(self, last: int, first: int) -> set[int]:
        """Return what a filter over the whole log finds."""
        log = [Msg(seq, 0.0, "nadia", text) for seq, text in enumerate(self.said, 1) if first <= seq <= last]
        return {entry.seq for entry in log if self.query.finds(entry) and entry.seq not in self.redacted}

    async def say(self, texts: Sequence[str]) -> None:
        await talk(self.house, self.talker, *texts)
        self.said += texts

    async def redact(self, back: int) -> None:
        """Empty the entry that is so many before the newest, if it is kept."""
        seq, outcomes = len(self.said) - back, list[object]()
        if seq < self.first:
            return
        self.redacted.add(seq)
        order = Admin("redact", seqs=[seq], room="lobby")
        self.house.hub.admin.carry_out(order, Actor("console"), outcomes.append)
        await until(self.house, lambda: outcomes)
        self.done.add(seq)

    async def trim(self) -> None:
        if isinstance(self.house.journal, SqliteJournal):
            await trim(self.house.journal)

    async def page(self) -> None:
        """Get the next page; after the last one, compare all of them with the log."""
        if self.begun is None:
            self.begun = len(self.said)
        before = self.pages[-1].before if self.pages else None
        done, had = set(self.done), len(self.said)
        found = await ask(self.house, self.searcher, Search(self.search.text, before, limit=self.search.limit))
        for entry in found.entries:
            assert (entry.nick, entry.text) == ("nadia", self.said[entry.seq - 1] if entry.seq <= had else entry.text)
            assert entry.seq not in done
            assert found.before <= entry.seq < (before if before is not None else had + 2)
        self.pages.append(found)
        if not found.more:
            seqs = [entry.seq for page in self.pages for entry in page.entries]
            assert seqs == sorted(set(seqs), reverse=True)
            assert self.naive(self.begun, self.first) <= set(seqs)
            assert {seq for seq in seqs if seq <= self.begun} <= self.naive(self.begun, 1) | self.redacted
            self.pages, self.begun = [], None

    async def step(self, what: str, *value: Any) -> None:
        match what, value:
            case "say", (texts,):
                await self.say(texts)
            case "redact", (back,):
                await self.redact(back)
            case "trim", ():
                await self.trim()
            case "page", ():
                await self.page()
            case "redact while a page is made", (back,):
                await asyncio.gather(self.page(), self.redact(back))
            case "say while a page is made", (text,):
                await asyncio.gather(self.page(), self.say([text]))


@pytest.mark.parametrize("kind", ["memory", "file"])
@given(steps=STEPS, wanted=st.text("aAsSßiIİeé", min_size=1, max_size=2), limit=st.integers(1, 4))
@settings(max_examples=20)
def test_the_pages_of_a_search_are_the_log_filtered(kind: str, steps: list[Any], wanted: str, limit: int) -> None:
    """Whatever is said, redacted and trimmed meanwhile."""

    @run
    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searching, "JOURNAL_PIECE", 3)
            patch.setattr(searching, "RING_PIECE", 2)
            patch.setattr(searching, "MOST_LOOKED_AT", 8)
            async with a_house(kind) as house:
                model = Model(house, wanted, limit)
                for step in steps:
                    await model.step(*step)
                await model.page()
                while model.begun is not None:
                    await model.page()

    main()


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_what_is_redacted_while_a_search_goes_on_is_not_in_its_answer(kind: str) -> None:
    """It was found in an earlier piece, and is held until the last one."""

    @run
    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searching, "JOURNAL_PIECE", 1)
            patch.setattr(searching, "RING_PIECE", 1)
            async with a_house(kind) as house:
                model = Model(house, "secret", 99)
                await model.say([f"secret {n}" for n in range(8)])
                room = house.hub.history.rooms["lobby"]
                model.searcher.take()
                model.searcher.say(Search("secret"))
                await until(house, lambda: room._watching)
                while not only(Found, model.searcher.frames):
                    room.redact([8, 7])
                    house.settle()
                    await asyncio.sleep(0)
                [found] = only(Found, model.searcher.frames)
                assert [entry.seq for entry in found.entries] == [6, 5, 4, 3, 2, 1]
                assert room._watching == {}

    main()

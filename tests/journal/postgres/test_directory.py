"""Who is here at several servers: one owner of each name, news in one order, and whoever is dead is told once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence

import psycopg
import pytest
from msgspec.structs import replace

from chatctl.common.journal_uri import PostgresPlace
from chatctl.common.names import fold_nick
from chatctl.core.confusables import skeletons
from chatctl.core.name_ownership import Owner
from chatctl.directory import (
    Came,
    Changed,
    Errand,
    Given,
    Kick,
    News,
    Outcome,
    Place,
    Remote,
    Renamed,
    Verdict,
    Went,
    Whispering,
    Wish,
)
from chatctl.errors import StorageFailed
from chatctl.journal import Facts, Poster
from chatctl.journal.postgres import directory, reconnecting, watcher
from chatctl.journal.postgres.directory import PostgresDirectory
from chatctl.journal.postgres.errands import SENT
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.numbering import ADDED, TAKEN
from tests.support.engine import Engine, running
from tests.support.journals import ALICE, BOB, ROOM, draft, run, say, texts
from tests.support.shared_directory import as_member

WAIT = 15.0


def wish(nick: str, *seen: Place, **fields: object) -> Wish:
    given = {"nick": nick, "fold": fold_nick(nick), "looks": skeletons(nick), "seen": frozenset(seen), "room": ROOM}
    return Wish(**given | fields)  # type: ignore[arg-type]


class Server:
    """One server's journal and directory, and what it was told."""

    def __init__(self, place: PostgresPlace, label: str = "") -> None:
        self.journal = PostgresJournal(place, shared=True, label=label)
        self.directory = PostgresDirectory(self.journal)
        self.told: list[News | Facts | Verdict] = []
        self.fenced: list[Sequence[Place]] = []
        self._changed = asyncio.Event()
        self.journal.watch(lambda facts: self._note(self.told, facts), lambda *_: None)
        self.directory.on_fenced(lambda places: self._note(self.fenced, places))
        self.remotes = list(self.directory.follow(lambda news: self._note(self.told, *news)))

    def _note(self, kept: list[object], *new: object) -> None:
        kept.extend(new)
        self._changed.set()

    @property
    def news(self) -> list[News]:
        return [one for one in self.told if isinstance(one, Came | Went | Renamed)]

    async def until(self, done: Callable[[], object]) -> None:
        while not done():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), WAIT)

    async def claim(self, *wishes: Wish) -> list[Verdict]:
        future: asyncio.Future[Sequence[Verdict]] = asyncio.get_running_loop().create_future()

        def judged(verdicts: Sequence[Verdict]) -> None:
            self._note(self.told, *verdicts)
            future.set_result(verdicts)

        self.directory.claim(wishes, judged)
        return list(await asyncio.wait_for(future, WAIT))

    async def enter(self, nick: str, *seen: Place, **fields: object) -> Place:
        [verdict] = await self.claim(wish(nick, *seen, **fields))
        assert isinstance(verdict, Given), verdict
        assert verdict.place is not None
        return verdict.place

    async def reach(self, room: str = ROOM) -> int | None:
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self.directory.reach(room, future.set_result)
        return await asyncio.wait_for(future, WAIT)

    async def keep(self, facts: Facts) -> None:
        future: asyncio.Future[StorageFailed | None] = asyncio.get_running_loop().create_future()
        self.journal.keep(facts, future.set_result)
        assert await asyncio.wait_for(future, WAIT) is None

    async def send(self, to: Place, errand: Errand) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.directory.send(to, errand, future.set_result)
        return await asyncio.wait_for(future, WAIT)

    async def close(self) -> None:
        self.directory.stop()
        await self.journal.close()


@contextlib.asynccontextmanager
async def servers(place: PostgresPlace, count: int = 2) -> AsyncIterator[list[Server]]:
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for number in range(count):
            made.append(Server(place, f"s{number}"))
            stack.push_async_callback(made[-1].close)
        yield made


def nicks(news: Iterable[News]) -> list[str]:
    return [
        f"+{one.member.nick}" if isinstance(one, Came) else "-" if isinstance(one, Went) else f">{one.now.nick}"
        for one in news
    ]


def test_who_comes_is_renamed_and_goes_is_told_at_the_other_server_alone(place: PostgresPlace) -> None:
    async def main() -> None:
        async with servers(place) as (one, other):
            first = await one.enter("Rajat", token=b"t", key="k", since=1.5, host="192.0.2.1")
            second = await one.enter("Rajat_K", first, place=first)
            one.directory.release([second], 7)
            await other.until(lambda: len(other.news) == 3)
            member = Remote(first, ROOM, "Rajat", b"t", "k", 1.5, "192.0.2.1")
            assert other.news == [
                Came(member),
                Renamed(first, Remote(second, ROOM, "Rajat_K")),
                Went(second, 7),
            ]
            assert one.news == []
            third = await one.enter("Rajat")
            late = Server(place)
            assert [one.place for one in late.remotes] == [third]
            await late.close()

    run(main())


def test_those_who_leave_at_once_are_given_up_together(place: PostgresPlace) -> None:
    """A thousand calls would hold up whoever comes. Each is told after what was said before it."""

    async def main() -> None:
        async with servers(place) as (one, other):
            verdicts = await one.claim(*(wish(f"member{number}") for number in range(10)))
            here = [verdict.place for verdict in verdicts if isinstance(verdict, Given) and verdict.place is not None]
            presence = one.directory._thread._presence
            release, is_said, calls = presence.release, threading.Event(), list[int]()

            def wait(sid: str, numbers: Collection[int], after: int) -> None:
                assert is_said.wait(WAIT)
                calls.append(len(numbers))
                release(sid, numbers, after)

            presence.release = wait  # type: ignore[method-assign]
            for number, member in enumerate(here):
                one.directory.release([member], 7 if number < 8 else 9)
            is_said.set()
            await other.until(lambda: len(other.news) == 20)
            assert other.news[10:] == [Went(member, 7 if number < 8 else 9) for number, member in enumerate(here)]
            assert sum(calls) == 10
            assert len(calls) <= 3, "what was there when the thread looked, what came meanwhile, and the other two"

    run(main())


def test_a_name_that_all_want_at_once_is_given_once(place: PostgresPlace) -> None:
    """In batches of their own order. Whoever does not get it knows why by then."""

    async def main() -> None:
        async with servers(place, 3) as many:
            names = [f"name-{number}" for number in range(60)]
            orders = names, names[::-1], names[30:] + names[:30]
            verdicts = await asyncio.gather(
                *[one.claim(*map(wish, order)) for one, order in zip(many, orders, strict=True)]
            )
            given = [
                name
                for order, answers in zip(orders, verdicts, strict=True)
                for name, verdict in zip(order, answers, strict=True)
                if isinstance(verdict, Given)
            ]
            assert sorted(given) == sorted(names)
            for one, order, answers in zip(many, orders, verdicts, strict=True):
                taken = {name for name, verdict in zip(order, answers, strict=True) if isinstance(verdict, Changed)}
                before = one.told[: next(at for at, told in enumerate(one.told) if isinstance(told, Given | Changed))]
                assert taken <= {told.member.nick for told in before if isinstance(told, Came)}

    run(main())


def test_what_was_not_seen_is_looked_at_again(place: PostgresPlace) -> None:
    """Another room, another spelling, one who went: all that share a skeleton have to be known."""

    async def main() -> None:
        async with servers(place) as (one, other):
            dbl = await one.enter("dbl", room="ops")
            assert await other.claim(wish("db1")) == [Changed()]
            assert nicks(other.news) == ["+dbl"]
            db1 = await other.enter("db1", dbl)
            assert await one.claim(wish("dbI", dbl)) == [Changed()], "db1 looks like it, too"
            assert await one.claim(wish("x", place=Place("gone", 10**9))) == [Changed()]
            one.directory.release([dbl], 0)
            assert await one.claim(wish("dbl", dbl, db1)) == [Changed()]
            given, changed = await one.claim(wish("DB1", db1, room="third"), wish("DB1", db1, room="third"))
            assert isinstance(given, Given)
            assert changed == Changed(), "the first one is there by now"

    run(main())


def test_the_engine_lets_nobody_post_under_the_name_of_a_member_that_is_not_theirs(place: PostgresPlace) -> None:
    """It knows the members of all servers before these are told of each other's. It judges as ``Owner.owns`` does."""
    proofs = [Owner(), Owner(token=ALICE), Owner(token=BOB), Owner(ALICE, "k1"), Owner(BOB, "k2"), Owner(key="k1")]

    async def main() -> None:
        async with servers(place) as (one, other):
            one.journal.follow(ROOM, lambda _: None)
            other.journal.follow(ROOM, lambda _: None)
            for number, owner in enumerate(proofs):
                await other.enter(f"warren{number}x", token=owner.token, key=owner.key)
            asked = [
                (number, owner) for number in range(len(proofs) + 1) for owner in proofs
            ]  # nobody has the last name
            drafts = [
                draft(f"{number} {owner}", token=owner.token, id="k", room=ROOM, poster=Poster(looks, owner.key))
                for number, owner in asked
                for looks in [skeletons(f"vvarren{number}x")]
            ]
            receipts = []
            for one_draft in drafts:
                receipts += await say(one.journal, replace(one_draft, id=None))
            member = Remote(Place("", 1), ROOM, "x")
            expected = [
                number < len(proofs)
                and not owner.owns(as_member(replace(member, token=proofs[number].token, key=proofs[number].key)))
                for number, owner in asked
            ]
            assert [receipt.taken for receipt in receipts] == expected
            assert [receipt.seq is None for receipt in receipts] == expected
            said = [text.text for text, taken in zip(drafts, expected, strict=True) if not taken]
            assert await texts(one.journal) == said

            here = await one.enter("omar", token=ALICE)
            assert here.server == one.journal.me.sid
            [own] = await say(one.journal, draft(poster=Poster(skeletons("omar"))))
            assert not own.taken, "it has looked among its own"

            mine, theirs = (draft(token=token, id="k", poster=Poster(skeletons("warren1x"))) for token in (ALICE, BOB))
            together = await say(one.journal, mine, theirs, mine, theirs, draft("a member's"))
            last = len(said) + 1
            assert [(one.seq, one.duplicate, one.taken) for one in together] == [
                (last + 1, False, False), (None, False, True), (last + 1, True, False), (None, False, True),
                (last + 2, False, False),
            ]  # fmt: skip

    run(main())


def test_nobody_becomes_a_member_while_a_post_under_the_name_is_being_committed(place: PostgresPlace) -> None:
    """Else it could be shown after their join, which it was not compared with."""

    async def main() -> None:
        async with servers(place) as (one, other):
            await say(one.journal, draft())
            with psycopg.connect(place.uri) as posting:
                poster = '{"looks": ["rajat"], "token": null, "key": null}'
                call = f"SELECT kinds FROM {place.schema}.append(%s, 99, '{{}}', '{{}}', '{{lobby}}', '{{Rajat}}',"
                call += " '{hi}', '{f}', '{NULL}', '{NULL}', '{t}', '{NULL}', '{NULL}', '{NULL}', %s)"
                assert posting.execute(call, (one.journal.me.sid, [poster])).fetchall() == [([ADDED],)]
                entering = asyncio.create_task(other.enter("Rajat", token=ALICE))
                waiting = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%.claim(%%'"
                )
                while posting.execute(waiting).fetchone() == (0,):
                    posting.execute("SELECT pg_stat_clear_snapshot()")
                    await asyncio.sleep(0)
                assert not entering.done()
            await entering
            with psycopg.connect(place.uri) as posting:
                call = call.replace(" 99,", " 100,")
                assert posting.execute(call, (one.journal.me.sid, [poster])).fetchall() == [([TAKEN],)]

    run(main())


def test_a_take_over_from_another_server_is_told_there(place: PostgresPlace) -> None:
    async def main() -> None:
        async with servers(place) as (one, other):
            here = await one.enter("Rajat")
            await other.until(lambda: other.news)
            there = await other.enter("rajat", here, place=here)
            await one.until(lambda: one.news)
            assert one.news == [Renamed(here, Remote(there, ROOM, "rajat"))]
            assert nicks(other.news) == ["+Rajat"]
            one.directory.release([here], 0)
            assert await one.claim(wish("Rajat")) == [Changed()], "it is the other one's still"

    run(main())


def test_a_claim_that_another_server_has_kept_is_handed_out_before_the_verdict(place: PostgresPlace) -> None:
    """Else somebody could enter under a name that was bound a moment ago."""

    async def main() -> None:
        async with servers(place) as (one, other):
            await deaf(other)
            facts = {("claim", "rajat"): "his"}
            assert await one.claim(wish("Rajat", room="", facts=facts)) == [Given(None)]
            asked = asyncio.ensure_future(other.claim(wish("rajat")))
            while not other.directory._reports:
                await asyncio.sleep(0)
            assert not other.told
            other.journal.look(None)
            assert await asked == [Changed()]
            assert other.told == [facts, Changed()]
            assert isinstance(*await other.claim(wish("rajat")), Given)
            assert isinstance(*await one.claim(wish("omar")), Given), "its own is in nobody's way"
            assert one.journal.version <= other.journal.version

    run(main())


def test_a_dead_server_s_members_go_after_the_sweep_and_once(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.05)

    async def main() -> None:
        async with servers(place, 2) as (one, other):
            dead = Server(place)
            gone = [await dead.enter("Rajat"), await dead.enter("nadia")]
            await other.until(lambda: len(other.news) == 2)
            dead.journal._watcher.stop()  # type: ignore[union-attr]
            await other.until(lambda: len(other.news) == 4)
            assert other.news[2:] == [Went(place) for place in gone]
            await other.enter("Rajat")
            await one.until(lambda: len(one.news) == 5)
            assert nicks(one.news) == ["+Rajat", "+nadia", "-", "-", "+Rajat"]
            await dead.close()

    run(main())


def test_members_of_a_server_that_ends_go_on_at_another_one_without_a_leave(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who do not are told of once it is swept, as of a dead one."""
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.3)

    async def main() -> None:
        async with servers(place, 1) as [other]:
            ending = Server(place)
            returns, gone = [await ending.enter(nick) for nick in ("Rajat", "nadia")]
            await other.until(lambda: len(other.news) == 2)
            ending.directory.hand_over()
            ending.directory.release([returns, gone], 0)
            await ending.close()
            await other.enter("Rajat", returns, place=returns)
            await other.until(lambda: len(other.news) == 3)
            assert other.news[2:] == [Went(gone)]

    run(main())


def test_a_server_that_ends_alone_or_without_members_leaves_at_once(engine: Engine, place: PostgresPlace) -> None:
    rows = f"SELECT 1 FROM {place.schema}.servers"

    async def main() -> None:
        async with servers(place, 2) as (one, other):
            other.directory.hand_over()
            await other.close()
            assert len(engine.sql(rows, database="chat")) == 1
            await one.enter("Rajat")
            one.directory.hand_over()
            await one.close()
            assert engine.sql(rows, database="chat") == []

    run(main())


def test_who_was_taken_for_dead_is_told_which_places_it_had_and_claims_anew(
    engine: Engine, place: PostgresPlace
) -> None:
    async def main() -> None:
        async with servers(place) as (one, other):
            had = [await one.enter("Rajat"), await one.enter("nadia")]
            swept(engine, place, one)
            await other.until(lambda: len(other.news) == 4)
            taken = await other.enter("Rajat")
            await one.until(lambda: one.fenced)
            assert [sorted(places) for places in one.fenced] == [sorted(had)]
            assert nicks(one.news) == ["+Rajat"], "what it has lost it is told as a whole"
            again, changed = await one.claim(wish("nadia"), wish("Rajat"))
            assert isinstance(again, Given)
            assert again.place is not None
            assert again.place.server not in {place.server for place in [*had, taken]}
            assert changed == Changed()

    run(main())


def test_wishes_that_wait_while_it_is_swept_are_refused_before_it_is_told(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with servers(place, 1) as [one]:
            await one.enter("Rajat")
            await deaf(one)
            monkeypatch.setattr(one.directory._thread, "_look", lambda: None)  # the journal notices when it is told to
            order: list[str] = []
            one.directory.on_fenced(lambda _: order.append("fenced"))
            swept(engine, place, one)
            facts = {("claim", "nadia"): "hers"}
            wishes = wish("nadia", room="", facts=facts), wish("nadia")
            refused: list[Verdict] = []
            one.directory.claim(wishes, lambda verdicts: order.append("judged") or refused.extend(verdicts))  # type: ignore[func-returns-value]
            while not one.directory._thread._is_swept:
                await asyncio.sleep(0)
            assert order == []
            one.journal.look(None)
            while len(order) < 2:
                await asyncio.sleep(0.01)
            assert order == ["judged", "fenced"]
            assert [type(verdict) for verdict in refused] == [StorageFailed, StorageFailed]
            assert engine.sql(f"SELECT * FROM {place.schema}.facts", database="chat") == []
            await one.enter("nadia")

    run(main())


async def deaf(server: Server) -> None:
    """Have a server neither hear of others nor look by itself."""
    assert server.journal._watcher is not None
    server.journal._watcher.stop()
    await asyncio.to_thread(server.journal._watcher._thread.join)


def swept(engine: Engine, place: PostgresPlace, server: Server) -> None:
    sid = server.journal.me.sid
    assert engine.sql(f"SELECT {place.schema}.sweep(%s, NULL)", sid, database="chat") == [(True,)]


def test_that_no_names_can_be_assigned_is_told_where_all_else_can_be_done(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has no connection left for the directory alone: nobody can enter, and the journal is well."""
    monkeypatch.setattr(reconnecting, "PATIENCE", 0.1)

    async def main() -> None:
        async with servers(place, 1) as (one,):
            told: asyncio.Queue[str] = asyncio.Queue()
            monkeypatch.setattr(one.journal, "_on_watcher_error", told.put_nowait)
            engine.sql("ALTER ROLE chat CONNECTION LIMIT 1")
            db = one.directory._thread._presence._db
            assert db is not None
            engine.sql("SELECT pg_terminate_backend(%s)", db.info.backend_pid)
            why = await asyncio.wait_for(told.get(), WAIT)
            assert why.startswith("names can't be assigned: ")
            assert "too many connections" in why
            [refused] = await one.claim(wish("nadia"))
            assert isinstance(refused, StorageFailed)
            engine.sql("ALTER ROLE chat CONNECTION LIMIT -1")
            while isinstance(*await one.claim(wish("omar")), StorageFailed):
                await asyncio.sleep(0)
            assert told.empty(), "once"

    try:
        run(main())
    finally:
        engine.sql("ALTER ROLE chat CONNECTION LIMIT -1")


@pytest.mark.parametrize("is_swept", [False, True])
def test_a_claim_whose_answer_was_lost_is_answered_and_made_once(
    engine: Engine, place: PostgresPlace, is_swept: bool
) -> None:
    async def main() -> None:
        async with servers(place) as (one, other):
            presence = one.directory._thread._presence
            claim, lost = presence.claim, []

            def lose(*args: object) -> object:
                answer = claim(*args)  # type: ignore[arg-type]
                if not lost:
                    lost.append(answer)
                    if is_swept:
                        swept(engine, place, one)
                    presence.disconnect()
                    raise psycopg.OperationalError("the connection is lost")
                return answer

            presence.claim = lose  # type: ignore[assignment, method-assign]
            before = one.journal.me.sid
            got = await one.enter("Rajat", facts={("claim", "rajat"): "his"})
            assert got.server == before
            await other.until(lambda: len(other.news) == 1 + is_swept)
            assert other.news[:1] == [Came(Remote(got, ROOM, "Rajat"))]
            if is_swept:
                await one.until(lambda: one.fenced)
                assert one.fenced == [[got]]
            assert engine.sql(f"SELECT count(*) FROM {place.schema}.news", database="chat") == [(1 + is_swept,)]

    run(main())


def test_one_that_fell_behind_is_told_what_is_missing(engine: Engine, place: PostgresPlace) -> None:
    async def main() -> None:
        async with servers(place) as (one, other):
            first = await one.enter("Rajat")
            await other.until(lambda: other.news)
            await deaf(other)
            one.directory.release([first], 0)
            second = await one.enter("nadia")
            engine.sql(f"DELETE FROM {place.schema}.news WHERE number = 2", database="chat")
            other.directory.heard("p", "3")
            await other.until(lambda: len(other.news) == 3)
            assert other.news[1:] == [Went(first), Came(Remote(second, ROOM, "nadia"))]

    run(main())


# --- how far everything is


async def deaf_to_all(server: Server) -> None:
    """Have a server hear of the others only what it asks for itself."""
    server.journal._watcher.stop()  # type: ignore[union-attr]
    await asyncio.to_thread(server.journal._watcher._thread.join, WAIT)  # type: ignore[union-attr]


def test_what_was_committed_by_then_is_known_when_it_is_answered(place: PostgresPlace) -> None:
    """Also the facts of both, of which nothing is told to the server that has kept them."""

    async def main() -> None:
        async with servers(place) as (one, other):
            await deaf_to_all(other)
            await one.enter("Rajat")
            await one.keep({("lease", "a"): "x"})
            await other.keep({("lease", "b"): "y"})
            last = await say(one.journal, draft("a"), draft("b"))
            assert await other.reach() == 2, last
            assert nicks(other.news) == ["+Rajat"]
            assert {("lease", "a"): "x"} in other.told
            assert await other.reach("no\0room") == 0
            assert await asyncio.gather(*[other.reach() for _ in range(50)]) == [2] * 50

    run(main())


def test_nobody_waits_for_an_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits for a while, and those that come by then: whether it is gone, or silent. Then it is known."""
    monkeypatch.setattr(directory, "ANSWER_SECONDS", 0.2)

    async def main(own: Engine) -> None:
        async with servers(own.place()) as (one, other):
            await say(other.journal, draft("a"))
            assert await one.reach() == 1
            own.freeze()
            try:
                assert await asyncio.gather(one.reach(), one.reach()) == [None, None]
                answers: list[int | None] = []
                one.directory.reach(ROOM, answers.append)
                assert answers == [None]
            finally:
                own.thaw()
            while await one.reach() is None:  # until what it was asked is answered
                await asyncio.sleep(0.01)
            await asyncio.to_thread(own.kill)
            monkeypatch.setattr(directory, "ANSWER_SECONDS", 1000.0)
            assert await one.reach() is None, "at once"
            await asyncio.to_thread(own.start)
            while await one.reach() is None:
                await asyncio.sleep(0.01)
        monkeypatch.setattr(directory, "ANSWER_SECONDS", 0.05)
        assert await one.reach() is None, "it is closed"

    with running() as own:
        run(main(own))


# --- errands


def test_an_errand_is_done_at_the_server_of_its_member_and_answered(place: PostgresPlace) -> None:
    """However long it is: a note of the engine takes 8,000 bytes."""

    async def main() -> None:
        async with servers(place) as (one, other):
            here, there = await one.enter("Rajat"), await other.enter("nadia")
            done: list[tuple[Place, Errand]] = []
            for server in (one, other):
                server.directory.on_errand(lambda to, errand: done.append((to, errand)) or "done")  # type: ignore[func-returns-value]
            whispers = [Whispering("Rajat", text * 4096, 1.5) for text in ("a", "ж", "𝄞", '"')]
            kick = Kick("was sent away", "nick_taken")
            for errand in (*whispers, kick):
                assert await one.send(there, errand) == "done"
                assert await one.send(here, errand) == "done"
            assert [errand for to, errand in done if to == there] == [*whispers, kick]
            assert [errand for to, errand in done if to == here] == [*whispers, kick]
            outcomes: list[Outcome] = ["slow", "absent"]
            other.directory.on_errand(lambda *_: outcomes.pop(0))
            assert [await one.send(there, kick) for _ in range(2)] == ["slow", "absent"]
            other.directory.release([there], 0)
            await other.claim()
            assert await one.send(there, kick) == "absent"

    run(main())


def test_an_errand_to_somebody_who_is_just_coming_waits_until_their_server_knows(place: PostgresPlace) -> None:
    """Others may hear that they came before their own server does."""

    async def main() -> None:
        async with servers(place) as (one, other):
            presence, hear = other.directory._thread._presence, other.directory.heard
            claim, is_sent, here = presence.claim, threading.Event(), list[Verdict]()

            def listen(kind: str, what: str) -> None:
                hear(kind, what)
                if kind == SENT:
                    is_sent.set()

            def claim_and_wait(*args: object) -> object:
                claimed = claim(*args)  # type: ignore[arg-type]
                assert is_sent.wait(WAIT)
                return claimed

            presence.claim = claim_and_wait  # type: ignore[assignment, method-assign]
            other.directory.heard = listen  # type: ignore[method-assign]
            other.directory.on_errand(lambda to, _: "done" if here == [Given(to)] else "absent")
            other.directory.claim([wish("Rajat")], here.extend)
            await one.until(lambda: one.news)
            [came] = one.news
            assert isinstance(came, Came)
            assert await one.send(came.member.place, Whispering("nadia", "psst", 1.5)) == "done"

    run(main())


def test_no_answer_in_time_is_no_answer_whatever_comes_later(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "ANSWER_SECONDS", 0.05)

    async def main() -> None:
        async with servers(place) as (one, other):
            there = await other.enter("nadia")
            monkeypatch.setattr(other.directory, "_receive", lambda *_: None)
            assert await one.send(there, Kick("x")) == "unknown"
            one.directory.answered(1, "done")

    run(main())


def test_what_only_a_newer_server_knows_is_answered_or_passed_over(engine: Engine, place: PostgresPlace) -> None:
    """And so is what is no note of any server: this one goes on, and takes what it knows."""

    async def main() -> None:
        async with servers(place) as (one, other):
            sid = other.journal.me.sid
            there = await other.enter("nadia")
            errands: list[Errand | None] = []
            other.directory.on_errand(lambda _, errand: errands.append(errand) or "not_known")  # type: ignore[func-returns-value]
            later = f"w {sid} {one.journal.me.sid} 7 {there.number} 0 1 " + '{"type":"later"}'
            answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            one.directory._errands[7] = answered.set_result
            for note in ("x", "x y", f"a {sid}", f"a {sid} x y", f"w {sid}", f"w {sid} a b c d e f", "p x", "e", later):
                engine.sql("SELECT pg_notify(%s, %s)", place.schema, note, database="chat")
            assert await asyncio.wait_for(answered, WAIT) == "not_known"
            assert errands == [None]
            engine.sql(f"INSERT INTO {place.schema}.news (number, by_sid) VALUES (2, 'later')", database="chat")
            engine.sql(f"UPDATE {place.schema}.presence SET last = 2", database="chat")
            engine.sql(f"INSERT INTO {place.schema}.facts VALUES ('later', 'x', '[]', 1)", database="chat")
            engine.sql(f"UPDATE {place.schema}.house SET version = 1", database="chat")
            here = await one.enter("Rajat")
            await other.until(lambda: other.news)
            assert other.news == [Came(Remote(here, ROOM, "Rajat"))]
            await other.until(lambda: {("later", "x"): "[]"} in other.told)
            other.directory._count(['{"ops": {"later": 1}}', '{"lobby": 2}', "[]"])
            assert (other.directory.watchers("lobby"), other.directory.watchers("ops")) == (2, 0)

    run(main())


def test_watchers_of_all_servers_are_counted(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.05)

    async def main() -> None:
        async with servers(place, 3) as (one, other, third):
            counts = {ROOM: 2, "ops": 0}
            other.directory.count_watchers(lambda: counts)
            third.directory.count_watchers(lambda: {ROOM: 3})
            while one.directory.watchers(ROOM) != 5:
                await asyncio.sleep(0.01)
            assert one.directory.watchers("ops") == 0
            del counts[ROOM]
            while one.directory.watchers(ROOM) != 3:
                await asyncio.sleep(0.01)

    run(main())


# --- an engine that fails


def test_while_the_engine_is_gone_claims_are_refused_and_a_release_is_done_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconnecting, "PATIENCE", 0.1)

    async def main(own: Engine) -> None:
        place = own.place()
        async with servers(place) as (one, other):
            here = await one.enter("Rajat")
            await other.until(lambda: other.news)
            presence = one.directory._thread._presence
            claim = presence.claim

            def kill(*args: object) -> object:
                if own.is_running:
                    claim(*args)  # type: ignore[arg-type]
                    own.kill()
                    presence.disconnect()
                return claim(*args)  # type: ignore[arg-type]

            presence.claim = kill  # type: ignore[assignment, method-assign]
            unsure = asyncio.ensure_future(one.claim(wish("unsure")))
            while own.is_running:
                await asyncio.sleep(0.01)
            presence.claim = claim  # type: ignore[method-assign]
            assert isinstance((await one.claim(wish("nadia")))[0], StorageFailed)
            one.directory.release([here], 3)
            assert not unsure.done()
            await asyncio.to_thread(own.start)
            assert isinstance((await unsure)[0], Given)
            await other.until(lambda: len(other.news) == 3)
            # In which order depends on when the other server is back: a snapshot tells first who is gone.
            assert sorted(nicks(other.news)) == ["+Rajat", "+unsure", "-"]
            assert not one.fenced

    with running() as own:
        run(main(own))


def test_places_that_the_engine_has_lost_are_claimed_anew(engine: Engine, place: PostgresPlace) -> None:
    """A standby was promoted that lacks the last of them."""

    async def main() -> None:
        async with servers(place) as (one, other):
            kept, lost = await one.enter("Rajat"), await one.enter("nadia")
            await other.until(lambda: len(other.news) == 2)
            with psycopg.connect(place.uri) as db:
                db.execute(f"DELETE FROM {place.schema}.places WHERE number = %s", (lost.number,))
                db.execute(f"DELETE FROM {place.schema}.news WHERE number > 1")
                db.execute(f"UPDATE {place.schema}.presence SET last = 1")
            for server in (one, other):
                server.directory._thread._mark = "before"
                server.directory.heard("p", "")
            await one.until(lambda: one.fenced)
            assert one.fenced == [[kept, lost]]
            await other.until(lambda: nicks(other.news)[2:] == ["-", "-"])

    run(main())


def test_places_that_the_engine_gives_back_are_given_up_again(engine: Engine, place: PostgresPlace) -> None:
    """It has lost that somebody left: nobody would ever give that name up."""

    async def main() -> None:
        async with servers(place) as (one, other):
            stays, left = await one.enter("Rajat"), await one.enter("nadia")
            await other.until(lambda: len(other.news) == 2)
            there = f"SELECT * FROM {place.schema}.places ORDER BY number"
            [_, row] = engine.sql(there, database="chat")
            one.directory.release([left], 0)
            await other.until(lambda: nicks(other.news)[2:] == ["-"])
            columns = ", ".join(["%s"] * len(row))
            again = f"INSERT INTO {place.schema}.places OVERRIDING SYSTEM VALUE VALUES ({columns})"
            engine.sql(again, *row, database="chat")
            for server in (one, other):
                server.directory._thread._mark = "before"
                server.directory.heard("p", "")
            await one.until(lambda: one.fenced)
            assert one.fenced == [[stays]]
            assert engine.sql(there, database="chat") == []
            await other.until(lambda: {news.place for news in other.news if isinstance(news, Went)} == {stays, left})

    run(main())


def test_a_release_whose_answer_was_lost_with_the_old_engine_is_no_loss(engine: Engine, place: PostgresPlace) -> None:
    """The new one has it. Who is still here stays, and nobody claims anything anew."""

    async def main() -> None:
        async with servers(place) as (one, other):
            stays, left = await one.enter("Rajat"), await one.enter("nadia")
            release = f"SELECT {place.schema}.release(%s, %s::bigint[], 0)"
            engine.sql(release, left.server, [left.number], database="chat")
            one.directory._thread._mark = "before"
            one.directory.heard("p", "")
            one.directory.release([left], 0)
            await other.until(lambda: nicks(other.news)[2:] == ["-"])
            await one.enter("pia")
            assert one.fenced == []
            assert one.directory._thread._known.begin_anew("another")[0] == stays

    run(main())

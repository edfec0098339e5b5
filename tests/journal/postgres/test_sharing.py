"""Several servers with one schema: one order everywhere, each id once, and whoever is dead is swept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg
import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError, StorageFailed
from chatctl.journal import Facts
from chatctl.journal.postgres import registering, store, trimming, watcher
from chatctl.journal.postgres.connection import connect
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.numbering import Group
from chatctl.journal.postgres.registering import sweep
from chatctl.journal.postgres.sharing import LOOKS, Beats, Peers, beat, changes_since
from chatctl.journal.postgres.store import Store
from chatctl.protocol import Msg
from tests.support.engine import Engine
from tests.support.journals import ALICE, ROOM, draft, facts, held, run, say, send, texts, trim, write


async def keep(journal: PostgresJournal, changes: Facts) -> None:
    done: asyncio.Future[StorageFailed | None] = asyncio.get_running_loop().create_future()
    journal.keep(changes, done.set_result)
    if error := await done:
        raise error


class Member(PostgresJournal):
    """A server's journal that keeps what it was told."""

    def __init__(self, place: PostgresPlace, label: str = "") -> None:
        self.shown: list[Msg] = []
        self.facts_told: list[Facts] = []
        self.redacted: list[tuple[str, Sequence[int]]] = []
        self.fatal: list[ChatError] = []
        self._news = asyncio.Event()
        super().__init__(place, shared=True, label=label, on_fatal=lambda error: self._note(self.fatal, error))
        self.watch(
            lambda facts: self._note(self.facts_told, facts),
            lambda room, seqs: self._note(self.redacted, (room, list(seqs))),
        )
        self.follow(ROOM, lambda entries: self._note(self.shown, *entries))

    def _note(self, kept: list[Any], *news: Any) -> None:
        kept.extend(news)
        self._news.set()

    async def until(self, done: Callable[[], object]) -> None:
        while not done():
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 15)

    async def until_shown(self, count: int) -> list[str]:
        await self.until(lambda: len(self.shown) >= count)
        assert [entry.seq for entry in self.shown] == list(range(1, len(self.shown) + 1))
        return [entry.text for entry in self.shown]


@contextlib.asynccontextmanager
async def members(place: PostgresPlace, count: int = 2) -> AsyncIterator[list[Member]]:
    async with contextlib.AsyncExitStack() as stack:
        journals = []
        for number in range(1, count + 1):
            journals.append(Member(place, f"b:{number}"))
            stack.push_async_callback(journals[-1].close)
        yield journals


def test_what_one_says_the_other_shows_before_and_after_its_own(place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft("a"))
            assert await other.until_shown(1) == ["a"]
            await say(other, draft("b"))
            await say(one, draft("c"))
            assert await one.until_shown(3) == await other.until_shown(3) == ["a", "b", "c"]
            assert one.head(ROOM) == other.head(ROOM)

    run(main())


def test_all_who_speak_at_once_see_one_order_without_a_hole(place: PostgresPlace) -> None:
    """Each receipt comes after its entry, and after all before that."""

    async def main() -> None:
        async with members(place, 3) as journals:

            async def speak(journal: Member, name: str) -> None:
                for number in range(40):
                    [receipt] = await say(journal, draft(f"{name} {number}"))
                    assert receipt.seq is not None
                    assert journal.shown[receipt.seq - 1].text == f"{name} {number}"

            await asyncio.gather(*[speak(one, name) for one, name in zip(journals, "abc", strict=True)])
            logs = [await one.until_shown(120) for one in journals]
            assert logs[0] == logs[1] == logs[2]
            for name in "abc":
                assert [text for text in logs[0] if text[0] == name] == [f"{name} {number}" for number in range(40)]

    run(main())


def test_an_id_is_used_once_wherever_it_is_sent(place: PostgresPlace) -> None:
    """Every reconnect goes to another server."""

    async def main() -> None:
        async with members(place) as (one, other):
            said = draft("once", token=ALICE, id="k")
            receipts = [(await say(journal, said))[0] for journal in (one, other, one)]
            assert [(receipt.seq, receipt.duplicate) for receipt in receipts] == [(1, False), (1, True), (1, True)]
            assert await other.until_shown(1) == ["once"]
            both = await asyncio.gather(*[send(journal, draft("now", token=ALICE, id="l")) for journal in (one, other)])
            assert sorted(outcome[0].duplicate for outcome in both if not isinstance(outcome, StorageFailed)) == [
                False,
                True,
            ]
            assert await one.until_shown(2) == await other.until_shown(2) == ["once", "now"]

    run(main())


def test_a_server_hears_the_others_from_its_start_on(place: PostgresPlace) -> None:
    """An errand to a member that it has by then would be lost."""

    async def main() -> None:
        async with members(place) as (one, other):
            for journal in (one, other):
                assert journal._watcher is not None
                assert journal._watcher._is_listening.is_set()

    run(main())


def test_nothing_depends_on_a_hint(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose connection is gone, or that is deaf."""

    def hear_nothing(db: watcher.Connection, timeout: float) -> list[object]:
        db.execute("SELECT pg_sleep(0.1)")
        return []

    monkeypatch.setattr(watcher.Connection, "notifies", hear_nothing)

    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft("a"), draft("b"))
            assert await other.until_shown(2) == ["a", "b"]

    run(main())


def test_what_a_client_was_shown_elsewhere_is_looked_for(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a server that has not looked since."""
    monkeypatch.setattr(watcher.Watcher, "_watch", lambda self, _: self._stopping.wait())

    async def main() -> None:
        async def reach(after: int) -> StorageFailed | None:
            done: asyncio.Future[StorageFailed | None] = asyncio.get_running_loop().create_future()
            other.reach(ROOM, after, done.set_result)
            return await done

        async with members(place) as (one, other):
            await say(one, draft("a"), draft("b"))
            assert not other.shown
            assert await reach(2) is None
            assert [entry.text for entry in other.shown] == ["a", "b"]
            assert await reach(99) is None, "there are no more"
        assert isinstance(await reach(99), StorageFailed)

    run(main())


def test_a_watcher_that_lost_its_connection_comes_back(engine: Engine, place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft("a"))
            await other.until_shown(1)
            name = f"chatctl {other._writer._store.sid}"
            kill = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = %s"
            assert engine.sql(kill, name) == [(2,)], "the writer and the watcher"
            await say(one, draft("b"))
            assert await other.until_shown(2) == ["a", "b"]
            await say(other, draft("c"))
            assert not other.fatal

    run(main())


def test_facts_and_redactions_come_to_the_others_in_order(place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft("secret"), draft("other"))
            await other.until_shown(2)
            for value in ("x", "y", None):
                done = asyncio.get_running_loop().create_future()
                one.keep({("ban", "rajat"): value}, done.set_result)
                assert await done is None
            await one.redact(ROOM, [1], {("log", "1"): "redacted"})
            await other.until(lambda: other.redacted)
            merged: dict[tuple[str, str], str | None] = {}
            for told in other.facts_told:
                merged |= told
            assert merged == {("ban", "rajat"): None, ("log", "1"): "redacted"}
            assert other.redacted == [(ROOM, [1])]
            assert (await other.read(ROOM, 0, 1))[0].redacted
            assert one.facts_told == one.redacted == [], "who did it knows"

    run(main())


def test_rooms_and_trims_of_others_are_known(place: PostgresPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said a moment ago is not deleted: the other server may not have shown it."""

    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, *[draft(room="ops") for _ in range(30)])
            one._retention._keep_messages = 10
            await trim(one)
            assert one.head("ops").first == 1
            monkeypatch.setattr(trimming, "YOUNG_SECONDS", -1.0)
            other._writer.look(None)
            while "ops" not in other.rooms() or other.head("ops").last < 30:
                await other._run(lambda _: None)
            assert other.head("ops").epoch == one.head("ops").epoch
            await trim(one)
            while other.head("ops").first != 21:
                other._writer.look(None)
                await other._run(lambda _: None)
            got: list[Msg] = []
            other.follow("ops", got.extend)
            await say(other, draft("next", room="ops"))
            assert [entry.seq for entry in got] == [31]

    run(main())


def test_a_room_that_another_one_forgets_takes_what_is_said_all_the_same(place: PostgresPlace) -> None:
    """It was empty there, and somebody is in it here."""

    async def main() -> None:
        async with members(place) as (one, other):
            epochs = {journal.follow("empty", lambda _: None).epoch for journal in (one, other)}
            assert len(epochs) == 1, "they agree on it without asking"
            await say(other, draft())
            one.forget("empty")
            await say(one, draft())
            [receipt] = await say(other, draft(room="empty"))
            assert receipt.seq == 1

    run(main())


def test_one_that_is_being_forgotten_while_something_is_said_in_it_is_made_again(
    engine: Engine, place: PostgresPlace
) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"

    async def main() -> None:
        with closing(Store(place, shared=True)) as one, psycopg.connect(place.uri) as other:
            one.add_room(ROOM, one.epoch_of_new(ROOM))
            one.commit(1, Group([]))
            other.execute(f"DELETE FROM {place.schema}.rooms")
            said = asyncio.ensure_future(asyncio.to_thread(one.commit, 2, Group([[draft()]])))
            while engine.sql(waiting, one.backend) != [(1,)]:
                await asyncio.sleep(0.01)
            other.commit()
            assert (await said).receipts[0][0].seq == 1

    run(main())


def test_a_change_is_spread_once_the_other_goes_by_it(place: PostgresPlace) -> None:
    """An operator is answered then; where one does not, with its name."""

    async def main() -> None:
        async with members(place) as (one, other):
            await keep(one, {("ban", "rajat"): "x"})
            assert await one.spread(10) == []
            assert {("ban", "rajat"): "x"} in other.facts_told
            async with held(other):
                await keep(one, {("ban", "rajat"): None})
                assert await one.spread(0.05) == ["b:2"]

    run(main())


def test_of_two_changes_of_one_lease_the_second_is_refused_and_of_any_claims(place: PostgresPlace) -> None:
    """Each was decided by what its server knew. Names that look alike are others, and have one owner."""

    async def main() -> None:
        async with members(place) as (one, other), held(other):
            lease, claim, order = ("lease", "lobby lock deploy"), ("claim", "rajat"), ("order", "1")
            await keep(one, {lease: "mine", claim: "mine", order: "mine"})
            both = [
                asyncio.ensure_future(keep(other, {changed: "theirs"}))
                for changed in (lease, ("claim", "rаjat"), ("lease", "lobby lock backup"), ("topic", "lobby"))
            ]
            both.append(asyncio.ensure_future(other.redact(ROOM, [1], {order: "theirs"})))
            await asyncio.sleep(0)
        for future, taken in zip(both, (False, False, True, True, False), strict=True):
            if taken:
                await future
            else:
                with pytest.raises(StorageFailed, match="another server has changed it"):
                    await future

    run(main())
    assert (facts(place)["lease", "lobby lock deploy"], facts(place)["order", "1"]) == ("mine", "mine")


def test_own_changes_are_no_conflict_however_many(place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await keep(other, {("claim", "omar"): "theirs"})
            await one.until(lambda: one.facts_told)
            await asyncio.gather(*[keep(one, {("claim", f"n{number}"): "mine"}) for number in range(20)])

    run(main())


# --- who may be there


def test_one_that_wants_it_alone_waits_for_all_and_the_other_way_round(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of an older kind, or a copy, would not hear of the others."""
    in_use = pytest.raises(ChatError, match="in use by another server")
    with closing(Store(place, shared=True)), closing(Store(place, shared=True)), monkeypatch.context() as impatient:
        impatient.setattr(registering, "_WAIT_SECONDS", 0.0)
        with in_use:
            Store(place)
    with closing(Store(place)), monkeypatch.context() as impatient:  # it waits until the engine knows that they left
        impatient.setattr(registering, "_WAIT_SECONDS", 0.0)
        with in_use:
            Store(place, shared=True)


def test_two_that_start_at_once_make_it_once(place: PostgresPlace) -> None:
    async def main() -> None:
        stores = await asyncio.gather(*[asyncio.to_thread(Store, place, shared=True) for _ in range(4)])
        assert len({one.generation for one in stores}) == 1
        for one in stores:
            one.close()

    run(main())


def test_a_beat_that_stands_still_is_swept_and_one_that_goes_on_is_not(engine: Engine, place: PostgresPlace) -> None:
    """By what is seen of it alone: no clock of any machine is compared."""
    with closing(Store(place, shared=True)) as alive, closing(Store(place, shared=True)) as dead:
        with connect(place, "test") as db:
            beats = Beats()
            for _ in range(LOOKS):
                assert beats.look(alive.sid, beat(db, place.schema, alive.sid, alive.me).beats) == {}
            doomed = beats.look(alive.sid, beat(db, place.schema, alive.sid, alive.me).beats)
            assert list(doomed) == [dead.sid]
            beat(db, place.schema, dead.sid, dead.me)
            assert not sweep(db, place.schema, dead.sid, doomed[dead.sid]), "it beat again meanwhile"
            assert sweep(db, place.schema, dead.sid, doomed[dead.sid] + 1)
        with pytest.raises(psycopg.Error, match="another server has taken over"):
            dead.change(1, {})
        alive.change(1, {})


def test_a_killed_server_is_swept_by_the_others(
    engine: Engine, place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BEAT_SECONDS", 0.05)

    async def main() -> None:
        killed = Store(place, shared=True)
        killed.disconnect()  # as a killed process: its row stays
        async with members(place, 1) as [one]:
            servers = f"SELECT sid FROM {place.schema}.servers"
            while engine.sql(servers, database="chat") != [(one._writer._store.sid,)]:
                await asyncio.sleep(0.02)
            await say(one, draft())

    run(main())


def test_one_that_ends_leaves_no_row(engine: Engine, place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft())
            await one.close()
            sid = other._writer._store.sid
            assert engine.sql(f"SELECT sid FROM {place.schema}.servers", database="chat") == [(sid,)]
            await say(other, draft())

    run(main())


def test_new_epochs_of_another_server_are_gone_by(engine: Engine, place: PostgresPlace) -> None:
    """It found that the engine has lost what was shown. This one had not shown it, and shows nothing again."""

    async def main() -> None:
        async with members(place) as (one, other):
            cuts: list[tuple[str, bool]] = []
            for member in (one, other):
                member.on_cut(lambda why, facts: other._note(cuts, (why, facts)))
            await say(one, draft("a"))
            await other.until_shown(1)
            before = other.head(ROOM).epoch
            engine.sql(f"SELECT {place.schema}.renew('g', %s, 10)", other.me.mark, database="chat")
            one.look(None)
            other.look(None)
            await other.until(lambda: len(cuts) == 2)
            assert "another server has given the log new epochs" in cuts[0][0]
            assert other.renewed == cuts[0][0]
            assert other.head(ROOM).epoch != before
            assert (other.head(ROOM).last, other.end_of(before, ROOM)) == (1, 1)
            await say(one, draft("b"))
            assert await other.until_shown(2) == ["a", "b"]
            assert one.head(ROOM).epoch == other.head(ROOM).epoch
            assert not other.fatal

    run(main())


def test_a_redaction_that_meant_entries_of_an_earlier_epoch_is_refused(place: PostgresPlace) -> None:
    """Its numbers may be those of other messages by now."""

    async def main() -> None:
        async with members(place, 1) as [one]:
            await say(one, draft("a"))
            one._dispatcher.logs[ROOM].epoch = "as it was when this was decided"
            with pytest.raises(StorageFailed, match="lobby has lost its last messages in the meantime"):
                await one.redact(ROOM, [1], {})
            assert await texts(one) == ["a"]

    run(main())


def test_a_change_in_between_is_not_taken_for_known(place: PostgresPlace) -> None:
    """Two servers change facts in turns: the version of one's own change is no proof of having seen the other's."""
    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        one.change(1, {("a", ""): "one"})
        other.change(1, {("b", ""): "other"})
        seen = other.look(None).changes
        assert seen is not None
        assert seen.facts == {("a", ""): "one"}, "its own it knows"
        assert one.look(None).changes.facts == {("b", ""): "other"}  # type: ignore[union-attr]
        assert one.look(None).changes.facts == {}  # type: ignore[union-attr]
        assert changes_since(one._db, place.schema, 0).version == 2  # type: ignore[arg-type]


def test_a_look_that_is_interrupted_is_made_again_as_a_whole(
    place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had read by then was told to nobody."""

    def fail(*_: object) -> None:
        raise psycopg.OperationalError("the engine is being restarted")

    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        for each in (one, other):
            each.add_room(ROOM, each.epoch_of_new(ROOM))
            each.commit(1, Group([]))
        other.commit(2, Group([[draft("a"), draft("b")]]))
        one.look(None)
        other.add_room("ops", other.epoch_of_new("ops"))
        other.commit(3, Group([[draft("c")]]))
        other._delete(other.rooms[ROOM], 2, 2, 1)
        with monkeypatch.context() as broken:
            broken.setattr(store, "changes_since", fail)
            with pytest.raises(psycopg.OperationalError):
                one.look(None)
        seen = one.look(None)
        assert [entry.text for entry in seen.entries[ROOM]] == ["c"]
        assert ([room.name for room in seen.found], [room.first for room in seen.trimmed]) == (["ops"], [2])
        assert (one.rooms[ROOM].last, one.rooms[ROOM].first, "ops" in one.rooms) == (3, 2, True)


def test_an_answer_that_was_lost_brings_the_others_entries_too(place: PostgresPlace) -> None:
    """The repeat of a commit finds that others have spoken before it, and delivers theirs first."""
    with closing(Store(place, shared=True)) as one, closing(Store(place, shared=True)) as other:
        for each in (one, other):
            each.add_room(ROOM, each.epoch_of_new(ROOM))
        other.commit(1, Group([[draft("other")]]))
        group = Group([[draft("one")]])
        one.commit(1, group)
        one.rooms[ROOM].last = 0
        again = one.commit(1, group)
        assert [entry.text for entry in again.entries[ROOM]] == ["other", "one"]
        assert one.rooms[ROOM].last == 2


def test_a_journal_that_several_wrote_is_one_that_one_can_open(place: PostgresPlace) -> None:
    async def main() -> None:
        async with members(place) as (one, other):
            await say(one, draft("a"))
            await say(other, draft("b"))

    run(main())

    async def after() -> list[str]:
        from tests.support.journals import opened

        async with opened(place) as journal:
            return await texts(journal)

    assert run(after()) == ["a", "b"]
    assert write(place, "c")


def test_one_that_is_gone_is_told_of_with_the_next_look_which_has_heard_of_its_leave() -> None:
    peers = Peers()
    assert peers.look({"a": "one", "b": "two"}) == [], "they were there before"
    assert peers.look({"a": "one", "b": "two", "c": "three"}) == [("joined", "three")]
    assert peers.look({"c": "three"}) == []
    peers.hear("b")
    assert peers.look({"c": "three"}) == [("dead", "one"), ("left", "two")]
    assert peers.look({"c": "three"}) == []

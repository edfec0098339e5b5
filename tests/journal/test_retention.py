"""Retention: what goes, what stays, and how long an id is known."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chatctl.journal.retention import DAY, DOUBT_SECONDS, STEP_SECONDS, Retention
from chatctl.journal.store import Store
from tests.support.journals import ALICE, ROOM, Place, draft, on_thread, opened, run, say, seqs, texts, trim

NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rooms.db"


def at(now: float, **options: Any) -> dict[str, Any]:
    return {"clock": lambda: now} | options


def test_the_oldest_beyond_the_number_go(place: Place) -> None:
    async def main() -> None:
        async with opened(place, keep_messages=10) as journal:
            await say(journal, *[draft(str(number)) for number in range(25)], draft(room="ops"))
            await trim(journal)
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (16, 25)
            assert await texts(journal) == [str(number) for number in range(15, 25)]
            assert journal.head("ops").first == 1
        async with opened(place, keep_messages=10) as journal:
            assert journal.head(ROOM).first == 16
            assert await seqs(journal, draft()) == [26]

    run(main())


def test_a_room_that_grows_is_trimmed_without_being_asked(place: Place) -> None:
    """Between two checks of the clock it holds a tenth more at most, however fast it grows."""

    async def main() -> None:
        async with opened(place, keep_messages=100, durability="os") as journal:
            await trim(journal)
            for _ in range(30):
                await say(journal, *[draft() for _ in range(50)])
                await journal._run(lambda _: None)  # the turn that committed has ended
                await journal._run(lambda _: None)
                head = journal.head(ROOM)
                assert head.last - head.first + 1 <= 110

    run(main())


def test_the_old_go_after_their_days_and_the_room_keeps_counting(path: Path) -> None:
    async def main() -> None:
        async with opened(path, **at(NOW)) as journal:
            await say(journal, draft("old", time=NOW), draft("newer", time=NOW + 2 * DAY))
        async with opened(path, **at(NOW + 8 * DAY, keep_days=7)) as journal:
            await trim(journal)
            assert await texts(journal) == ["newer"]
        async with opened(path, **at(NOW + 80 * DAY, keep_days=7)) as journal:
            await asyncio.wrap_future(journal.trim())  # an operator says that the clock is right
            await trim(journal)
            assert await texts(journal) == []
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 2)
        async with opened(path, **at(NOW)) as journal:
            assert (journal.head(ROOM).first, journal.head(ROOM).last) == (3, 2)
            assert await seqs(journal, draft("next")) == [3]

    run(main())


def test_without_limits_everything_stays(place: Place) -> None:
    async def main() -> None:
        async with opened(place, **at(NOW * 2)) as journal:
            await say(journal, draft(time=0.0))
            await trim(journal)
            assert await texts(journal) == ["hi"]

    run(main())


def test_a_clock_that_jumps_ahead_while_it_runs_drops_nothing(path: Path) -> None:
    async def main() -> None:
        now = [NOW]
        async with opened(path, clock=lambda: now[0], keep_days=7) as journal:
            await say(journal, draft(time=NOW))
            now[0] += 3_650 * DAY
            await trim(journal)
            assert await texts(journal) == ["hi"]

    run(main())


def test_a_message_with_an_early_time_does_not_take_later_ones_along(path: Path) -> None:
    """A clock that was set back: what goes is the front of the log, never a hole in it."""

    async def main() -> None:
        times = [NOW, NOW + 6 * DAY, NOW, NOW + 6 * DAY]
        async with opened(path, **at(NOW + 8 * DAY, keep_days=7)) as journal:
            await say(journal, *[draft(str(number), time=time) for number, time in enumerate(times)])
            await trim(journal)
            assert await texts(journal) == ["1", "2", "3"]

    run(main())


def test_one_message_with_a_late_time_does_not_keep_those_after_it(path: Path) -> None:
    """A clock that was ahead for one message: 300 old ones behind it stayed for as long as it was ahead."""

    async def main() -> None:
        late = draft("late", time=NOW + 400 * DAY)
        old = [draft(str(number), time=NOW) for number in range(300)]
        async with opened(path, **at(NOW + 39 * DAY, keep_days=30)) as journal:
            await say(journal, late, *old, *[draft("new", time=NOW + 39 * DAY)] * 400)
            await trim(journal)
            assert set(await texts(journal)) == {"new"}
            assert journal.head(ROOM).first == 302

    run(main())


def aged(store: Store, *times: float) -> None:
    store.add_room(ROOM, "epoch")
    store.commit([[draft(time=time) for time in times]])


class Clocks:
    """The two clocks of a machine, both of which can be set, and what a retention that reads them held back."""

    def __init__(self, path: Path, *times: float, wall: float = NOW) -> None:
        self.wall, self.monotonic = wall, 50.0
        self.held: list[tuple[str, int, int]] = []
        store = Store(path, "os")
        aged(store, *times)
        store.close()
        self.store = Store(path, "os")
        self.retention = Retention(
            None, 30, lambda: self.wall, lambda: self.monotonic, lambda *held: self.held.append(held)
        )
        self.retention.opened(self.store)

    def pass_time(self, seconds: float) -> int:
        """Let both clocks go on, and all that is due be deleted; return the entries that are left."""
        self.wall, self.monotonic = self.wall + seconds, self.monotonic + seconds
        self.retention.check(self.store)
        while self.retention.piece(self.store):
            pass
        return len(kept(self.store))


def test_a_machine_that_starts_400_days_ahead_waits_an_hour_and_says_so(path: Path) -> None:
    """200 of 200 messages were gone in a second, without a line."""
    clocks = Clocks(path, *[NOW] * 200, wall=NOW + 400 * DAY)
    assert clocks.pass_time(1) == clocks.pass_time(DOUBT_SECONDS - 60) == 200
    assert clocks.held == [(ROOM, 200, 200)], "once, not every minute"
    assert clocks.pass_time(60) == 0
    clocks.store.close()


def test_a_clock_put_right_in_that_hour_loses_nothing(path: Path) -> None:
    clocks = Clocks(path, *[NOW] * 200, wall=NOW + 400 * DAY)
    assert clocks.pass_time(60) == 200
    clocks.wall = NOW + DAY
    assert clocks.pass_time(2 * DOUBT_SECONDS) == clocks.pass_time(DAY) == 200
    clocks.store.close()


def test_an_operator_who_knows_better_need_not_wait(path: Path) -> None:
    clocks = Clocks(path, *[NOW] * 200, wall=NOW + 400 * DAY)
    assert clocks.pass_time(1) == 200
    clocks.retention.believe(clocks.store)
    assert clocks.pass_time(1) == 0
    clocks.store.close()


def test_a_step_while_it_runs_deletes_nothing_for_an_hour(path: Path) -> None:
    """Half of the room would be too old by the new time. By the old one nothing is."""
    clocks = Clocks(path, *[NOW - 29 * DAY] * 100, *[NOW] * 100)
    assert clocks.pass_time(60) == 200
    clocks.wall += 10 * DAY
    assert clocks.pass_time(60) == 200
    assert clocks.held == [], "it is not more than half"
    assert clocks.pass_time(DOUBT_SECONDS) == 100
    clocks.store.close()


def test_what_is_little_goes_at_once_also_after_a_strange_start(path: Path) -> None:
    clocks = Clocks(path, *[NOW - 40 * DAY] * 50, *[NOW] * 100, wall=NOW + 5 * DAY)
    assert clocks.pass_time(1) == 100
    clocks.store.close()


def test_a_clock_that_drifts_was_not_set(path: Path) -> None:
    """An hour of small corrections is none that has to be doubted."""
    clocks = Clocks(path, *[NOW - 29.9 * DAY] * 200)
    for _ in range(20):
        clocks.wall += 0.9 * STEP_SECONDS
        clocks.pass_time(60)
    assert clocks.held == []
    assert len(kept(clocks.store)) == 200
    assert clocks.pass_time(DAY) == 0
    clocks.store.close()


def test_an_id_outlives_its_message_by_7_days_at_least(path: Path) -> None:
    async def ids(journal: Any) -> int:
        return int((await on_thread(journal, lambda db: db.execute("SELECT count(*) FROM ids").fetchone()))[0])

    async def main() -> None:
        said = [draft(str(number), token=ALICE, id=str(number), time=NOW) for number in range(5)]
        async with opened(path, **at(NOW + 6 * DAY, keep_messages=2)) as journal:
            await say(journal, *said)
            await trim(journal)
            assert await texts(journal) == ["3", "4"]
            assert await ids(journal) == 5
            [receipt] = await say(journal, said[0])
            assert (receipt.seq, receipt.duplicate) == (1, True)
        async with opened(path, **at(NOW + 8 * DAY, keep_messages=2)) as journal:
            await trim(journal)
            assert await ids(journal) == 2  # as long as the message is kept
            assert (await say(journal, said[4]))[0].duplicate

    run(main())


def test_trimming_goes_in_pieces_with_room_for_appends_between(path: Path) -> None:
    store = Store(path, "os")
    store.add_room(ROOM, "epoch")
    store.commit([[draft() for _ in range(5_000)]])
    retention = Retention(100, None, lambda: NOW, lambda: 0.0)
    firsts: list[int] = []
    while retention.piece(store):
        firsts.append(store.rooms[ROOM].first)
    assert firsts == [1001, 2001, 3001, 4001, 4901]
    assert retention.wait() == 60.0
    store.close()


def test_trimming_keeps_up_with_large_commits(path: Path) -> None:
    store = Store(path, "os")
    store.add_room(ROOM, "epoch")
    retention = Retention(100, None, lambda: NOW, lambda: 0.0)
    retention.piece(store)
    sizes: list[int] = []
    for _ in range(5):
        store.commit([[draft() for _ in range(4_000)]])
        retention.grew(store.rooms[ROOM])
        retention.piece(store, 4_000)
        sizes.append(len(kept(store)))
    assert sizes == [100] * 5
    store.close()


def kept(store: Store) -> Sequence[object]:
    return store.read(ROOM, 0, 1_000_000)

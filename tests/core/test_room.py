"""room.py: cursors, the sweep, where a newcomer starts, pages."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from chatctl.core.dialects import CLASSIC, DIALECTS, JSON, TEXT, Dialect
from chatctl.core.ring import Ring
from chatctl.core.room import Room
from chatctl.protocol import Gap, Join, Leave, Msg, Resume
from tests.support.fakes import FakeReader


def room_of(count: int = 0, *, keep: int = 1000, batch: int = 64 * 1024) -> Room:
    room = Room("lobby", "epoch1", Ring(max_entries=keep), batch_bytes=batch)
    append(room, count)
    return room


def append(room: Room, count: int) -> None:
    last = room.ring.last
    room.append([Msg(seq=seq, time=0, nick="a", text=f"m{seq}") for seq in range(last + 1, last + count + 1)])


def reader_in(room: Room, dialect: Dialect = JSON, after: int = 0) -> FakeReader:
    reader = FakeReader(dialect, after)
    room.readers.add(reader)
    return reader


def start(room: Room, resume: Resume | None, history: int = 0) -> tuple[int, Gap | None]:
    """Place a newcomer in a room whose past is kept in the ring alone."""
    return room.start(resume, history, room.ring.first)


def settle(room: Room) -> None:
    while room.sweep(0.0):
        pass


def tiles(reader: FakeReader, start: int) -> int:
    """Insist that a json reader's entries and gaps follow each other exactly; give where they end."""
    at = start
    for frame in reader.frames:
        if isinstance(frame, Gap):
            assert frame.from_ == at + 1, frame
            assert frame.to >= frame.from_, frame
            at = frame.to
        elif isinstance(frame, Msg):
            assert (frame.seq, frame.text) == (at + 1, f"m{at + 1}")
            at = frame.seq
    return at


class CursorsKeepTheirPlace(RuleBasedStateMachine):
    """A cursor never skips, repeats or reorders: what it got, with the gaps it was told of, tiles the log."""

    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.room = room_of(keep=6, batch=150)
        self.starts: dict[FakeReader, int] = {}

    @rule(count=st.integers(1, 12))
    def append(self, count: int) -> None:
        append(self.room, count)

    @rule(target=readers, dialect=st.sampled_from(DIALECTS), history=st.integers(0, 8))
    def come(self, dialect: Dialect, history: int) -> FakeReader:
        after, gap = start(self.room, None, history)
        assert gap is None
        reader = reader_in(self.room, dialect, after)
        self.starts[reader] = after
        return reader

    @rule(target=readers, dialect=st.sampled_from(DIALECTS), data=st.data())
    def resume(self, dialect: Dialect, data: st.DataObject) -> FakeReader:
        stood = data.draw(st.integers(0, self.room.ring.last))
        after, gap = start(self.room, Resume(self.room.epoch, stood))
        reader = FakeReader(dialect, after)
        if gap is not None:
            reader.send(dialect.render(gap))
        self.room.readers.add(reader)
        self.starts[reader] = stood
        return reader

    @rule(reader=consumes(readers))
    def go(self, reader: FakeReader) -> None:
        self.room.readers.discard(reader)

    @rule(reader=readers)
    def pause(self, reader: FakeReader) -> None:
        reader.paused = True

    @rule(reader=readers, sends=st.integers(1, 3))
    def pause_later(self, reader: FakeReader, sends: int) -> None:
        """A transport may say stop in the middle of a drain."""
        reader.pauses_after = sends

    @rule(reader=readers)
    def drain(self, reader: FakeReader) -> None:
        reader.paused = False
        self.room.drain(reader)
        assert reader.paused or reader.after == self.room.ring.last

    @rule(nick=st.sampled_from(["x", "y"]))
    def news(self, nick: str) -> None:
        if self.room.roster.find(nick) is None:
            self.room.roster.add(nick, None, FakeReader(), 0)

    @rule()
    def sweep(self) -> None:
        lagging = self.room.sweep(0.0)
        assert not self.room.due
        behind = any(r.after < self.room.ring.last and not r.paused for r in self.room.readers)
        assert lagging is behind

    @rule()
    def catch_up(self) -> None:
        settle(self.room)
        assert all(r.paused or r.after == self.room.ring.last for r in self.room.readers)

    @invariant()
    def what_was_read_tiles_the_log(self) -> None:
        for reader, start in self.starts.items():
            if reader.dialect is JSON:
                assert tiles(reader, start) == reader.after

    @invariant()
    def people_read_in_order_too(self) -> None:
        for reader in self.starts:
            if reader.dialect is not JSON:
                said = [int(line[4:]) for line in reader.wire.splitlines() if line.startswith(b"a: m")]
                assert said == sorted(set(said))

    def teardown(self) -> None:
        for reader in self.room.readers:
            reader.paused, reader.pauses_after = False, None
        settle(self.room)
        for reader, start in self.starts.items():
            if reader in self.room.readers and reader.dialect is JSON:
                assert tiles(reader, start) == self.room.ring.last


TestCursorsKeepTheirPlace = CursorsKeepTheirPlace.TestCase
TestCursorsKeepTheirPlace.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


class WhatIsShownIsTheLog(RuleBasedStateMachine):
    """A log may lose its end, also behind the ring. A reader has shown what there is, less what it was told is lost."""

    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.room = room_of(keep=6, batch=150)
        self.log: list[str] = []
        self.said = 0
        self.starts: dict[FakeReader, int] = {}

    @rule(count=st.integers(1, 8))
    def append(self, count: int) -> None:
        texts = [f"m{number}" for number in range(self.said, self.said + count)]
        self.room.append([Msg(len(self.log) + at, 0, "a", text) for at, text in enumerate(texts, 1)])
        self.said += count
        self.log += texts

    @rule(target=readers, history=st.integers(0, 4))
    def come(self, history: int) -> FakeReader:
        after, _ = start(self.room, None, history)
        reader = reader_in(self.room, JSON, after)
        self.starts[reader] = after
        return reader

    @rule(reader=readers)
    def pause(self, reader: FakeReader) -> None:
        reader.paused = True

    @rule(reader=readers)
    def drain(self, reader: FakeReader) -> None:
        reader.paused = False
        self.room.drain(reader)

    @rule()
    def sweep(self) -> None:
        self.room.sweep(0.0)

    @rule(count=st.integers(0, 9))
    def lose(self, count: int) -> None:
        said, delivered = self.room.said, self.room.delivered
        del self.log[max(0, len(self.log) - count) :]
        self.room.truncate(f"epoch of {self.said}", len(self.log))
        assert (self.room.said, self.room.delivered) >= (said, delivered), "counters never fall"

    def teardown(self) -> None:
        for reader in self.room.readers:
            reader.paused = False
            self.room.drain(reader)
        settle(self.room)
        for reader in self.room.readers:
            shown, at = shown_by(reader, self.starts[reader])
            assert at == reader.after == len(self.log)
            assert all(text == self.log[seq - 1] for seq, text in shown.items())


def shown_by(reader: FakeReader, start: int) -> tuple[dict[int, str], int]:
    """Return the entries that a json reader was sent, less what it was told is lost, and where that ends."""
    shown: dict[int, str] = {}
    at = start
    for frame in reader.frames:
        if isinstance(frame, Msg):
            assert frame.seq == at + 1
            shown[at := frame.seq] = frame.text
        elif isinstance(frame, Gap) and frame.why == "lost":
            assert frame.to == at
            at = frame.from_ - 1
            shown = {seq: text for seq, text in shown.items() if seq <= at}
        elif isinstance(frame, Gap):
            assert frame.from_ == at + 1
            at = frame.to
    return shown, at


TestWhatIsShownIsTheLog = WhatIsShownIsTheLog.TestCase
TestWhatIsShownIsTheLog.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


# --- the sweep


def test_readers_at_one_place_get_the_very_same_bytes() -> None:
    """They are joined once per (dialect, cursor position): that is where the speed comes from."""
    room = room_of(5)
    readers = [reader_in(room) for _ in range(4)]
    room.sweep(0.0)
    assert len({id(part) for reader in readers for part in reader.parts}) == 1


def test_each_dialect_gets_its_own_bytes() -> None:
    room = room_of(1)
    text, classic, json = reader_in(room, TEXT), reader_in(room, CLASSIC), reader_in(room, JSON)
    room.sweep(0.0)
    assert text.wire == classic.wire == b"a: m1\n"
    assert tiles(json, 0) == 1


def test_a_paused_reader_stays_where_it_is_and_nobody_waits_for_it() -> None:
    room = room_of(3)
    slow, quick = reader_in(room), reader_in(room)
    slow.paused = True
    assert room.sweep(0.0) is False
    assert (slow.after, slow.parts, quick.after) == (0, [], 3)


def test_a_reader_that_was_too_slow_for_the_ring_is_told_so() -> None:
    room = room_of(0, keep=4)
    slow = reader_in(room)
    slow.paused = True
    append(room, 10)
    room.sweep(0.0)
    slow.paused = False
    room.drain(slow)
    assert slow.frames[0] == Gap(from_=1, to=6, why="slow")
    assert tiles(slow, 0) == 10


def test_a_drain_ends_where_the_reader_says_stop() -> None:
    """Memory per member is bounded: what it can't take stays in the ring."""
    room = room_of(50, batch=200)
    reader = reader_in(room)
    reader.pauses_after = 2
    room.drain(reader)
    assert reader.paused
    assert len(reader.parts) == 2
    assert tiles(reader, 0) == reader.after < 50


def test_a_reader_that_catches_up_from_the_journal_is_left_alone() -> None:
    """Its cursor stands before the ring: the sweep would call that a gap."""
    room = room_of(10, keep=4)
    reader = reader_in(room)
    reader.behind = True
    assert room.sweep(0.0) is False
    room.drain(reader)
    assert (reader.after, reader.parts) == (0, [])


def test_a_turn_hands_out_one_batch_and_the_rest_comes_in_the_next() -> None:
    room = room_of(50, batch=200)
    reader = reader_in(room)
    turns = 1
    while room.sweep(0.0):
        turns += 1
    assert turns > 5
    assert len(reader.parts) == turns
    assert all(len(part) <= 200 for part in reader.parts)
    assert tiles(reader, 0) == 50


def test_nobody_is_sent_nothing() -> None:
    room = room_of(3)
    level = reader_in(room, after=3)
    room.sweep(0.0)
    assert level.parts == []


def test_news_go_before_the_log_of_their_turn_to_everybody_once() -> None:
    room = room_of(1)
    here, new = reader_in(room), reader_in(room, TEXT)
    room.roster.add("Zoe", None, new, 0)
    assert room.due
    room.sweep(0.0)
    room.sweep(0.0)
    assert here.frames == [Join(["Zoe"], 1), Msg(1, 0, "a", "m1")]
    assert new.wire == b"Zoe joined!\na: m1\n"
    assert not room.due


def test_a_reader_that_leaves_during_a_sweep_does_not_stop_it() -> None:
    room = room_of(1)

    class Quitter(FakeReader):
        def send(self, data: bytes) -> None:
            room.readers.discard(self)

    room.readers |= {Quitter(), Quitter(), Quitter()}
    staying = reader_in(room)
    room.sweep(0.0)
    assert staying.after == 1
    assert room.readers == {staying}


# --- where a newcomer starts


@pytest.mark.parametrize(
    ("history", "after"), [(0, 20), (1, 19), (5, 15), (10, 10), (11, 10), (2**53 - 1, 10)], ids=str
)
def test_history_is_a_cursor_that_starts_earlier(history: int, after: int) -> None:
    assert start(room_of(20, keep=10), None, history) == (after, None)


@pytest.mark.parametrize(
    ("stood", "after", "gap"),
    [
        (20, 20, None),
        (15, 15, None),
        (10, 10, None),
        (9, 10, Gap(10, 10, "retention")),
        (0, 10, Gap(1, 10, "retention")),
        (21, 20, Gap(21, 21, "lost")),
        (99, 20, Gap(21, 99, "lost")),
    ],
)
def test_to_resume_is_to_say_where_the_cursor_stood(stood: int, after: int, gap: Gap | None) -> None:
    assert start(room_of(20, keep=10), Resume("epoch1", stood)) == (after, gap)


def test_a_resume_into_another_log_starts_at_the_tail_and_says_so() -> None:
    after, gap = start(room_of(20), Resume("epoch0", 7))
    assert after == 20
    assert gap is not None
    assert gap.why == "lost"


@pytest.mark.parametrize(
    ("kept_from", "stood", "after", "gap"),
    [(1, 0, 0, None), (1, 5, 5, None), (4, 5, 5, None), (4, 3, 3, None), (4, 1, 3, Gap(2, 3, "retention"))],
)
def test_a_cursor_may_stand_before_the_ring_where_the_journal_has_the_rest(
    kept_from: int, stood: int, after: int, gap: Gap | None
) -> None:
    room = room_of(20, keep=10)
    assert room.start(Resume("epoch1", stood), 0, kept_from) == (after, gap)
    assert room.start(None, 2**53 - 1, kept_from) == (kept_from - 1, None)


def test_a_resume_ignores_history() -> None:
    assert start(room_of(20), Resume("epoch1", 18), 15) == (18, None)


# --- pages


@pytest.mark.parametrize(
    ("ask", "seqs"),
    [
        ({"after": 12}, [13, 14, 15, 16, 17]),
        ({"after": 15}, [16, 17, 18, 19, 20]),
        ({"after": 18}, [19, 20]),
        ({"after": 20}, []),
        ({"after": 99}, []),
        ({"after": 0}, [4, 5, 6, 7, 8]),
        ({"before": 18}, [13, 14, 15, 16, 17]),
        ({"before": 6}, [4, 5]),
        ({"before": 4}, []),
        ({"before": 0}, []),
        ({"before": 2**53 - 1}, [16, 17, 18, 19, 20]),
    ],
    ids=str,
)
def test_a_page_goes_forward_or_back_within_what_is_kept(ask: dict[str, int], seqs: list[int]) -> None:
    after, last = room_of(20).span(ask.get("after"), ask.get("before"), 5, kept_from=4)
    assert list(range(after + 1, last + 1)) == seqs


# --- what is counted, without counting


def test_what_was_delivered_is_how_far_the_cursors_moved() -> None:
    """A reader that comes or goes changes nothing, and neither does where it started."""
    room = room_of(5)
    assert (room.said, room.delivered) == (5, 0)
    first, second = FakeReader(JSON, 5), FakeReader(TEXT, 3)
    for reader in (first, second):
        room.add_reader(reader)
    settle(room)
    assert room.delivered == 2
    append(room, 4)
    settle(room)
    assert (room.said, room.delivered) == (9, 10)
    for _ in range(2):
        room.remove_reader(second)
    append(room, 1)
    settle(room)
    assert (room.said, room.delivered) == (10, 11)


@pytest.mark.parametrize("drains", [False, True])
def test_each_reader_that_is_told_of_a_gap_counts_and_what_it_missed_is_not_delivered(*, drains: bool) -> None:
    room = room_of(keep=4)
    readers = [FakeReader(JSON, 0) for _ in range(3)]
    for reader in readers:
        reader.paused = drains
        room.add_reader(reader)
    append(room, 10)
    if not drains:
        settle(room)
    for reader in readers:
        reader.paused = False
        room.drain(reader)
        assert tiles(reader, 0) == 10
    assert room.gaps == {"slow": 3}
    assert room.delivered == 3 * 4


def test_a_leave_of_another_server_is_told_once_what_was_said_before_was_sent() -> None:
    room, reader = room_of(), FakeReader()
    room.add_reader(reader)
    member = room.roster.add("Bob", None, None, 0)
    settle(room)
    reader.parts.clear()
    room.roster.unlist(member)
    room.leave_after(2, member)
    append(room, 1)
    settle(room)
    assert [type(frame) for frame in reader.frames] == [Msg]
    append(room, 1)
    settle(room)
    assert [type(frame) for frame in reader.frames] == [Msg, Msg, Leave]


def test_readers_of_a_log_that_lost_its_end_are_told_what_they_saw_of_it() -> None:
    """And no more than that: before it, at it, behind it, and one that can take nothing now."""
    room = room_of(10)
    before, at, behind, paused = (reader_in(room, TEXT, after) for after in (5, 7, 10, 9))
    before.paused = paused.paused = True
    room.truncate("epoch2", 7)
    append(room, 1)
    settle(room)
    assert (before.wire, at.wire) == (b"", b"a: m8\n")
    assert behind.wire == b"(the last 3 messages were lost)\na: m8\n"
    assert paused.wire == b""
    for reader in (before, paused):
        reader.paused = False
        room.drain(reader)
    assert before.wire == b"a: m6\na: m7\na: m8\n"
    assert paused.wire == b"(the last 2 messages were lost)\na: m8\n"
    assert (room.epoch, room.gaps["lost"], room.edition) == ("epoch2", 2, 1)


def test_a_leave_that_waits_for_what_was_lost_is_told() -> None:
    room = room_of(3)
    member = room.roster.add("nadia", None, None, 0)
    reader = reader_in(room, TEXT, 3)
    settle(room)
    room.roster.unlist(member)
    room.leave_after(5, member)
    room.truncate("epoch2", 2)
    settle(room)
    assert reader.wire.endswith(b"nadia left!\n")


def test_a_redaction_of_what_was_lost_is_told_to_nobody() -> None:
    room = room_of(3)
    reader = reader_in(room, JSON, 3)
    room.redact([3])
    room.truncate("epoch2", 2)
    settle(room)
    assert [type(frame) for frame in reader.frames] == [Gap]

"""The past, wherever it is kept: in the ring, in the journal behind it, or nowhere any more."""

import asyncio

import msgspec
import pytest

from chatctl.core.limits import ServerLimits
from chatctl.errors import StorageFailed
from chatctl.protocol import Error, Gap, Hello, History, Msg, Page, Resume, Say, Welcome
from chatctl.server.connection import MAX_IN_FLIGHT
from tests.hub.conftest import OF_ONE
from tests.support.fakes import FakePeer, House, only
from tests.support.kept_log import KeptLog, in_loop, rest


def seqs(peer: FakePeer) -> list[int]:
    return [frame.seq for frame in only(Msg, peer.frames)]


@in_loop
async def test_who_starts_before_the_ring_gets_it_all_once_and_in_order() -> None:
    """After a restart the ring is empty: the journal has what they missed, and the room goes on meanwhile."""
    journal = KeptLog(["m"] * 1200)
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 7))
    talker = house.join("Talker")
    talker.say(Say("live"))
    await rest(house)
    assert seqs(back) == list(range(8, 1202))
    assert only(Gap, back.frames) == []
    assert seqs(talker) == [1201]


@in_loop
async def test_a_paused_reader_is_not_given_pages() -> None:
    """Its memory stays bounded: the next page waits until it has taken the last."""
    journal = KeptLog(["m"] * 2000)
    house = House(journal=journal)
    back = house.join("Back")
    back.lose()
    slow = house.peer()
    slow.stop_reading(after=3)  # the welcome, a page, and then it stops reading
    slow.say(b'{"type":"hello","v":1,"nick":"Slow","resume":{"epoch":"%s","after":0}}\n' % journal._epoch.encode())
    await rest(house)
    given = len(seqs(slow))
    assert 0 < given < 2000
    slow.read_on()
    await rest(house)
    assert seqs(slow) == list(range(1, 2001))


@OF_ONE
@in_loop
async def test_what_retention_took_is_announced() -> None:
    journal = KeptLog(["m"] * 50)
    journal.first = 21
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 10))
    await rest(house)
    assert only(Gap, back.frames) == [Gap(11, 20, "retention")]
    room = house.hub.history.rooms["lobby"]
    assert (room.gaps, room.delivered) == ({"retention": 1}, 30)
    assert seqs(back) == list(range(21, 51))
    assert only(Welcome, back.frames)[0].first == 21


@pytest.mark.parametrize(("first", "kept"), [(6, [6, 7, 8, 9, 10]), (11, [])])
@in_loop
async def test_what_retention_took_is_not_read_from_the_ring_either(first: int, kept: list[int]) -> None:
    """It is there until newer entries take its place: in a quiet room for ever."""
    journal = KeptLog()
    house = House(journal=journal)
    talker = house.join("Talker")
    talker.say(*(Say(f"m{number}") for number in range(10)))
    await rest(house)
    journal.first = first
    talker.take()
    talker.say(History(limit=20, after=0), History(limit=20, before=11))
    back = house.join("Back", resume=Resume(journal._epoch, 2))
    late = house.join("Late", history=20)
    await rest(house)
    pages = [([entry.seq for entry in page.entries], page.more) for page in only(Page, talker.frames)]
    assert pages == [(kept, False)] * 2
    assert only(Gap, back.frames) == [Gap(3, first - 1, "retention")]
    assert seqs(back) == seqs(late) == kept
    assert only(Welcome, late.frames)[0].first == first


@OF_ONE
@in_loop
async def test_a_file_that_cannot_be_read_is_announced_and_the_room_goes_on() -> None:
    journal = KeptLog(["m"] * 50)
    journal.broken = StorageFailed("the file can't be read")
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 10))
    await rest(house)
    back.say(Say("I am here"))
    await rest(house)
    assert only(Gap, back.frames) == [Gap(11, 50, "retention")]
    assert seqs(back) == [51]
    room = house.hub.history.rooms["lobby"]
    assert (room.gaps, room.delivered) == ({"retention": 1}, 1)


@in_loop
async def test_one_who_leaves_while_catching_up_leaves_nothing_behind() -> None:
    journal = KeptLog(["m"] * 5000)
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 0))
    back.lose()
    await rest(house)
    assert house.hub.history._catching_up == {}
    assert back.closed


@pytest.mark.parametrize(
    ("ask", "wanted", "more"),
    [
        (History(limit=5, after=0), [1, 2, 3, 4, 5], True),
        (History(limit=5, after=94), [95, 96, 97, 98, 99], True),
        (History(limit=50, after=95), [96, 97, 98, 99, 100, 101, 102, 103], False),
        (History(limit=5, before=101), [96, 97, 98, 99, 100], True),
        (History(limit=5, before=4), [1, 2, 3], False),
        (History(limit=3, before=9999), [101, 102, 103], True),
        (History(limit=0, after=5), [], False),
        (History(limit=5, before=0), [], False),
        (History(limit=5, before=1), [], False),
    ],
    ids=str,
)
@in_loop
async def test_pages_come_from_the_ring_and_from_the_journal(ask: History, wanted: list[int], more: bool) -> None:
    journal = KeptLog(["m"] * 100)
    house = House(journal=journal)
    reader = house.join("Reader")
    for number in (101, 102, 103):
        reader.say(Say(f"m{number}"))
        await rest(house)
    reader.take()
    reader.say(msgspec.structs.replace(ask, id="q7"))
    await rest(house)
    [page] = only(Page, reader.frames)
    assert page.id == "q7"
    assert [entry.seq for entry in page.entries] == wanted
    assert page.more is more
    assert reader.in_flight == 0


@in_loop
async def test_a_page_that_cannot_be_read_is_an_error_to_who_asked() -> None:
    journal = KeptLog(["m"] * 100)
    journal.broken = StorageFailed("the file can't be read")
    house = House(journal=journal)
    reader = house.join("Reader")
    reader.say(History(limit=5, after=0, id="q7"))
    await rest(house)
    assert reader.codes == ["storage"]
    assert [error.id for error in only(Error, reader.frames)] == ["q7"]


@OF_ONE
def test_without_a_journal_pages_hold_what_the_ring_has() -> None:
    """The head moves on with the ring: nothing that was forgotten is looked for, nothing that is there is missed."""
    house = House(ServerLimits(rate=0, ring_entries=3))
    reader = house.join("Reader")
    for number in range(10):
        reader.say(Say(str(number)))
        house.settle()
    reader.take()
    reader.say(History(limit=5, after=0), History(limit=5, before=9))
    house.settle()
    first, second = only(Page, reader.frames)
    assert [entry.seq for entry in first.entries] == [8, 9, 10]
    assert [entry.seq for entry in second.entries] == [8]
    assert only(Welcome, house.join("Late").frames)[0].first == 8


@OF_ONE
@in_loop
async def test_the_end_of_the_log_is_in_the_ring_before_anybody_comes_back() -> None:
    """Five thousand who come back at once must not cost five thousand reads."""
    journal = KeptLog(["m"] * 1500)
    house = House(journal=journal)
    await house.hub.history.warm_up("lobby")
    assert journal.reads == 1
    backs = [house.join(f"b{n}", resume=Resume(journal._epoch, 1400)) for n in range(20)]
    await rest(house)
    assert all(seqs(back) == list(range(1401, 1501)) for back in backs)
    assert journal.reads == 1


@in_loop
async def test_one_page_from_the_journal_is_under_way_at_a_time() -> None:
    """It counts as all that a connection may have under way: a hundred pages asked for at once would all be there."""
    journal = KeptLog(["m"] * 50)
    house = House(journal=journal)
    reader = house.join("Reader")
    house.hub.perform(reader, History(limit=10, before=20))
    assert reader.in_flight >= MAX_IN_FLIGHT
    await rest(house)
    assert reader.in_flight == 0
    assert len(only(Page, reader.frames)) == 1


@in_loop
async def test_a_fault_of_ours_while_a_page_is_read_holds_nobody() -> None:
    """It is logged, the question is answered, and the connection is read from as before."""
    journal = KeptLog(["m"] * 50)
    house = House(journal=journal)
    asker = house.join("Asker")
    journal.broken = RuntimeError("a defect")
    asker.say(History(limit=10, after=0))
    await rest(house)
    assert asker.codes == ["internal"]
    assert asker.in_flight == 0
    assert "a defect" in house.logged.getvalue()
    journal.broken = None
    asker.say(History(limit=10, after=0))
    await rest(house)
    assert len(only(Page, asker.frames)) == 1


@in_loop
async def test_a_fault_of_ours_while_a_reader_catches_up_ends_its_connection() -> None:
    """Its client resumes where it stood; a reader that nothing is sent to any more would never know."""
    journal = KeptLog(["m"] * 50)
    journal.broken = RuntimeError("a defect")
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 7))
    await rest(house)
    assert back.closed
    assert "a reader could not catch up" in house.logged.getvalue()


@OF_ONE
@pytest.mark.parametrize("turns", range(8))
@in_loop
async def test_one_who_catches_up_while_the_log_loses_its_end_is_sent_nothing_of_the_new_one(turns: int) -> None:
    """Its cursor is of the earlier epoch, whatever was being read then, and while it waits for an answer."""
    journal = KeptLog(["m"] * 600)
    house = House(journal=journal)
    back = house.join("Back", resume=Resume(journal._epoch, 0))
    for _ in range(turns):
        house.turn()
        await asyncio.sleep(0)
    journal.entries[100:] = [Msg(seq, 0.0, "Rajat", "new") for seq in range(101, 601)]
    journal._last["lobby"], journal._epoch = 100, "another"
    back.in_flight = 1
    house.hub.cut("the engine has lost its last messages", facts=False)
    await rest(house)
    house.hub._tick.release(back, 1)
    await rest(house)
    assert seqs(back) == list(range(1, len(seqs(back)) + 1))
    assert "new" not in [entry.text for entry in only(Msg, back.frames)]
    assert back.closed
    assert house.hub.history._catching_up == {}


class RenewedJournal(KeptLog):
    """Has another epoch than before: the old one ended with entry 5."""

    def end_of(self, epoch: str, room: str) -> int | None:
        return 5 if (epoch, room) == ("old", "lobby") else None


@pytest.mark.parametrize(
    ("resume", "cut", "gaps", "wanted"),
    [
        (Resume("old", 3, cut=True), 3, [], [4, 5, 6, 7, 8]),
        (Resume("old", 5, cut=True), 5, [], [6, 7, 8]),
        (Resume("old", 9, cut=True), 5, [Gap(from_=6, to=9, why="lost")], [6, 7, 8]),
        (Resume("old", 0, cut=True), 0, [Gap(from_=1, to=2, why="retention")], [3, 4, 5, 6, 7, 8]),
        (Resume("old", 3), None, [Gap(from_=1, to=8, why="lost")], []),
        (Resume("older", 3, cut=True), None, [Gap(from_=1, to=8, why="lost")], []),
    ],
)
@in_loop
async def test_a_cursor_of_an_earlier_epoch_goes_on_where_the_two_logs_part(
    resume: Resume, cut: int | None, gaps: list[Gap], wanted: list[int]
) -> None:
    """For a client that knows what ``cut`` is; others are told ``lost``, as ever."""
    journal = RenewedJournal(["m"] * 8)
    journal.first = 3
    house = House(journal=journal)
    peer = house.peer()
    peer.say(Hello(v=1, mode="watch", resume=resume))
    await rest(house)
    [welcome] = only(Welcome, peer.frames)
    assert welcome.cut == cut
    assert "cut" in welcome.features
    assert only(Gap, peer.frames) == gaps
    assert seqs(peer) == wanted

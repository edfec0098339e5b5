"""A log that has lost its end: who keeps a cursor comes back with it, the others stay, and all see the same again."""

from __future__ import annotations

import pytest

from chatctl import protocol as p
from chatctl.hub.cutting import FACTS_LOST, RENEWED
from tests.support.fakes import FakePeer, House, SlowJournal, only

TOKEN, OTHER = "a" * 32, "b" * 32


class LosingJournal(SlowJournal):
    """Loses the ends of its logs when it is told to, as an engine does whose standby is promoted too early."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[tuple[str, str], int] = {}

    def lose(self, **lasts: int) -> None:
        """Go on from these entries of these rooms, under another epoch."""
        for room, last in self._last.items():
            self._last[room] = min(last, lasts.get(room, last))
            self._ends[self._epoch, room] = self._last[room]
        self._epoch += " more"

    def end_of(self, epoch: str, room: str) -> int | None:
        return self._ends.get((epoch, room))


@pytest.fixture
def house() -> House:
    return House(journal=LosingJournal())


def say(house: House, peer: FakePeer, *texts: str) -> None:
    """Have somebody say something, and let it be shown."""
    for text in texts:
        peer.say({"json": p.Say(text), "text": f"{text}\n".encode()}.get(peer.dialect.name, text.encode()))
        house.settle()
    commit(house)


def commit(house: House) -> None:
    house.settle()
    while house.journal.waiting:  # type: ignore[attr-defined]
        house.journal.commit()  # type: ignore[attr-defined]
    house.settle()


def lose(house: House, *, facts: bool = False, **lasts: int) -> None:
    house.journal.lose(**lasts)  # type: ignore[attr-defined]
    house.hub.cut("the engine has lost its last messages", facts=facts)
    house.settle()


def resume(house: House, peer: FakePeer, after: int, *, cut: bool = True) -> FakePeer:
    """Come back as the client of a connection that has ended, which has shown entries up to a number."""
    welcome = only(p.Welcome, peer.frames)[0]
    back = p.Resume(welcome.epoch, after, cut=cut)
    return house.join(welcome.nick, TOKEN, room=welcome.room, resume=back)


def seen(peer: FakePeer) -> list[str]:
    return [entry.text for entry in only(p.Msg, peer.frames)]


@pytest.mark.parametrize(("after", "gap"), [(1, None), (2, None), (4, p.Gap(3, 4, "lost"))], ids=str)
def test_clients_with_a_cursor_come_back_with_it(house: House, after: int, gap: p.Gap | None) -> None:
    """Whether it stood before the end, at it, or behind it."""
    nadia, text = house.join("nadia", TOKEN), house.text("omar")
    say(house, text, "a", "b", "lost", "lost, too")
    lose(house, lobby=2)
    [bye] = only(p.Bye, nadia.frames)
    assert (bye.why, bye.retry_after, bye.final, nadia.closed) == (RENEWED, 0.1, False, True)
    say(house, text, "c")
    back = resume(house, nadia, after)
    welcome = back.welcome
    assert welcome is not None
    assert (welcome.epoch, welcome.cut, welcome.last) == (house.journal.head("lobby").epoch, min(after, 2), 3)
    assert only(p.Gap, back.frames) == ([gap] if gap else [])
    assert [entry.seq for entry in only(p.Msg, back.frames)] == list(range(min(after, 2) + 1, 4))
    assert seen(back)[-1] == "c"


def test_an_older_client_is_told_that_the_log_is_another_one(house: House) -> None:
    nadia = house.join("nadia", TOKEN)
    say(house, nadia, "a", "lost")
    lose(house, lobby=1)
    assert only(p.Gap, resume(house, nadia, 2, cut=False).frames) == [p.Gap(1, 1, "lost")]


def test_clients_without_a_cursor_stay_and_go_on(house: House) -> None:
    """They are told, once, of what they saw and is lost; what is said then has the same numbers and is shown once."""
    omar, old = house.text("omar"), house.classic("Rajat")
    say(house, omar, "a", "lost", "lost, too")
    for peer in (omar, old):
        peer.took()
    lose(house, lobby=1)
    say(house, old, "b")
    assert omar.took() == b"(the last 2 messages were lost)\nRajat: b\n"
    assert old.took() == b"(the last 2 messages were lost)\nRajat: b\n"
    assert house.hub.history.rooms["lobby"].ring.last == 2
    newcomer = house.join("nadia", history=9)
    assert seen(newcomer) == ["a", "b"]


def test_many_come_back_one_after_the_other(house: House) -> None:
    readers = [house.join(f"n{number}") for number in range(120)]
    lose(house)
    waits = [only(p.Bye, peer.frames)[0].retry_after for peer in readers]
    assert (waits[0], waits[-1]) == (0.1, 0.3)
    assert waits == sorted(waits)


def test_a_room_that_has_lost_nothing_goes_on(house: House) -> None:
    """Its epoch is another one all the same."""
    nadia, omar, text = house.join("nadia", TOKEN, room="ops"), house.join("omar", OTHER), house.text("pia")
    say(house, nadia, "kept")
    say(house, text, "lost")
    text.took()
    lose(house, lobby=0)
    assert text.took().startswith(b"(the last message was lost)\n")
    assert only(p.Bye, nadia.frames)[0].why == only(p.Bye, omar.frames)[0].why == RENEWED
    back = resume(house, nadia, 1)
    assert (back.welcome and back.welcome.cut, seen(back), only(p.Gap, back.frames)) == (1, [], [])


def test_what_is_under_way_is_answered_before_its_sender_has_to_come_back(house: House) -> None:
    """It is in the new log, once; its sender, who was sent nothing more of the log, sees it when it is back."""
    nadia, omar = house.join("nadia", TOKEN), house.text("omar")
    say(house, omar, "a", "lost")
    omar.took()
    nadia.say(p.Say("under way", id="1"))
    house.settle()
    lose(house, lobby=1)
    assert (nadia.closed, only(p.Ack, nadia.frames)) == (False, [])
    commit(house)
    assert [type(frame) for frame in nadia.frames[-2:]] == [p.Ack, p.Bye]
    assert (only(p.Ack, nadia.frames)[0].seq, nadia.closed) == (2, True)
    assert omar.took() == b"(the last message was lost)\nnadia: under way\nnadia left!\n"
    assert "under way" not in seen(nadia)
    back = resume(house, nadia, 2)
    assert (only(p.Gap, back.frames), seen(back)) == ([p.Gap(2, 2, "lost")], ["under way"])
    back.say(p.Say("under way", id="1"))
    commit(house)
    assert only(p.Ack, back.frames)[0].duplicate


def test_who_only_sends_stays(house: House) -> None:
    """It keeps no cursor."""
    poster, text = house.peer(p.Hello(v=1, nick="ci", mode="post", token=TOKEN)), house.text("omar")
    house.settle()
    say(house, text, "lost")
    lose(house, lobby=0)
    poster.say(p.Say("built", id="1"))
    commit(house)
    assert (only(p.Ack, poster.frames)[0].seq, only(p.Bye, poster.frames), poster.closed) == (1, [], False)


def test_one_that_can_take_nothing_now_is_told_when_it_can(house: House) -> None:
    omar, pia = house.text("omar"), house.text("pia")
    say(house, pia, "a", "b")
    omar.took()
    omar.stop_reading()
    say(house, pia, "lost")
    lose(house, lobby=1)
    say(house, pia, "c")
    assert omar.wire == b""
    omar.read_on()
    house.settle()
    assert omar.took() == b"(the last message was lost)\npia: c\n", "b it had seen, and never what came then"


def test_who_holds_a_lease_takes_it_again_where_changes_of_facts_are_lost(house: House) -> None:
    """What the journal has of the lease now may be an earlier state of it."""
    take = p.Lease("lock", "deploy", OTHER, id="1")
    holder = house.peer(p.Hello(v=1, nick="ci", mode="post", token=TOKEN), take)
    house.settle()
    nadia, omar = house.join("nadia"), house.text("omar")
    for peer in (nadia, omar):
        peer.took()
    house.hub.cut("the engine has lost its last changes of names and rules", facts=True)
    house.settle()
    [bye] = only(p.Bye, holder.frames)
    assert (bye.why, bye.final, holder.closed) == (FACTS_LOST, False, True)
    assert (only(p.Notice, nadia.take())[0].text, nadia.closed) == (FACTS_LOST, False)
    assert omar.took() == f"! {FACTS_LOST}\n".encode()
    again = house.peer(p.Hello(v=1, nick="ci", mode="post", token=TOKEN), take)
    house.settle()
    assert only(p.LeaseState, again.frames)[0].held


def test_the_log_says_why(house: House) -> None:
    lose(house)
    assert "the engine has lost its last messages" in house.logged.getvalue()

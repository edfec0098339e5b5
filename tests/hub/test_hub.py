"""hub.py: what rooms, sessions and the journal do together. The loop is turned by hand."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from chatctl import protocol as p
from chatctl.core.admission import Admission
from chatctl.core.limits import ServerLimits, advertised
from chatctl.core.moderation import RoomRules
from chatctl.core.room import FEW_READERS
from chatctl.protocol import Ack, Bye, Error, Gap, Hello, Join, Leave, Msg, Nick, Rename, Resume, Say, Welcome
from tests.hub.conftest import AT_ONCE, OF_ONE
from tests.support.fakes import FakePeer, House, SlowJournal, only
from tests.support.presence import fold

MINE, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def house() -> House:
    return House()


def said(peer: FakePeer) -> list[tuple[int, str, str]]:
    return [(m.seq, m.nick, m.text) for m in only(Msg, peer.frames)]


# --- one order


@OF_ONE
def test_all_dialects_see_the_same_messages_in_one_order(house: House) -> None:
    """Three ways to speak, one room."""
    json, text, classic = house.join("Ana"), house.text("Bob"), house.classic("Cyd")
    for peer in (json, text, classic):
        peer.parts.clear()
    text.say(b"one\n")
    json.say(Say("two"), Say("waves", action=True))
    classic.say(b"Cyd: three")
    text.say(b"/me nods\n")
    house.settle()
    expected = [(1, "Bob", "one"), (2, "Ana", "two"), (3, "Ana", "waves"), (4, "Cyd", "three"), (5, "Bob", "nods")]
    assert said(json) == expected
    assert text.wire == classic.wire == b"Bob: one\nAna: two\n* Ana waves\nCyd: three\n* Bob nods\n"


class OneOrder(RuleBasedStateMachine):
    """However the turns fall and whoever is slow: what two members both read, they read in one order."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(ServerLimits(rate=0, out_buffer=300))
        self.json = [self.house.join("Ana"), self.house.join("Bea")]
        self.people = [self.house.text("Cyd"), self.house.classic("Dee")]
        for peer in [*self.json, *self.people]:
            peer.parts.clear()
        self.count = 0

    @rule(who=st.integers(0, 3), times=st.integers(1, 5))
    def say(self, who: int, times: int) -> None:
        for _ in range(times):
            self.count += 1
            if who < 2:
                self.json[who].say(Say(f"m{self.count}"))
            else:
                self.people[who - 2].say(f"m{self.count}".encode() + (b"\n" if who == 2 else b""))

    @rule()
    def turn(self) -> None:
        self.house.turn()

    @rule(who=st.integers(0, 1), after=st.integers(1, 2))
    def pause(self, who: int, after: int) -> None:
        [self.json, self.people][who][0].stop_reading(after=after)

    @rule()
    def resume(self) -> None:
        for peer in [*self.json, *self.people]:
            peer.read_on()

    def teardown(self) -> None:
        self.resume()
        self.house.settle()
        first, second = (said(peer) for peer in self.json)
        assert first == second
        assert [seq for seq, _, _ in first] == list(range(1, self.count + 1))
        lines = b"".join(f"{nick}: {text}\n".encode() for _, nick, text in first)
        assert all(peer.wire == lines for peer in self.people)


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@OF_ONE
def test_what_one_turn_brings_is_one_commit_and_one_write_a_member() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    ana, bob = house.join("Ana"), house.join("Bob")
    house.settle()
    ana.parts.clear()
    bob.parts.clear()
    for n in range(10):
        ana.say(Say(f"a{n}", id=str(n)))
        bob.say(Say(f"b{n}"))
    house.turn()
    assert len(journal.waiting) == 1
    journal.commit()
    house.settle()
    assert len(ana.parts) == len(bob.parts) == 1
    assert [type(frame) for frame in ana.frames] == [Ack] * 10 + [Msg] * 20, "replies go before the log"


@OF_ONE
def test_what_was_said_is_shown_in_the_turn_in_which_it_was_committed(house: House) -> None:
    ana, bob = house.join("Ana"), house.join("Bob")
    ana.take(), bob.take()
    ana.say(Say("hi", id="1"))
    house.turn()
    assert [type(frame) for frame in ana.take()] == [Ack, Msg]
    assert [type(frame) for frame in bob.take()] == [Msg]


def test_nothing_is_shown_or_acknowledged_before_it_is_committed() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    ana, bob = house.join("Ana"), house.join("Bob")
    ana.take(), bob.take()
    ana.say(Say("hi", id="1"))
    house.settle()
    assert ana.take() == bob.take() == []
    journal.commit()
    house.settle()
    assert only(Msg, bob.take()) == [Msg(1, house.now, "Ana", "hi")]
    assert ana.take() == [Ack("1", house.now, False, 1), Msg(1, house.now, "Ana", "hi")]


def test_what_could_not_be_stored_is_an_error_to_the_sender_and_shown_to_nobody() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    ana, bob = house.join("Ana"), house.join("Bob")
    ana.take(), bob.take()
    ana.say(Say("hi", id="1"), Say("ho"))
    house.settle()
    journal.fail()
    house.settle()
    assert [(e.code, e.id) for e in only(Error, ana.take())] == [("storage", "1"), ("storage", None)]
    assert bob.take() == []
    assert ana.in_flight == 0
    assert "not stored" in house.logged.getvalue()
    ana.say(Say("again"))
    house.settle()
    journal.commit()
    house.settle()
    assert said(bob) == [(1, "Ana", "again")]


# --- coming in


@OF_ONE
def test_a_newcomer_is_welcomed_then_told_the_gap_then_the_log(house: House) -> None:
    ana = house.join("Ana")
    ana.say(Say("one"), Say("two"), Say("three"))
    house.settle()
    bob = house.join("Bob", history=2)
    welcome, *rest = bob.take()
    assert welcome == Welcome(
        v=1,
        server="test",
        room="lobby",
        nick="Bob",
        epoch=house.hub.history.rooms["lobby"].epoch,
        first=1,
        last=3,
        members=["Ana", "Bob"],
        count=2,
        watchers=0,
        durability="memory",
        limits=advertised(house.limits),
        features=list(p.FEATURES),
        operator=False,
    )
    assert rest == [Join(["Bob"], 2), Msg(2, house.now, "Ana", "two"), Msg(3, house.now, "Ana", "three")]
    back = house.join("Cyd", resume=Resume("another", 2))
    assert [type(frame) for frame in back.take()] == [Welcome, Gap, Join]


@OF_ONE
def test_a_resumed_cursor_goes_on_where_it_stood(house: House) -> None:
    ana = house.join("Ana", MINE)
    epoch = only(Welcome, ana.take())[0].epoch
    ana.say(*(Say(f"m{n}") for n in range(1, 6)))
    house.settle()
    ana.lose()
    house.settle()
    back = house.join("Ana", MINE, resume=Resume(epoch, 2))
    assert [seq for seq, _, _ in said(back)] == [3, 4, 5]
    assert only(Gap, back.frames) == []


@OF_ONE
def test_history_is_limited(house: House) -> None:
    house = House(ServerLimits(rate=0, backlog=3))
    house.join("Ana").say(*(Say(f"m{n}") for n in range(9)))
    house.settle()
    assert [seq for seq, _, _ in said(house.join("Bob", history=1000))] == [7, 8, 9]


@OF_ONE
def test_those_who_come_in_one_turn_are_announced_together(house: House) -> None:
    ana = house.join("Ana")
    ana.take()
    peers = [house.peer(p.Hello(v=1, nick=f"n{i}")) for i in range(50)]
    house.settle()
    assert ana.take() == [Join([f"n{i}" for i in range(50)], 51)]
    for peer in peers:
        peer.lose()
    house.settle()
    assert ana.take() == [Leave([f"n{i}" for i in range(50)], 1)]


def test_the_welcome_names_at_most_two_hundred_and_counts_all(house: House) -> None:
    for i in range(205):
        house.peer(p.Hello(v=1, nick=f"n{i}"))
    welcome = only(Welcome, house.join("last").frames)[0]
    assert (len(welcome.members), welcome.count) == (200, 206)


def test_a_room_that_is_not_here_is_refused(house: House) -> None:
    peer = house.join("Ana", room="nowhere")
    assert peer.codes == ["room_invalid"]
    assert peer.closed


def test_rooms_do_not_hear_each_other(house: House) -> None:
    lobby, ops = house.join("Ana"), house.join("Ana", room="ops")
    lobby.take(), ops.take()
    lobby.say(Say("x"))
    house.settle()
    assert ops.take() == []
    assert said(lobby) == [(1, "Ana", "x")]


@pytest.mark.parametrize("mode", ["watch", "post", "probe"])
def test_only_members_are_listed_and_announced(house: House, mode: p.Mode) -> None:
    ana = house.join("Ana")
    ana.take()
    other = house.join("Bob", mode=mode)
    assert ana.take() == []
    ana.say(p.Who())
    house.settle()
    (roster,) = ana.take()
    assert ([row.nick for row in roster.members], roster.count, roster.watchers) == (["Ana"], 1, int(mode == "watch"))
    other.lose()
    house.settle()
    assert ana.take() == []
    ana.say(p.Who())
    house.settle()
    assert ana.take()[0].watchers == 0


def test_a_watcher_reads_and_a_poster_does_not(house: House) -> None:
    watcher, poster = house.join("", mode="watch"), house.join("Bob", mode="post")
    watcher.take(), poster.take()
    poster.say(Say("hi", id="1"))
    house.settle()
    assert said(watcher) == [(1, "Bob", "hi")]
    assert poster.take() == [Ack("1", house.now, False, 1)]


# --- names


def test_a_name_held_with_another_token_is_taken(house: House) -> None:
    ana = house.join("Ana", MINE)
    for token in (OTHER, None):
        thief = house.join("ANA", token)
        assert thief.codes == ["nick_taken"]
        assert thief.closed
    assert not ana.closed
    assert only(Leave, ana.frames) == []


def test_a_text_client_whose_name_is_taken_is_asked_again_and_a_classic_one_gets_another(house: House) -> None:
    house.join("Rajat")
    text = house.text("rajat")
    assert text.took().endswith(b"NAME\n")
    text.say(b"Zoe\n")
    classic = house.classic("Rajat")
    house.settle()
    assert text.took() == b"Connected to server!\nZoe joined!\nRajat_2 joined!\n"
    classic.say(b"Rajat: hello")
    house.settle()
    assert text.took() == b"Rajat_2: hello\n"


def test_the_same_token_takes_its_name_over_and_nobody_else_hears_of_it(house: House) -> None:
    """After a drop, your own name must not be taken."""
    watcher, ghost = house.join("Bob"), house.join("Ana", MINE)
    watcher.take(), ghost.take()
    back = house.join("Ana", MINE)
    house.settle()
    assert watcher.take() == []
    assert [type(frame) for frame in ghost.take()] == [Bye]
    assert ghost.closed
    assert only(Welcome, back.take())[0].count == 2
    back.say(Say("here again"))
    house.settle()
    assert said(watcher) == [(1, "Ana", "here again")]
    watcher.take()
    back.lose()
    house.settle()
    assert watcher.take() == [Leave(["Ana"], 1)]


def test_a_takeover_in_another_case_is_a_rename(house: House) -> None:
    watcher, ghost = house.join("Bob"), house.join("Ana", MINE)
    watcher.take()
    house.join("ANA", MINE)
    assert watcher.take() == [Rename("Ana", "ANA")]
    assert ghost.closed


def test_the_last_words_of_one_who_was_replaced_are_shown() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    ghost = house.join("Ana", MINE)
    ghost.say(Say("last words", id="1"))
    back = house.join("Ana", MINE)
    assert not ghost.closed
    journal.commit()
    house.settle()
    assert said(back) == [(1, "Ana", "last words")]
    assert only(Ack, ghost.frames) == [Ack("1", house.now, False, 1)]
    assert ghost.closed


def test_a_goodbye_is_the_last_that_is_sent(house: House) -> None:
    """Whoever reads one stops there: what was said in the same turn has to stand before it."""
    bob, ghost, removed = house.join("Bob"), house.join("Ana", MINE), house.join("Rajat")
    bob.say(Say("one"))
    house.hub.disconnect(removed, "removed", Bye("you were kicked", final=True))
    house.peer(p.Hello(v=1, nick="Ana", token=MINE))
    house.settle()
    for peer in (ghost, removed):
        assert said(peer) == [(1, "Bob", "one")]
        assert isinstance(peer.frames[-1], Bye)
        assert peer.closed


def test_a_rename_is_told_to_all(house: House) -> None:
    ana, bob = house.join("Ana"), house.text("Bob")
    ana.take(), bob.took()
    ana.say(p.Nick("Zoe"), Say("hi"))
    house.settle()
    assert ana.take() == [Rename("Ana", "Zoe"), Msg(1, house.now, "Zoe", "hi")]
    assert bob.took() == b"Ana is now Zoe\nZoe: hi\n"
    bob.say(b"/nick zoe\n/nick \x1b\n")
    house.settle()
    assert [line[:2] for line in bob.took().splitlines()] == [b"! ", b"! "]
    assert ana.take() == []
    house.join("Ana")


def test_a_rename_to_the_own_name_is_answered_and_not_told(house: House) -> None:
    ana, bob = house.join("Ana"), house.join("Bob")
    ana.take(), bob.take()
    ana.say(p.Nick("Ana"))
    house.settle()
    assert ana.take() == [Rename("Ana", "Ana")]
    assert bob.take() == []


def test_a_poster_loses_its_voice_to_a_member_with_another_token(house: House) -> None:
    """No one speaks as someone else."""
    poster = house.join("Ana", OTHER, mode="post")
    poster.say(Say("mine"))
    house.settle()
    ana = house.join("ana", MINE)
    poster.take()
    poster.say(Say("not mine", id="2"), p.Whisper("ana", "psst", id="3"))
    house.settle()
    answers = sorted((e.code, e.id or "") for e in only(Error, poster.take()))  # the journal is asked about the first
    assert answers == [("nick_taken", "2"), ("nick_taken", "3")]
    assert only(p.Whispered, ana.take()) == []
    ana.lose()
    house.settle()
    poster.say(Say("mine again", id="4"))
    house.settle()
    assert only(Ack, poster.take()) == [Ack("4", house.now, False, 2)]


def test_a_poster_keeps_its_voice_beside_a_member_with_its_token(house: House) -> None:
    poster, ana = house.join("Ana", MINE, mode="post"), house.join("Ana", MINE)
    assert not poster.closed
    poster.say(Say("from a script"))
    house.settle()
    assert said(ana) == [(1, "Ana", "from a script")]


def test_a_poster_without_a_token_has_no_voice_beside_a_member_without_one(house: House) -> None:
    poster = house.join("Ana", mode="post")
    house.join("Ana")
    poster.take()
    poster.say(Say("hi"))
    house.settle()
    assert poster.codes == ["nick_taken"]


# --- going


@pytest.mark.parametrize("how", ["lose", "end", "bye"])
def test_a_leave_is_told_once_and_after_the_last_words(how: str) -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    bob, ana = house.join("Bob"), house.join("Ana")
    bob.take()
    ana.say(Say("last words"))
    if how == "bye":
        ana.say(Bye())
    else:
        getattr(ana, how)()
    ana.lose()
    house.settle()
    assert bob.take() == []
    assert not ana.closed
    journal.commit()
    house.settle()
    assert bob.take() == [Msg(1, house.now, "Ana", "last words"), Leave(["Ana"], 1)]
    assert ana.closed


def test_who_left_before_the_hello_is_not_told(house: House) -> None:
    bob = house.join("Bob")
    bob.take()
    house.peer().lose()
    house.peer(b"{").end()
    house.settle()
    assert bob.take() == []
    assert house.logged.getvalue().count("Connection closed") == 2


@OF_ONE
def test_the_name_of_one_who_goes_is_free_at_once() -> None:
    """Also while what he said is still on its way to the disk."""
    journal = SlowJournal()
    house = House(journal=journal)
    bob, ana = house.join("Bob"), house.join("Ana")
    ana.say(Say("x"))
    ana.lose()
    house.settle()
    bob.take()
    new = house.join("Ana", OTHER)
    assert new.codes == []
    assert bob.take() == [Leave(["Ana"], 2), Join(["Ana"], 2)], "it is somebody else"
    journal.commit()
    house.settle()
    assert only(Leave, bob.take()) == [], "one of that name is here"
    new.lose()
    house.settle()
    assert only(Leave, bob.frames) == [Leave(["Ana"], 1)]


@OF_ONE
def test_two_of_one_name_that_go_one_after_the_other_are_told_once() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    bob, ana = house.join("Bob"), house.join("Ana")
    ana.say(Say("x"))
    ana.lose()
    house.settle()
    house.join("Ana", OTHER).lose()
    house.settle()
    journal.commit()
    house.settle()
    assert only(Leave, bob.frames) == [Leave(["Ana"], 2), Leave(["Ana"], 1)]


@AT_ONCE
def test_who_comes_under_a_name_in_the_turn_in_which_it_got_free_is_told_of_to_all(house: House) -> None:
    """It may be somebody else. The newcomer knows by its own join that it is in step with what is told."""
    bob, ana = house.join("Bob"), house.join("Ana")
    bob.take()
    ana.lose()
    new = house.join("Ana")
    assert bob.take() == [Leave(["Ana"], 2), Join(["Ana"], 2)]
    assert only(Join, new.take()) == [Join(["Ana"], 2)]
    assert ana.closed


def knows(peer: FakePeer) -> set[str]:
    """Return the members that a client knows by its welcome and what came since."""
    assert peer.welcome is not None
    fold(peer.frames, known := set(peer.welcome.members))
    return known


def test_a_newcomers_rename_in_the_turn_of_its_welcome_is_told(house: House) -> None:
    """It answers the question; and the welcome had the first name, which would stay in the list for ever."""
    bob = house.join("Bob")
    ana = house.peer(Hello(v=1, nick="Ana"), Nick("Zoe", id="n1"), Nick("ZOE", id="n2"))
    house.settle()
    assert only(Rename, ana.frames) == [Rename("Ana", "Zoe"), Rename("Zoe", "ZOE")]
    assert knows(ana) == knows(bob) == {"Bob", "ZOE"}


def test_a_newcomer_that_is_taken_over_in_another_spelling_in_the_same_turn(house: House) -> None:
    bob = house.join("Bob")
    house.peer(Hello(v=1, nick="abc", token=MINE))
    after = house.peer(Hello(v=1, nick="ABC", token=MINE))
    house.settle()
    assert knows(after) == knows(bob) == {"Bob", "ABC"}


def test_who_is_let_in_while_news_waits_is_told_of_those_who_left_since(house: House) -> None:
    """In a large room it waits, and the welcome has those whose join is not told yet."""
    for _ in range(FEW_READERS + 1):
        house.join("", mode="watch")
    house.join("Bob")
    brief = house.join("Brief")
    ana = house.join("Ana")
    assert knows(ana) == {"Bob", "Brief", "Ana"}
    brief.lose()
    house.settle()
    house.join("Brief").lose()
    house.settle()
    house.pass_time(1.0)
    house.settle()
    assert knows(ana) == {"Bob", "Ana"}


def test_who_came_and_went_in_one_turn_is_in_nobodys_list(house: House) -> None:
    bob = house.join("Bob")
    house.peer(Hello(v=1, nick="Brief"), Bye())
    ana = house.join("Ana")
    assert knows(ana) == knows(bob) == {"Bob", "Ana"}
    assert [frame.nicks for frame in only(Leave, bob.frames)] == [["Brief"]]


def test_the_error_that_closes_is_the_last_frame() -> None:
    """Behind the answers to what was asked before, and behind what the room is told in the same turn."""
    journal = SlowJournal()
    house = House(journal=journal)
    new = house.peer(Hello(v=1, nick="Ana"), b"\x00\n")
    house.settle()
    assert [type(frame) for frame in new.frames] == [Welcome, Join, Error]
    assert new.closed
    bob = house.join("Bob")
    bob.take()
    bob.say(Say("x", id="1"), b"\x00\n")
    house.settle()
    assert not bob.closed
    journal.commit()
    house.settle()
    assert [type(frame) for frame in bob.frames] == [Ack, Msg, Error]
    assert bob.closed
    assert sum(hub.refusals["bad_frame"] for hub in house.hubs) == 2


@OF_ONE
def test_one_whose_name_was_taken_in_another_case_has_left_all_the_same() -> None:
    """Else a ghost stays in every client's list."""
    journal = SlowJournal()
    house = House(journal=journal)
    bob, ana = house.join("Bob"), house.join("Ana")
    ana.say(Say("x"))
    ana.lose()
    house.settle()
    house.join("ANA", OTHER)
    journal.commit()
    house.settle()
    assert knows(bob) == {"Bob", "ANA"}


def test_nothing_is_kept_of_those_who_went(house: House) -> None:
    for mode in ("join", "watch", "post", "probe"):
        house.join("Ana", mode=mode).lose()
        house.settle()
    room = house.hub.history.rooms["lobby"]
    assert (len(room.roster), room.readers, room.watchers) == (0, set(), 0)
    tick = house.hub._tick
    assert [*tick._replied, *tick._leaving, *tick._rooms, *house.hub.messages._batch.drafts] == []


# --- ids


def test_a_repeated_id_gets_its_first_number_and_is_not_shown_again(house: House) -> None:
    ana, bob = house.join("Ana", MINE), house.join("Bob")
    ana.say(Say("one", id="1"))
    house.settle()
    ana.lose()
    house.settle()
    house.now += 60
    again = house.join("Ana", MINE)
    again.say(Say("one", id="1"), Say("two", id="2"), Say("two", id="2"))
    house.settle()
    acks = only(Ack, again.frames)
    assert [(ack.seq, ack.duplicate) for ack in acks] == [(1, True), (2, False), (2, True)]
    assert acks[0].time == acks[1].time - 60
    assert said(bob) == [(1, "Ana", "one"), (2, "Ana", "two")]


def test_an_id_of_another_message_is_refused_and_nothing_is_said(house: House) -> None:
    """A monitor that uses one id for "disk full" and "disk OK" has to learn that the second was not said."""
    ana, bob = house.join("Ana", MINE), house.join("Bob")
    ana.say(Say("disk full", id="disk"), Say("disk OK", id="disk"))
    house.settle()
    ana.say(Say("disk OK", id="disk"), Say("disk full", action=True, id="disk"))
    house.settle()
    assert [(error.code, error.id) for error in only(Error, ana.frames)] == [("id_reused", "disk")] * 3
    assert "number 1" in only(Error, ana.frames)[0].text
    assert said(bob) == [(1, "Ana", "disk full")]


def test_without_a_token_an_id_is_only_echoed(house: House) -> None:
    ana = house.join("Ana")
    ana.say(Say("one", id="1"), Say("one", id="1"))
    house.settle()
    assert [(ack.id, ack.seq, ack.duplicate) for ack in only(Ack, ana.frames)] == [("1", 1, False), ("1", 2, False)]


# --- whispers, probes, questions


def test_a_whisper_reaches_one_and_is_never_stored(house: House) -> None:
    ana, bob, cyd = house.join("Ana"), house.text("Bob"), house.join("Cyd")
    ana.take(), bob.took(), cyd.take()
    ana.say(p.Whisper("bob", "psst\nhey", id="1"))
    house.settle()
    assert bob.took() == b"Ana (privately): psst\nAna (privately): hey\n"
    assert ana.take() == [Ack("1", house.now, False)]
    assert cyd.take() == []
    assert house.hub.history.rooms["lobby"].ring.last == 0
    assert house.join("Dee", history=100).frames[-1] == Join(["Dee"], 4)


@pytest.mark.parametrize(("to", "code"), [("Zoe", "no_such_nick"), ("\x1b", "nick_invalid")])
def test_a_whisper_to_nobody_is_an_error(house: House, to: str, code: str) -> None:
    ana = house.join("Ana")
    ana.take()
    ana.say(p.Whisper(to, "psst", id="1"))
    house.settle()
    assert [(e.code, e.id) for e in only(Error, ana.take())] == [(code, "1")]


def test_a_whisper_to_one_who_does_not_read_is_refused_and_not_kept(house: House) -> None:
    """Memory per member is bounded."""
    ana, bob = house.join("Ana"), house.join("Bob")
    ana.take()
    bob.stop_reading()
    ana.say(p.Whisper("Bob", "psst", id="1"))
    house.settle()
    assert ana.codes == ["no_such_nick"]
    assert bob.replies == []


def test_a_probe_leaves_no_trace_and_comes_back_to_it_alone() -> None:
    journal = SlowJournal()
    house = House(journal=journal)
    bob, probe = house.join("Bob"), house.join("checker", mode="probe")
    bob.take(), probe.take()
    probe.say(Say("are you there", id="1"))
    house.settle()
    assert probe.take() == [], "it goes the whole way, commit included"
    journal.commit()
    house.settle()
    assert probe.take() == [Ack("1", house.now, False), Msg(0, house.now, "checker", "are you there")]
    assert bob.take() == []
    assert house.hub.history.rooms["lobby"].ring.last == 0
    assert said(house.join("Cyd", history=100)) == []


def test_a_ping_is_answered_with_the_number_of_the_last_entry(house: House) -> None:
    ana = house.join("Ana")
    ana.say(Say("x"))
    house.settle()
    ana.take()
    ana.say(p.Ping(t="now"))
    house.settle()
    assert ana.take() == [p.Pong(t="now", last=1)]


def test_who_tells_how_long_somebody_was_silent(house: House) -> None:
    ana, bob = house.join("Ana"), house.join("Bob")
    house.now += 30
    bob.say(Say("x"))
    house.settle()
    house.now += 5
    ana.take()
    ana.say(p.Who())
    house.settle()
    (roster,) = ana.take()
    assert roster == p.Roster([p.RosterRow("Ana", 1000.0, 35.0), p.RosterRow("Bob", 1000.0, 5.0)], 2, 0)


def test_a_page_is_answered_within_its_limit() -> None:
    house = House(ServerLimits(rate=0, page=2))
    ana = house.join("Ana")
    ana.say(*(Say(f"m{n}") for n in range(1, 6)))
    house.settle()
    ana.take()
    ana.say(p.History(limit=1000, after=1), p.History(limit=1, before=3), p.History(limit=1))
    house.settle()
    forward, back, error = ana.take()
    assert ([m.seq for m in forward.entries], forward.more) == ([2, 3], True)
    assert ([m.seq for m in back.entries], back.more) == ([2], True)
    assert error.code == "bad_frame"


def test_a_text_client_may_ask_for_help_and_quit(house: House) -> None:
    bob = house.text("Bob")
    bob.took()
    bob.say(b"/help\n/who\n/quit\n")
    house.settle()
    assert b"/msg NICK" in bob.took()
    assert bob.closed


def test_a_stranger_gets_his_line_and_is_closed(house: House) -> None:
    browser = house.peer(b"GET / HTTP/1.1\r\n\r\n")
    house.settle()
    assert browser.took().startswith(b"HTTP/1.1 400")
    assert browser.closed
    assert house.hub.history.rooms == {}


def test_a_room_that_is_opened_again_is_as_empty_as_before() -> None:
    """Nothing was said in it, so a place in the one is a place in the other, and nothing is lost."""
    house = House(admission=Admission("test", open_rooms=True))
    before = house.join("Ana", room="tmp.room")
    assert before.welcome is not None
    before.lose()
    house.settle()
    assert "tmp.room" not in house.hub.history.rooms
    again = house.join("Ana", room="tmp.room", resume=Resume(before.welcome.epoch, 0))
    assert again.welcome is not None
    assert (again.welcome.first, again.welcome.last, only(Gap, again.frames)) == (1, 0, [])


@OF_ONE
def test_guests_may_open_rooms_where_they_may() -> None:
    house = House(admission=Admission("test", open_rooms=True))
    assert house.join("Ana", room="new").codes == []
    assert set(house.hub.history.rooms) == {"new"}


def test_the_rate_delays_a_paste_and_drops_nothing() -> None:
    house = House(ServerLimits(rate=10, burst=5))
    ana, bob = house.join("Ana"), house.text("Bob")
    bob.say(b"".join(b"line %d\n" % n for n in range(20)))
    house.settle()
    assert len(said(ana)) == 5
    while bob.session.wake_at is not None:
        house.now = bob.session.wake_at
        bob.pump()
        house.settle()
    assert [text for _, _, text in said(ana)] == [f"line {n}" for n in range(20)]


@OF_ONE
def test_in_a_big_room_joins_are_told_together_at_a_pace() -> None:
    """Ten thousand who come one by one must not cost fifty million frames."""
    house = House()
    first = house.join("first")
    for number in range(70):
        house.join(f"early{number}")
    house.pass_time(1.0)
    house.settle()
    first.take()
    for number in range(300):
        house.join(f"late{number}")
    house.pass_time(1.0)
    house.settle()
    told = only(Join, first.frames)
    assert [nick for frame in told for nick in frame.nicks] == [f"late{number}" for number in range(300)]
    assert len(told) <= 3
    assert told[-1].count == 371


def test_in_a_big_room_messages_do_not_wait_for_the_news() -> None:
    house = House()
    first = house.join("first")
    for number in range(100):
        house.join(f"m{number}")
    first.take()
    first.say(Say("now"))
    house.settle()
    assert [frame.text for frame in only(Msg, first.frames)] == ["now"]


# --- rooms


def rooms_told(peer: FakePeer, house: House) -> list[tuple[str, int, int, str]]:
    peer.parts.clear()
    peer.say(p.Rooms())
    house.settle()
    (told,) = only(p.RoomList, peer.frames)
    return [(row.name, row.members, row.last, row.topic) for row in told.rooms]


@OF_ONE
def test_rooms_are_those_of_the_operator_and_those_that_are_open() -> None:
    """How many are in each, and never who."""
    house = House(admission=Admission("s", ["ops"], open_rooms=True))
    ana, bob = house.join("Ana"), house.join("Bob", room="den")
    bob.say(Say("one"), Say("two"))
    house.settle()
    house.hub.rules.rooms["den"] = RoomRules(topic="tea")
    assert rooms_told(ana, house) == [("den", 1, 2, "tea"), ("lobby", 1, 0, ""), ("ops", 0, 0, "")]
    assert b"Bob" not in ana.wire
    assert "ops" not in house.hub.history.rooms, "a look opens none"


def test_every_mode_may_ask_which_rooms_there_are(house: House) -> None:
    for mode in ("join", "watch", "post", "probe"):
        assert rooms_told(house.join(f"x{mode}", mode=mode), house)[0][0] == "lobby"
    assert "rooms" in p.FEATURES


def test_nc_is_told_of_rooms_too(house: House) -> None:
    peer = house.text("Bob")
    peer.parts.clear()
    peer.say(b"/rooms\n")
    house.settle()
    assert peer.wire == b"lobby: 1 here\nops: 0 here\n"

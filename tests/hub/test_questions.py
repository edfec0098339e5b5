"""questions.py: what is said of questions, whose answers are, and who is told that nobody waits any more."""

from __future__ import annotations

import pytest

from chatctl import protocol as p
from chatctl.core.leases import Leases
from chatctl.protocol import LEASE_SECONDS, Ack, Lease, LeaseState, Notice, Say
from tests.hub.lease_holders import (
    ANA,
    BOB,
    ONE,
    QUESTION,
    TWO,
    answer,
    asked,
    notices,
    pass_over,
    post,
    taken,
    watch,
)
from tests.support.fakes import FakePeer, House, KeepingJournal, SlowJournal, only
from tests.support.key_holders import OWNER
from tests.support.two_servers import TwoServers, directory_of, journal_of

WITHDRAWN = "question a3 is withdrawn: ci does not wait for an answer any more"


@pytest.fixture
def house() -> House:
    return House()


def look(house: House, asker: FakePeer, seq: int, name: str = "a3", holder: str = ONE) -> LeaseState:
    state = answer(house, asker, Lease("question", name, holder, "look", seq))
    assert isinstance(state, LeaseState)
    return state


def test_an_entry_is_judged_by_its_seq(house: House) -> None:
    """The first answer came before the second question, though it is looked at after it."""
    nadia = house.join("nadia", BOB)
    first = asked(house)
    nadia.say(Say("yes"))
    house.settle()
    asked(house, "b4", TWO, "c" * 32, "ci2")
    nadia.say(Say("yes"))
    house.settle()
    assert [look(house, first, seq).open for seq in (2, 4)] == [["a3"], ["a3", "b4"]]


def test_a_killed_server_knows_which_questions_were_asked() -> None:
    """It is killed right behind the commit of the message: what is kept later is not."""
    journal = KeepingJournal()
    house = House(journal=journal)
    poster, asker = post(house, "ci"), watch(house)
    assert taken(house, asker, QUESTION)
    journal.at_once = False
    poster.say(Say("go?", id="q", asks="a3"))
    house.settle()
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    assert Leases(facts).open_at("lobby", 2) == ["a3"]


def test_who_does_not_own_the_question_does_not_ask_it() -> None:
    """Nothing of it is in the journal, not even for a moment."""
    journal = KeepingJournal()
    house = House(journal=journal)
    asker = watch(house)
    assert taken(house, asker, QUESTION)
    journal.at_once = False
    eve = post(house, "eve", BOB)
    eve.take()
    eve.say(Say("go?", id="q", asks="a3"), Say("go?", asks="b4"))
    house.settle()
    assert [type(frame) for frame in eve.frames] == [Notice, Notice, Ack], "both were said"
    assert notices(eve) == [
        f"you did not ask the question {name}: this is shown as an ordinary message" for name in ("a3", "b4")
    ]
    assert not any(value for (kind, _), value in journal.kept.items() if kind == "asked")
    assert look(house, asker, 3).open == []


def test_an_id_of_another_message_asks_nothing(house: House) -> None:
    poster, asker = post(house, "ci"), watch(house)
    poster.say(Say("hello", id="q"))
    house.settle()
    assert taken(house, asker, QUESTION)
    poster.say(Say("go?", id="q", asks="a3"))
    house.settle()
    assert look(house, asker, 2).open == []


def test_a_repeat_of_the_question_opens_it_where_it_was_first_said(house: House) -> None:
    """The server ended between the commit of the message and that of its number."""
    poster = post(house, "ci")
    poster.say(Say("go?", id="q"))
    house.settle()
    asker = watch(house)
    assert taken(house, asker, QUESTION)
    poster.say(Say("later"), Say("go?", id="q", asks="a3"))
    house.settle()
    frames = poster.take()
    assert only(Notice, frames) == []
    (ack,) = [ack for ack in only(Ack, frames) if ack.duplicate]
    poster.say(Say("go?", id="q", asks="a3"))
    house.settle()
    assert notices(poster) == [], "it is asked already"
    assert look(house, asker, ack.seq + 1).open == ["a3"]


def test_whose_an_entry_is(house: House) -> None:
    """Without a token nobody can be told from another; the asker's own is known whatever its name."""
    asker = asked(house)
    for nick, token in (("nadia", BOB), ("abel", None), ("me", ANA)):
        house.join(nick, token).say(Say("yes"))
        house.settle()
    nadia, abel, me = (look(house, asker, seq) for seq in (2, 3, 4))
    assert (len(nadia.by), nadia.own) == (1, False)
    assert (abel.by, abel.own) == ([], False)
    assert me.own


def elsewhere(servers: TwoServers, house: House, nick: str, **how: object) -> None:
    """Have somebody say yes at one server, with an id."""
    peer = OWNER.join(house, nick, **how) if how.pop("key", False) else house.join(nick, **how)  # type: ignore[arg-type]
    peer.say(Say("yes", id="1"))
    servers.settle()
    peer.lose()
    servers.settle()


def test_whose_an_answer_is_is_known_at_the_server_of_the_asker_too(servers: TwoServers) -> None:
    """By the token it was said with; and by the key, where the name was bound. A phone and a laptop are one owner's."""
    asker = asked(servers.two)
    servers.settle()
    for nick, how in (("ci2", {"token": ANA}), ("abel", {"token": BOB}), ("anne", {"token": "d" * 32, "key": True})):
        elsewhere(servers, servers.one, nick, **how)  # type: ignore[arg-type]
    elsewhere(servers, servers.one, "anne", token="e" * 32, key=True)
    own, abel, laptop, phone = (look(servers.two, asker, seq) for seq in (2, 3, 4, 5))
    assert (own.own, abel.own, len(abel.by)) == (True, False, 1)
    assert len(laptop.by) == len(phone.by) == 2
    assert len(set(laptop.by) & set(phone.by)) == 1
    assert not set(abel.by) & {*laptop.by, *phone.by}


def test_whose_an_entry_from_before_the_question_is_nobody_learns(servers: TwoServers) -> None:
    """It would tell which names of the past are one owner's."""
    elsewhere(servers, servers.one, "abel", token=BOB)
    asker = asked(servers.two)
    assert look(servers.two, asker, 1).by == []


def test_only_the_holder_learns_whose_an_entry_is(house: House) -> None:
    asked(house)
    house.join("nadia", BOB).say(Say("yes"))
    house.settle()
    state = look(house, watch(house, BOB), 2)
    assert (state.held, state.by, state.open) == (False, [], [])


def test_a_question_is_withdrawn_in_the_room_of_every_server_once(servers: TwoServers) -> None:
    peers = [house.join(nick) for house, nick in zip(servers.houses, ("nadia", "abel"), strict=True)]
    asker = asked(servers.two)
    servers.settle()
    asker.say(Lease("question", "a3", ONE, "withdraw"))
    servers.settle()
    told = "question a3 is withdrawn: ci does not wait for an answer any more"
    assert [notices(peer) for peer in peers] == [[told], [told]]


def test_a_question_whose_asker_is_gone_is_withdrawn(house: House) -> None:
    """The room is told in every dialect, and who answers it later is, too."""
    nadia, text = house.join("nadia", BOB), house.text("Abel")
    asked(house).lose()
    house.settle()
    pass_over(house, LEASE_SECONDS - 1)
    assert notices(nadia) == []
    pass_over(house, 1)
    assert notices(nadia) == ["question a3 is withdrawn: ci is gone"]
    text.parts.clear()
    text.say(b"A3: yes\n")
    house.settle()
    assert text.wire == b"! question a3 is closed: your answer does not count\nAbel: A3: yes\n"
    nadia.say(Say("a3yes"), Say("yes"))
    house.settle()
    assert notices(nadia) == []


def test_one_that_was_never_said_goes_silently(house: House) -> None:
    nadia, asker = house.join("nadia", BOB), watch(house)
    assert taken(house, asker, QUESTION)
    asker.lose()
    house.settle()
    nadia.take()
    pass_over(house, LEASE_SECONDS)
    assert notices(nadia) == []
    assert list(house.hub.leasing.leases) == []


def test_an_asker_that_does_not_wait_has_it_withdrawn_at_once(house: House) -> None:
    """One write is all that it has time for."""
    nadia, asker = house.join("nadia", BOB), asked(house)
    answer(house, watch(house, BOB), Lease("question", "a3", ONE, "withdraw"))
    assert notices(nadia) == [], "it is not theirs"
    asker.say(Lease("question", "a3", ONE, "withdraw"), p.Bye())
    house.settle()
    assert notices(nadia) == ["question a3 is withdrawn: ci does not wait for an answer any more"]
    nadia.say(Say("a3 yes"))
    house.settle()
    assert notices(nadia) == ["question a3 is closed: your answer does not count"]


def test_one_that_is_withdrawn_while_it_is_being_committed() -> None:
    """Whoever sees it sees that nobody waits."""
    journal = SlowJournal()
    house = House(journal=journal)
    nadia, asker, poster = house.join("nadia", BOB), watch(house), post(house, "ci")
    assert taken(house, asker, QUESTION)
    poster.say(Say("[a3] go?", id="q", asks="a3"))
    house.settle()
    asker.say(Lease("question", "a3", ONE, "withdraw"))
    house.settle()
    nadia.take()
    journal.commit()
    house.settle()
    assert sorted(type(frame).__name__ for frame in nadia.frames) == ["Msg", "Notice"]
    assert notices(nadia) == ["question a3 is withdrawn: ci does not wait for an answer any more"]


@pytest.mark.parametrize("at", ["one", "two"])
@pytest.mark.parametrize("is_heard", [True, False])
def test_one_that_is_withdrawn_while_it_is_being_committed_is_told_at_all_servers_once(
    servers: TwoServers, at: str, is_heard: bool
) -> None:
    """Its asker may be at the other server by then, of which the one that commits has not heard yet."""
    journal, peers = journal_of(servers.one), [house.join("nadia", BOB) for house in servers.houses[:1]]
    peers.append(servers.two.join("abel"))
    poster, withdrawing = post(servers.one, "ci"), watch(getattr(servers, at))
    servers.settle()
    withdrawing.say(QUESTION)
    servers.settle()
    for peer in peers:
        peer.take()
    journal.waiting = []
    poster.say(Say("[a3] go?", id="q", asks="a3"))
    servers.settle()
    directory_of(servers.one).stopped = not is_heard
    withdrawing.say(Lease("question", "a3", ONE, "withdraw"))
    servers.settle()
    assert [notices(peer) for peer in peers] == [[], []]
    journal.commit()
    servers.settle()
    directory_of(servers.one).stopped = False
    directory_of(servers.one).read()
    servers.settle()
    assert [notices(peer) for peer in peers] == [[WITHDRAWN], [WITHDRAWN]]
    for house, peer in zip(servers.houses, peers, strict=True):
        [over] = house.hub.leasing.leases
        assert (over.asked, over.closed, over.withdrawn != "") == (1, 1, True)
        peer.say(Say("a3 yes"))
        servers.settle()
        assert notices(peer) == ["question a3 is closed: your answer does not count"]
    assert servers.engine.facts["asked", "lobby a3"] == "1"


def test_one_that_is_withdrawn_where_it_is_not_known_yet_that_it_was_asked(servers: TwoServers) -> None:
    """Its number is kept at the other server at that moment."""
    peers = [house.join(nick) for house, nick in zip(servers.houses, ("nadia", "abel"), strict=True)]
    servers.settle()
    asker = watch(servers.two)
    servers.settle()
    asker.say(QUESTION)
    servers.settle()
    directory_of(servers.two).stopped = True
    post(servers.one, "ci").say(Say("[a3] go?", id="q", asks="a3"))
    servers.settle()
    asker.say(Lease("question", "a3", ONE, "withdraw"))
    servers.settle()
    directory_of(servers.two).stopped = False
    directory_of(servers.two).read()
    servers.settle()
    assert [notices(peer) for peer in peers] == [[WITHDRAWN], [WITHDRAWN]]


def test_a_question_that_is_over_is_told_apart_from_one_that_somebody_has(house: House) -> None:
    asker, other = asked(house), watch(house, BOB)
    theirs = Lease("question", "a3", TWO)
    before = answer(house, other, theirs)
    answer(house, asker, Lease("question", "a3", ONE, "withdraw"))
    states = [before, answer(house, other, theirs), answer(house, asker, QUESTION)]
    told = [(state.held, state.nick, state.closed) for state in states if isinstance(state, LeaseState)]
    assert told == [(False, "ci", False), (False, "ci", True), (False, "ci", True)]


def test_an_asker_that_is_done_says_so_itself(house: House) -> None:
    nadia, asker = house.join("nadia", BOB), asked(house)
    answer(house, asker, Lease("question", "a3", ONE, "release"))
    assert notices(nadia) == []
    nadia.say(Say("a3 yes"))
    house.settle()
    assert notices(nadia) == ["question a3 is closed: your answer does not count"]

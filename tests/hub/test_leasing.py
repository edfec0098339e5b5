"""leasing.py: what connections get, what the journal keeps and the room is told. The loop is turned by hand."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from chatctl import protocol as p
from chatctl.core.leases import Leases
from chatctl.journal import ChangedMeanwhile
from chatctl.protocol import LEASE_SECONDS, Ack, Error, Lease, LeaseState, Notice, Say
from tests.hub.conftest import OF_ONE
from tests.support.fakes import FakePeer, House, KeepingJournal, SlowJournal, only, order
from tests.support.key_holders import OWNER
from tests.support.two_servers import TwoServers, directory_of, journal_of

ANA, BOB = "a" * 32, "b" * 32
ONE, TWO = "1" * 32, "2" * 32
LOCK = Lease("lock", "backup", ONE)
QUESTION = Lease("question", "a3", ONE)


@pytest.fixture
def house() -> House:
    return House()


def post(house: House, nick: str, token: str | None = ANA) -> FakePeer:
    return house.join(nick, token, mode="post")


def watch(house: House, token: str | None = ANA) -> FakePeer:
    return house.join("", token, mode="watch")


def answer(house: House, peer: FakePeer, lease: Lease) -> LeaseState | Error:
    peer.take()

    async def ask() -> None:
        peer.say(lease)
        for _ in range(3):  # the log may have to be asked who said an entry
            house.settle()
            await asyncio.sleep(0)

    asyncio.run(ask())
    house.settle()
    (found,) = [frame for frame in peer.take() if isinstance(frame, LeaseState | Error)]
    return found


def taken(house: House, peer: FakePeer, lease: Lease) -> bool:
    state = answer(house, peer, lease)
    assert isinstance(state, LeaseState)
    return state.held


def notices(peer: FakePeer) -> list[str]:
    return [notice.text for notice in only(Notice, peer.take())]


def pass_over(house: House, seconds: float) -> None:
    house.pass_time(seconds)
    for hub in house.hubs:
        hub.leasing.expire()
    house.settle()


# --- locks


def test_the_second_is_told_who_has_it_and_since_when(house: House) -> None:
    mine = answer(house, post(house, "ci"), LOCK)
    assert mine == LeaseState("lock", "backup", held=True, nick="ci", since=1000.0)
    house.pass_time(5)
    other = answer(house, post(house, "ci2", BOB), Lease("lock", "backup", TWO))
    assert other == LeaseState("lock", "backup", held=False, nick="ci", since=1000.0)


def test_a_lost_connection_keeps_it_for_so_long(house: House) -> None:
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    assert taken(house, ci, LOCK)
    ci.lose()
    house.settle()
    pass_over(house, LEASE_SECONDS - 1)
    assert not taken(house, other, Lease("lock", "backup", TWO))
    house.pass_time(1)
    assert taken(house, other, Lease("lock", "backup", TWO)), "whoever asks is not told of one that is over"


def test_back_in_time(house: House) -> None:
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    ci.lose()
    house.settle()
    pass_over(house, LEASE_SECONDS - 1)
    assert taken(house, post(house, "ci"), LOCK)
    pass_over(house, 10 * LEASE_SECONDS)
    assert not taken(house, post(house, "ci2", BOB), Lease("lock", "backup", TWO))


def test_a_release_frees_it_at_once_and_only_its_holder_s_does(house: House) -> None:
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    assert taken(house, ci, LOCK)
    answer(house, other, Lease("lock", "backup", ONE, "release"))
    assert not taken(house, other, Lease("lock", "backup", TWO))
    assert answer(house, ci, Lease("lock", "backup", ONE, "release")) == LeaseState("lock", "backup", held=False)
    assert taken(house, other, Lease("lock", "backup", TWO))


def test_a_lock_takes_a_name_and_an_owner(house: House) -> None:
    """The second is told who has it; and an owner bounds how many one takes."""
    for peer in (watch(house), post(house, "ci", None)):
        refusal = answer(house, peer, LOCK)
        assert isinstance(refusal, Error)
        assert refusal.code == "forbidden"


def test_who_comes_back_under_another_name_has_it_under_that_one(house: House) -> None:
    """The old name is nobody's: a whisper to it would go nowhere."""
    ci, other = post(house, "ci"), post(house, "other", BOB)
    assert taken(house, ci, LOCK)
    ci.lose()
    back = post(house, "ci2")
    assert answer(house, back, LOCK) == LeaseState("lock", "backup", held=True, nick="ci2", since=1000.0)
    assert answer(house, other, Lease("lock", "backup", TWO)) == LeaseState(
        "lock", "backup", held=False, nick="ci2", since=1000.0
    )


def test_a_question_that_is_taken_again_by_a_watcher_keeps_its_askers_name(house: House) -> None:
    assert taken(house, post(house, "ci"), QUESTION)
    state = answer(house, watch(house), QUESTION)
    assert isinstance(state, LeaseState)
    assert (state.held, state.nick) == (True, "ci")


def test_another_room_has_locks_of_its_own(house: House) -> None:
    assert taken(house, post(house, "ci"), LOCK)
    assert taken(house, house.join("ci2", BOB, mode="post", room="ops"), Lease("lock", "backup", TWO))


def test_a_member_that_is_renamed_has_it_under_the_new_name(house: House) -> None:
    ana, other = house.join("ana", ANA), post(house, "ci2", BOB)
    assert taken(house, ana, LOCK)
    ana.say(p.Nick("anna"))
    house.settle()
    state = answer(house, other, Lease("lock", "backup", TWO))
    assert isinstance(state, LeaseState)
    assert state.nick == "anna"


@pytest.mark.parametrize("verb", ["kick", "ban"])
def test_who_is_sent_away_has_nothing_any_more(house: House, verb: str) -> None:
    """So an operator frees a lock."""
    ana, other = house.join("ana", ANA), post(house, "ci2", BOB)
    assert taken(house, ana, LOCK)
    order(house, "console", verb, "ana", room="lobby")
    assert taken(house, other, Lease("lock", "backup", TWO))


def test_who_is_muted_and_a_room_that_is_read_only_may_lock(house: House) -> None:
    """A lock is no speech: nobody is told of it."""
    ana = house.join("ana", ANA)
    order(house, "console", "mute", "ana", room="lobby")
    order(house, "console", "read-only", "", room="lobby")
    assert taken(house, ana, LOCK)


# --- the journal


@OF_ONE
def test_nothing_is_granted_before_it_is_kept() -> None:
    """After a restart it would be somebody else's."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci, other = post(house, "ci"), post(house, "ci2", BOB)
    journal.at_once = False
    ci.take()
    ci.say(LOCK)
    house.settle()
    assert only(LeaseState, ci.take()) == []
    assert not taken(house, other, Lease("lock", "backup", TWO)), "two are not promised one lease"
    journal.fail()
    house.settle()
    (refusal,) = only(Error, ci.take())
    assert refusal.code == "storage"
    journal.at_once = True
    assert taken(house, other, Lease("lock", "backup", TWO))


@pytest.mark.parametrize("do", ["release", "withdraw"])
def test_a_release_is_answered_when_it_is_kept(do: Literal["release", "withdraw"]) -> None:
    """Whoever waits for the answer may start the next one at another server."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    journal.at_once = False
    ci.say(Lease("lock", "backup", ONE, do))
    house.settle()
    assert only(LeaseState, ci.take()) == []
    journal.commit()
    house.settle()
    assert only(LeaseState, ci.take()) == [LeaseState("lock", "backup", held=False)]


@OF_ONE
def test_a_release_that_another_server_was_faster_than_is_made_once_more() -> None:
    """What that one has kept is known by then: that the connection was lost, say, of one who comes back here."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    [(key, kept)] = journal.kept.items()
    journal.at_once = False
    ci.say(Lease("lock", "backup", ONE, "release"))
    house.settle()
    house.hub.learn({key: kept})
    journal.waiting.pop(0)[1](ChangedMeanwhile("another server has changed it meanwhile"))
    journal.commit()
    house.settle()
    assert journal.kept == {key: None}
    assert only(LeaseState, ci.take()) == [LeaseState("lock", "backup", held=False)]


def test_it_outlives_a_restart_of_the_server() -> None:
    journal = KeepingJournal()
    house = House(journal=journal)
    assert taken(house, post(house, "ci"), LOCK)
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    again = House(leases=Leases(facts, now=1000.0, wall=1000.0))
    assert not taken(again, post(again, "ci2", BOB), Lease("lock", "backup", TWO))
    assert taken(again, post(again, "ci"), LOCK)


def test_connections_that_the_server_itself_ends_are_not_lost() -> None:
    """It may be down for longer than a lease is kept: nobody else can have had it meanwhile."""
    journal = KeepingJournal()
    house = House(journal=journal)
    ci = post(house, "ci")
    assert taken(house, ci, LOCK)
    for hub in house.hubs:
        hub.leasing.stopping()
    ci.lose()
    house.settle()
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    assert Leases(facts, now=0.0, wall=99_999.0).expired(LEASE_SECONDS - 1)[0] == []


# --- questions


def asked(house: House, name: str = "a3", holder: str = ONE, token: str = ANA, nick: str = "ci") -> FakePeer:
    """Have one ask a question, as ``chatctl ask`` does; give the connection that watches."""
    asker = watch(house, token)
    assert taken(house, asker, Lease("question", name, holder))
    post(house, nick, token).say(Say(f"[{name}] go?", id=f"q{name}", asks=name)).end()
    house.settle()
    asker.take()
    return asker


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


WITHDRAWN = "question a3 is withdrawn: ci does not wait for an answer any more"


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


def test_a_lock_that_is_released_while_its_other_connection_is_lost_is_free(servers: TwoServers) -> None:
    """Both servers change it: that it was released counts."""
    first = post(servers.one, "ci").say(LOCK)
    servers.settle()
    again = post(servers.two, "ci")
    servers.settle()
    directory_of(servers.two).stopped = True
    first.lose()
    servers.settle()
    again.say(Lease("lock", "backup", ONE, "release"))
    servers.settle()
    directory_of(servers.two).stopped = False
    directory_of(servers.two).read()
    servers.settle()
    assert [list(house.hub.leasing.leases) for house in servers.houses] == [[], []]
    assert servers.engine.facts["lease", "lobby lock backup"] is None


def test_a_lock_that_is_over_at_one_server_while_it_is_taken_again_at_another_is_kept(servers: TwoServers) -> None:
    post(servers.one, "ci").say(LOCK).lose()
    servers.settle()
    again = post(servers.two, "ci")
    servers.settle()
    directory_of(servers.one).stopped = True
    again.say(LOCK)
    servers.settle()
    servers.pass_time(LEASE_SECONDS)
    servers.one.hub.leasing.expire()
    directory_of(servers.one).stopped = False
    directory_of(servers.one).read()
    servers.settle()
    assert [len(list(house.hub.leasing.leases)) for house in servers.houses] == [1, 1]
    assert again.room is not None
    assert servers.two.hub.leasing.leases.holds(again)


def test_a_lock_that_is_withdrawn_is_released(house: House) -> None:
    nadia, ci = house.join("nadia", BOB), post(house, "ci")
    assert taken(house, ci, LOCK)
    nadia.take()
    assert answer(house, ci, Lease("lock", "backup", ONE, "withdraw")) == LeaseState("lock", "backup", held=False)
    assert notices(nadia) == []


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

"""hub/login.py: being let in where something has to be proved first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chatctl import protocol as p
from chatctl.common import scram
from chatctl.core.admission import Admission
from chatctl.core.auth import Authenticator
from chatctl.core.name_claims import NameClaims
from chatctl.core.name_ownership import Names
from chatctl.core.passwords import Verifier
from chatctl.core.session import MAX_REFUSALS
from chatctl.errors import ChatError, Forbidden
from chatctl.hub.admin_target import Actor
from chatctl.hub.login import LOGINS_A_TURN, ROOMS_AT_ONCE
from tests.hub.conftest import AT_ONCE, OF_ONE
from tests.support.fakes import FakePeer, House, KeepingJournal, only
from tests.support.key_holders import OTHER, OWNER

VERIFIER = Verifier.of("secret")


# --- the handshake


def test_the_welcome_lists_what_the_server_offers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client asks for nothing that is not listed."""
    monkeypatch.setattr(p, "FEATURES", ("fly",))
    peer = house.peer(p.Hello(v=1, nick="amy"))
    house.settle()
    welcome = peer.welcome
    assert welcome is not None
    assert welcome.features == ["fly"]


def test_a_key_is_proved_before_anything_else_is_told(house: House) -> None:
    hello = OWNER.hello("Rajat")
    peer = house.peer(hello)
    house.settle()
    assert [type(frame) for frame in peer.frames] == [p.Challenge]
    assert len(house.hub.history.rooms) == 0 or not list(house.hub.history.open("lobby").roster)
    OWNER.prove(peer, hello)
    house.settle()
    welcome = peer.welcome
    assert welcome is not None
    assert (welcome.nick, welcome.claimed) == ("Rajat", True)


@pytest.mark.parametrize("frame", [p.Say("hi"), p.Who(), p.Hello(v=1, nick="b"), p.Ping()])
def test_nothing_but_the_proof_counts_after_a_challenge(house: House, frame: p.Frame) -> None:
    peer = house.peer(OWNER.hello("Rajat"), frame)
    house.settle()
    assert peer.codes == ["not_joined"]
    assert peer.welcome is None


def test_a_wrong_proof_ends_it_and_the_name_is_not_bound(house: House, journal: KeepingJournal) -> None:
    peer = house.peer(OWNER.hello("Rajat"), p.Proof(signature="AAAA"))
    house.settle()
    assert peer.codes == ["unauthorized"]
    assert peer.closed
    assert journal.kept == {}


def test_a_challenge_is_answered_once(house: House) -> None:
    hello = OWNER.hello("Rajat")
    peer = OWNER.join(house, "Rajat")
    OWNER.prove(peer, hello)
    house.settle()
    assert peer.codes == ["bad_frame"]


def test_the_time_for_the_hello_is_the_time_for_its_proof_too(house: House) -> None:
    """Or a connection could be kept open for nothing, past every deadline."""
    peer = house.peer(OWNER.hello("Rajat"))
    house.settle()
    wake_at = peer.session.wake_at
    assert wake_at == 1000.0 + house.limits.hello_seconds
    house.now = wake_at
    peer.pump()
    house.settle()
    assert peer.codes == ["not_joined"]
    assert peer.closed


def test_a_hello_and_its_proof_share_the_limit_of_bytes(house: House) -> None:
    peer = house.peer(OWNER.hello("Rajat"), b'{"type":"proof","x":"' + b"x" * house.limits.hello_bytes)
    house.settle()
    assert peer.codes == ["too_long"]
    assert peer.closed


def test_one_that_goes_before_its_proof_leaves_nothing(house: House) -> None:
    peer = house.peer(OWNER.hello("Rajat"))
    house.settle()
    peer.lose()
    house.settle()
    assert peer.closed
    assert house.hub._login._exchanges == {}


# --- many at once


@OF_ONE
def test_names_without_end_keep_nobody_waiting_and_leave_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty such hellos at once were judged in one go: 80,000 lines in the log, nine seconds for everybody else."""
    house, judged = House(), []
    decide = Names.decide
    monkeypatch.setattr(Names, "decide", lambda *args: (judged.append(1), decide(*args))[1])
    member = house.join("nadia")
    member.take()
    judged.clear()
    crowd = [house.peer(b"!\n" * 4090) for _ in range(20)]
    member.say(p.Ping(t=1))
    turns = [len(judged)]
    while house.due:
        before = len(judged)
        house.turn()
        turns.append(len(judged) - before)
        if only(p.Pong, member.frames):
            turns.append(-1)
            member.take()
    assert max(turns) <= LOGINS_A_TURN
    assert turns.index(-1) <= 2, "the member's ping is answered in the next turn, whoever waits to be judged"
    assert len(judged) == 20 * MAX_REFUSALS
    assert all(peer.closed for peer in crowd)
    lines = house.logged.getvalue().splitlines()
    assert sum(line.startswith("1970") and " Refused ! " in line for line in lines) == 20
    assert len(lines) == 20 + 2, "two are the member's"


@AT_ONCE
def test_members_who_all_come_back_at_once_are_all_let_in() -> None:
    house = House()
    peers = [house.peer(p.Hello(v=1, nick=f"m{number}")) for number in range(3 * LOGINS_A_TURN)]
    assert sum(peer.room is not None for peer in peers) == LOGINS_A_TURN
    house.settle()
    assert all(peer.welcome is not None for peer in peers)


def test_what_was_said_right_after_a_hello_that_had_to_wait_is_said() -> None:
    house = House()
    peers = [house.peer(p.Hello(v=1, nick=f"m{number}"), p.Say("hi", id="1")) for number in range(2 * LOGINS_A_TURN)]
    house.settle()
    assert [len(only(p.Ack, peer.frames)) for peer in peers] == [1] * len(peers)


@OF_ONE
def test_one_that_goes_while_it_waits_for_its_turn_leaves_nothing() -> None:
    house = House()
    peers = [house.peer(p.Hello(v=1, nick=f"m{number}")) for number in range(LOGINS_A_TURN + 1)]
    peers[-1].lose()
    house.settle()
    assert peers[-1].welcome is None
    assert len(list(house.hub.history.rooms["lobby"].roster)) == LOGINS_A_TURN


# --- rooms


@pytest.fixture
def open_house() -> House:
    return House(admission=Admission("test", open_rooms=True))


@pytest.mark.parametrize("hello", [p.Hello(v=1, nick="!", room="r1"), p.Hello(v=1, room="r1")])
def test_who_is_refused_opens_no_room(open_house: House, hello: p.Hello) -> None:
    """A thousand bad names in a thousand rooms, and nobody could open one until a restart."""
    peer = open_house.peer(hello)
    open_house.settle()
    assert peer.codes == ["nick_invalid"]
    assert list(open_house.hub.history.rooms) == []


@OF_ONE
@pytest.mark.parametrize("mode", ["join", "watch", "post", "probe"])
def test_a_room_in_which_nothing_was_said_goes_with_the_last_who_is_in_it(open_house: House, mode: p.Mode) -> None:
    first, second = (open_house.join(nick, room="r1", mode=mode) for nick in ("nadia", "abel"))
    open_house.join("rajat")
    first.lose()
    open_house.settle()
    assert "r1" in open_house.hub.history.rooms
    second.lose()
    open_house.settle()
    assert list(open_house.hub.history.rooms) == ["lobby"]
    again = open_house.join("nadia", room="r1")
    again.say(p.Say("hi", id="1"))
    open_house.settle()
    assert [ack.seq for ack in only(p.Ack, again.frames)] == [1]


@OF_ONE
def test_a_room_with_a_history_and_one_of_the_operators_stay(open_house: House) -> None:
    house = House(admission=Admission("test", ["ops"], open_rooms=True))
    for room in ("ops", "said"):
        peer = house.join("nadia", room=room)
        if room == "said":
            peer.say(p.Say("hi"))
        house.settle()
        peer.lose()
        house.settle()
    assert sorted(house.hub.history.rooms) == ["ops", "said"]


@OF_ONE
def test_one_address_opens_only_so_many_rooms() -> None:
    """Each stays once something was said in it, and there are a thousand for all."""
    house = House(admission=Admission("test", ["ops"], open_rooms=True))
    peers = [house.join(f"m{number}", room=f"r{number}") for number in range(ROOMS_AT_ONCE + 1)]
    assert all(peer.welcome for peer in peers[:-1])
    assert peers[-1].codes == ["rate_limited"]
    assert "192.0.2.7 opens too many rooms" in only(p.Error, peers[-1].frames)[0].text
    assert house.join("in", room="ops").welcome
    assert house.join("too", room="r1").welcome
    house.now += 61
    assert house.join("later", room="another").welcome


# --- a password


def test_people_without_the_password_are_told_how_to_give_it() -> None:
    house = House(authenticator=Authenticator(VERIFIER))
    assert house.join("Ana").codes == ["unauthorized"]
    assert house.join("Ana").closed


@pytest.mark.parametrize("enter", [House.text, House.classic])
def test_where_there_is_a_password_the_dialects_that_have_none_stay_outside(
    enter: Callable[[House, str], FakePeer],
) -> None:
    house = House(authenticator=Authenticator(VERIFIER))
    peer = enter(house, "Ana")
    assert b"password" in peer.wire
    assert peer.closed


def test_with_the_password_one_is_in_and_the_server_has_proved_itself() -> None:
    house = House(authenticator=Authenticator(VERIFIER))
    exchange = scram.client("secret", b"")
    peer = house.peer(p.Hello(v=1, nick="Ana", scram=exchange.get_client_first()))
    house.settle()
    [challenge] = only(p.Challenge, peer.take())
    exchange.set_server_first(challenge.scram)
    peer.say(p.Proof(scram=exchange.get_client_final()))
    house.settle()
    [welcome] = only(p.Welcome, peer.frames)
    exchange.set_server_final(welcome.scram)


def guessing(house: House) -> FakePeer:
    """Return one that has given a wrong password."""
    exchange = scram.client("guess", b"")
    peer = house.peer(p.Hello(v=1, nick="Ana", scram=exchange.get_client_first()))
    house.settle()
    exchange.set_server_first(only(p.Challenge, peer.take())[0].scram)
    peer.say(p.Proof(scram=exchange.get_client_final()))
    house.settle()
    return peer


def test_a_wrong_password_is_answered_late_and_its_connection_waits() -> None:
    """Nobody else does."""
    house = House(authenticator=Authenticator(VERIFIER))
    peer = guessing(house)
    house.pass_time(0.5)
    assert (peer.codes, peer.closed) == ([], False)
    house.pass_time(0.5)
    house.settle()
    assert (peer.codes, peer.closed) == (["unauthorized"], True)
    assert house.logged.getvalue().count("wrong password") == 1


def test_one_that_hangs_up_after_a_wrong_password_is_gone_at_once() -> None:
    house = House(authenticator=Authenticator(VERIFIER))
    peer = guessing(house)
    peer.lose()
    house.settle()
    assert peer.closed
    house.pass_time(1.0)
    assert peer.frames == []


# --- names that stay yours


@OF_ONE
def test_the_first_join_binds_the_name_and_it_is_kept_before_the_welcome(house: House, journal: KeepingJournal) -> None:
    """Committed first, shown after: an acknowledged claim survives whatever comes."""
    journal.at_once = False
    peer = OWNER.join(house, "Rajat")
    assert peer.welcome is None
    journal.commit()
    house.settle()
    assert peer.welcome is not None
    assert list(journal.kept) == [("claim", "rajat")]
    again = House(admission=Admission("test", claims=NameClaims(journal.kept)))  # type: ignore[arg-type]
    assert again.join("RAJAT").codes == ["nick_taken"]
    assert OWNER.join(again, "Rajat").welcome is not None


def test_others_do_not_get_a_bound_name_though_its_owner_is_away(house: House) -> None:
    OWNER.join(house, "Rajat").lose()
    house.settle()
    assert house.join("rajat").codes == ["nick_taken"]
    assert OTHER.join(house, "Rajat").codes == ["nick_taken"]
    assert b"bound to a key" in house.text("Rajat").wire
    assert b"Rajat_2 joined!" in house.classic("Rajat").wire
    stranger = house.join("Ana")
    stranger.take()
    stranger.say(p.Nick("Rajat"))
    house.settle()
    assert stranger.codes == ["nick_taken"]


def test_the_owner_takes_a_ghost_over_at_once_with_another_token(house: House) -> None:
    """On another machine, with the same key."""
    ghost = OWNER.join(house, "Rajat", token="a" * 32)
    watcher = house.join("Ana")
    watcher.take()
    again = OWNER.join(house, "Rajat", token="b" * 32)
    assert again.welcome is not None
    assert ghost.closed
    assert watcher.take() == []


def test_to_speak_under_a_bound_name_takes_its_key_too(house: House) -> None:
    OWNER.join(house, "Rajat").lose()
    house.settle()
    assert house.join("Rajat", mode="post").codes == ["nick_taken"]
    poster = OWNER.join(house, "Rajat", mode="post")
    poster.say(p.Say("deploy done", id="1"))
    house.settle()
    assert len(only(p.Ack, poster.frames)) == 1


def test_a_poster_whose_name_was_bound_since_is_no_longer_heard(house: House) -> None:
    poster = house.join("Rajat", mode="post")
    OWNER.join(house, "Rajat").lose()
    poster.say(p.Say("it was me", id="1"))
    house.settle()
    assert poster.codes == ["nick_taken"]


@OF_ONE
def test_a_claim_that_can_not_be_kept_lets_its_owner_in_unbound(house: House, journal: KeepingJournal) -> None:
    """A full disk keeps nobody out of the room; that the name is not theirs is told."""
    journal.at_once = False
    peer = OWNER.join(house, "Rajat")
    journal.fail()
    house.settle()
    welcome = peer.welcome
    assert welcome is not None
    assert not welcome.claimed
    peer.lose()
    house.settle()
    assert house.join("Rajat").welcome is not None
    assert "not bound" in house.logged.getvalue()


def test_of_two_who_bind_a_name_at_once_the_first_one_has_it(house: House, journal: KeepingJournal) -> None:
    journal.at_once = False
    first, second = OWNER.join(house, "Rajat"), OTHER.join(house, "Rajat")
    journal.commit()
    house.settle()
    assert first.welcome is not None
    assert second.codes == ["nick_taken"]
    assert journal.waiting == []
    assert journal.kept == {("claim", "rajat"): journal.kept["claim", "rajat"]}
    assert OWNER.fingerprint in (journal.kept["claim", "rajat"] or "")


def test_one_that_goes_while_its_claim_is_kept_comes_to_no_harm(house: House, journal: KeepingJournal) -> None:
    journal.at_once = False
    peer = OWNER.join(house, "Rajat")
    peer.lose()
    journal.commit()
    house.settle()
    assert peer.closed
    assert list(house.hub.history.open("lobby").roster) == []
    assert house.join("Rajat").codes == ["nick_taken"]


def test_a_member_is_told_with_which_key_another_one_came(house: House) -> None:
    OWNER.join(house, "Rajat")
    asker = house.join("Ana")
    asker.take()
    asker.say(p.Whois("rajat"), p.Whois("Ana"), p.Whois("nobody"))
    house.settle()
    rajat, ana, error = asker.take()
    assert (rajat.nick, rajat.key, rajat.claimed) == ("Rajat", OWNER.fingerprint, 1000.0)
    assert (ana.key, ana.claimed) == (None, None)
    assert error.code == "no_such_nick"


def test_a_claim_that_is_dropped_sets_the_name_free(house: House, journal: KeepingJournal) -> None:
    OWNER.join(house, "Rajat").lose()
    house.settle()
    outcomes: list[p.Done | ChatError] = []
    order = p.Admin(verb="unclaim", target="RAJAT")
    assert [claim.nick for claim in house.hub.claims] == ["Rajat"]
    house.hub.admin.carry_out(order, Actor("console"), outcomes.append)
    assert journal.kept[("claim", "rajat")] is None
    assert house.join("Rajat").welcome is not None
    house.hub.admin.carry_out(order, Actor("console"), outcomes.append)
    done, refused = outcomes
    assert isinstance(done, p.Done)
    assert isinstance(refused, Forbidden)


def test_each_challenge_has_a_nonce_of_its_own(house: House) -> None:
    """Or a recorded proof could be sent again."""
    peers = [house.peer(p.Hello(v=1, nick="Rajat", key=OWNER.key)) for _ in range(3)]
    house.settle()
    assert len({only(p.Challenge, peer.take())[0].nonce for peer in peers}) == 3

"""hub/errands.py: what is done at the server that a member is connected to."""

from __future__ import annotations

import pytest

from chatctl import protocol as p
from chatctl.directory import Outcome
from chatctl.errors import Forbidden, NoSuchNick, StorageFailed
from tests.support.fakes import FakePeer, House, done, only, order
from tests.support.key_holders import OWNER
from tests.support.two_servers import ONE, TWO, TwoServers, directory_of, join, nicks


@pytest.fixture
def ana(servers: TwoServers) -> FakePeer:
    ana = join(servers, servers.one, "Ana")
    ana.take()
    return ana


@pytest.fixture
def bob(servers: TwoServers, ana: FakePeer) -> FakePeer:
    bob = join(servers, servers.two, "Bob", TWO)
    ana.take()
    bob.take()
    return bob


def test_a_whisper_reaches_a_member_of_another_server_and_nobody_else(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    eve = join(servers, servers.two, "Eve")
    ana.take()
    eve.take()
    ana.say(p.Whisper("bob", "psst", id="1"), p.Whisper("BOB", "again"))
    servers.settle()
    heard = only(p.Whispered, bob.frames)
    assert [(one.from_, one.text) for one in heard] == [("Ana", "psst"), ("Ana", "again")]
    assert ana.take() == [p.Ack(id="1", time=servers.one.now, duplicate=False)]
    assert eve.take() == []


def test_whispers_and_messages_stay_in_order(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    ana.say(p.Whisper("Bob", "one", id="1"), p.Say("two", id="2"), p.Whisper("Bob", "three", id="3"))
    servers.settle()
    assert [ack.id for ack in only(p.Ack, ana.frames)] == ["1", "2", "3"]
    assert [one.text for one in only(p.Whispered, bob.frames)] == ["one", "three"]
    assert [one.text for one in only(p.Msg, bob.frames)] == ["two"]


def test_nobody_who_has_the_name_since_hears_a_whisper(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    """It is for the one whom its author saw."""
    deaf = directory_of(servers.one)
    deaf.stopped = True
    bob.lose()
    servers.settle()
    other = servers.two.join("Bob")
    servers.settle()
    other.take()
    ana.say(p.Whisper("Bob", "psst", id="1"))
    servers.settle()
    deaf.stopped = False
    deaf.read()
    servers.settle()
    assert only(p.Whispered, other.frames) == []
    assert [(error.code, error.id) for error in only(p.Error, ana.frames)] == [("no_such_nick", "1")]


def test_one_who_is_too_slow_elsewhere_is_not_whispered_to(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    bob.stop_reading()
    ana.say(p.Whisper("Bob", "psst", id="1"))
    servers.settle()
    assert [error.text for error in only(p.Error, ana.frames)] == ["Bob reads too slowly: this was not delivered"]


def test_a_server_that_does_not_answer_leaves_it_open_whether_a_whisper_arrived(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    directory_of(servers.two).stopped = True
    ana.say(p.Whisper("Bob", "psst", id="1"))
    servers.settle()
    [error] = only(p.Error, ana.frames)
    assert (error.code, error.id) == ("storage", "1")
    assert "it may have arrived" in error.text


def test_one_who_left_before_the_answer_is_told_nothing(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    ana.say(p.Whisper("Bob", "psst", id="1"))
    ana.lose()
    servers.settle()
    assert only(p.Whispered, bob.frames)
    assert nicks(servers.two) == ["Bob"]


def test_one_who_is_leaving_hears_nothing_more(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    bob.in_flight += 1  # the journal has not committed what he said
    bob.lose()
    ana.say(p.Whisper("Bob", "psst", id="1"))
    servers.settle()
    assert ana.codes == ["no_such_nick"]
    assert bob.take() == []


# --- kicks


def carry_out(servers: TwoServers, house: House, verb: str, target: str, **more: object) -> p.Done | Exception:
    outcome = order(house, "console", verb, target, settle=servers.settle, **more)
    servers.settle()
    return outcome


def test_a_member_of_another_server_is_kicked(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    outcome = done(carry_out(servers, servers.one, "kick", "bob", text="enough"))  # type: ignore[arg-type]
    assert outcome.text == "Bob was kicked: enough"
    assert outcome.rows == [{"nick": "Bob", "room": "lobby", "address": "192.0.2.7"}]
    assert bob.closed
    assert only(p.Bye, bob.frames) == [p.Bye(why="you were kicked: enough", final=True)]
    told = [frame for frame in ana.take() if isinstance(frame, p.Notice | p.Leave)]
    assert sorted(map(str, told)) == sorted(
        map(str, [p.Notice("Bob was kicked: enough", servers.one.now), p.Leave(nicks=["Bob"], count=1)])
    )


def test_a_kick_is_told_in_the_room_at_every_server_once(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    eve = join(servers, servers.two, "Eve")
    ana.take()
    eve.take()
    done(carry_out(servers, servers.one, "kick", "bob"))  # type: ignore[arg-type]
    assert [notice.text for notice in only(p.Notice, ana.frames)] == ["Bob was kicked"]
    assert [notice.text for notice in only(p.Notice, eve.take())] == ["Bob was kicked"]
    fay = join(servers, servers.two, "Fay")
    ana.take()
    eve.take()
    done(carry_out(servers, servers.one, "kick", "fay", room="lobby"))  # type: ignore[arg-type]
    assert [notice.text for notice in only(p.Notice, ana.frames)] == ["Fay was kicked"]
    assert [notice.text for notice in only(p.Notice, eve.frames)] == ["Fay was kicked"]
    assert fay.closed


def test_a_kick_of_one_who_is_gone_or_whose_server_is_silent_is_an_error(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    directory_of(servers.two).stopped = True
    outcome = carry_out(servers, servers.one, "kick", "bob")
    assert isinstance(outcome, StorageFailed)
    assert "it may have" in outcome.text
    assert only(p.Notice, ana.take()) == []
    servers.engine.fence(directory_of(servers.two))
    servers.settle()
    outcome = carry_out(servers, servers.one, "kick", "bob")
    assert isinstance(outcome, NoSuchNick | Forbidden)


def test_a_dry_kick_tells_who_it_would_be_and_does_nothing(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    outcome = done(carry_out(servers, servers.one, "?kick", "bob"))  # type: ignore[arg-type]
    assert "Bob was kicked" in outcome.text
    assert [row["nick"] for row in outcome.rows] == ["Bob"]
    assert not bob.closed


def test_a_member_may_be_in_rooms_of_both_servers(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    there = join(servers, servers.one, "Bob", TWO, room="ops")
    outcome = done(carry_out(servers, servers.one, "kick", "bob"))  # type: ignore[arg-type]
    assert {row["room"] for row in outcome.rows} == {"lobby", "ops"}
    assert bob.closed
    assert there.closed


def test_one_who_looks_like_the_one_who_is_meant_is_not_kicked(servers: TwoServers, ana: FakePeer) -> None:
    meant, other = join(servers, servers.two, "dbl", ONE), join(servers, servers.two, "db1", ONE)
    done(carry_out(servers, servers.one, "kick", "dbl"))  # type: ignore[arg-type]
    assert (meant.closed, other.closed) == (True, False)


def test_an_operators_key_is_kicked_wherever_it_is(servers: TwoServers, ana: FakePeer) -> None:
    for house in servers.houses:
        house.hub.rules.appointed.add(OWNER.fingerprint)
    owner = OWNER.join(servers.two, "Max")
    servers.settle()
    outcome = done(carry_out(servers, servers.one, "kick", OWNER.fingerprint))  # type: ignore[arg-type]
    assert [row["nick"] for row in outcome.rows] == ["Max"]
    assert owner.closed


def test_who_else_is_banned_at_another_server_is_told(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    other = join(servers, servers.two, "Rob", TWO)
    ana.take()
    outcome = done(carry_out(servers, servers.one, "ban", "bob", person=True))  # type: ignore[arg-type]
    assert [row["nick"] for row in outcome.rows] == ["Bob", "Rob"]
    assert (bob.closed, other.closed) == (True, True)
    assert only(p.Notice, ana.frames)[0].text == "Bob was banned (Rob, too)"


def test_an_operator_elsewhere_is_not_kicked_by_members_rank(servers: TwoServers, ana: FakePeer) -> None:
    for house in servers.houses:
        house.hub.rules.appointed.add(OWNER.fingerprint)
    boss = OWNER.join(servers.two, "Boss")
    servers.settle()
    for house in servers.houses:
        house.hub.learn({("claim", "boss"): None})
    outcome = order(servers.one, "operator", "kick", "boss", settle=servers.settle)
    assert isinstance(outcome, Forbidden)
    assert not boss.closed


def test_one_who_is_banned_at_one_server_goes_from_the_other(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    eve = join(servers, servers.two, "Eve")
    ana.take()
    eve.take()
    outcome = done(carry_out(servers, servers.one, "ban", "bob", person=True))  # type: ignore[arg-type]
    assert outcome.text == "Bob was banned"
    assert outcome.rows == [{"nick": "Bob", "room": "lobby", "address": "192.0.2.7"}]
    assert only(p.Bye, bob.frames)[0].why == "you were banned"
    assert [[notice.text for notice in only(p.Notice, peer.take())] for peer in (ana, eve)] == [["Bob was banned"]] * 2
    assert bob.closed
    assert join(servers, servers.two, "Robert", TWO).codes == ["forbidden"]
    assert join(servers, servers.one, "Robert", TWO).codes == ["forbidden"]
    done(carry_out(servers, servers.two, "unban", "bob"))  # type: ignore[arg-type]
    assert join(servers, servers.one, "Robert", TWO).welcome is not None
    assert join(servers, servers.two, "Zed", ONE).welcome is not None


# --- two versions


def test_an_errand_that_only_a_newer_server_knows_is_answered_and_logged_once(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    assert bob.member is not None
    assert bob.member.place is not None
    outcomes: list[Outcome] = []
    for _ in range(2):
        directory_of(servers.one).send(bob.member.place, None, outcomes.append)  # type: ignore[arg-type]
        servers.settle()
    assert outcomes == ["not_known", "not_known"]
    assert servers.two.logged.getvalue().count("not known here, since another server is newer what=kind of errand") == 1


def test_what_an_older_server_can_not_do_is_told(
    servers: TwoServers, ana: FakePeer, bob: FakePeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_of(servers.two), "_errand", lambda *_: "not_known")
    outcome = carry_out(servers, servers.one, "kick", "bob")
    assert isinstance(outcome, Forbidden)
    assert outcome.text == "the server of Bob has an older chatctl, which can't do that"


# --- who is renamed at that moment


def renamed_unseen(servers: TwoServers, bob: FakePeer) -> None:
    """Have Bob renamed, of which the first server has not heard yet."""
    directory_of(servers.one).stopped = True
    bob.say(p.Nick("Robert"))
    servers.settle()
    assert (nicks(servers.one), nicks(servers.two)) == (["Ana", "Bob"], ["Ana", "Robert"])


def hears_again(servers: TwoServers) -> None:
    directory_of(servers.one).stopped = False
    directory_of(servers.one).read()
    servers.settle()


def test_a_ban_by_name_hits_who_is_renamed_while_it_is_committed(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    """Whoever had the name when the operator looked, as at one server, and nobody else by his new one."""
    renamed_unseen(servers, bob)
    outcome = done(carry_out(servers, servers.one, "ban", "bob", text="spam"))  # type: ignore[arg-type]
    assert [row["nick"] for row in outcome.rows] == ["Bob"]
    hears_again(servers)
    assert only(p.Bye, bob.frames) == [p.Bye(why="you were banned: spam", final=True)]
    assert bob.closed
    assert [nicks(house) for house in servers.houses] == [["Ana"], ["Ana"]]
    assert join(servers, servers.two, "Robert", ONE).welcome is not None
    assert join(servers, servers.one, "Bob", TWO).codes == ["forbidden"]


def test_a_ban_by_name_leaves_alone_who_is_taken_over_by_nobody_it_hits(
    servers: TwoServers, ana: FakePeer, bob: FakePeer
) -> None:
    """Who has gone is gone: an errand to somebody who has the name since would be another's."""
    directory_of(servers.one).stopped = True
    bob.lose()
    servers.settle()
    other = servers.two.join("Zoe", ONE)
    done(carry_out(servers, servers.one, "ban", "bob"))  # type: ignore[arg-type]
    hears_again(servers)
    assert (bob.closed, other.closed) == (True, False)


def test_a_kick_finds_who_is_renamed_meanwhile(servers: TwoServers, ana: FakePeer, bob: FakePeer) -> None:
    renamed_unseen(servers, bob)
    servers.two.call_soon(lambda: servers.one.call_soon(lambda: hears_again(servers)))
    done(carry_out(servers, servers.one, "kick", "bob"))  # type: ignore[arg-type]
    assert bob.closed
    assert [nicks(house) for house in servers.houses] == [["Ana"], ["Ana"]]


def test_a_kick_is_told_in_a_room_that_is_open_at_the_other_server_alone(servers: TwoServers) -> None:
    bob, eve = (join(servers, servers.two, nick, room="ops") for nick in ("Bob", "Eve"))
    eve.take()
    done(carry_out(servers, servers.one, "kick", "bob"))  # type: ignore[arg-type]
    assert bob.closed
    assert [notice.text for notice in only(p.Notice, eve.take())] == ["Bob was kicked"]

"""hub/learning.py: what another server has set holds here, and is told here."""

from __future__ import annotations

import msgspec
import pytest

from chatctl import protocol as p
from chatctl.core.bans import Sanction
from chatctl.core.name_claims import UNUSED_SECONDS
from chatctl.errors import RoomInvalid
from chatctl.hub.admin_target import Actor
from tests.support.fakes import FakePeer, House, done, only, order
from tests.support.key_holders import OWNER
from tests.support.two_servers import ONE, TWO, TwoServers, directory_of, join

ASKING = f'{{"room":"lobby","kind":"question","name":"abc","holder":"{ONE}","token":"{"aa" * 32}","until":2000.0}}'


def ordered(servers: TwoServers, house: House, verb: str, target: str = "", **more: object) -> p.Done:
    outcome = done(order(house, "console", verb, target, settle=servers.settle, **more))
    servers.settle()
    return outcome


@pytest.fixture
def ana(servers: TwoServers) -> FakePeer:
    join(servers, servers.one, "Eve")
    ana = join(servers, servers.two, "Ana", ONE)
    ana.take()
    return ana


def test_a_topic_and_what_a_room_allows_are_told_and_hold(servers: TwoServers, ana: FakePeer) -> None:
    ordered(servers, servers.one, "topic", room="lobby", text="deploys")
    frames = ana.take()
    assert only(p.RoomNow, frames) == [p.RoomNow("deploys", 0, read_only=False)]
    assert [notice.text for notice in only(p.Notice, frames)] == ["the topic was set to 'deploys'"]
    ordered(servers, servers.one, "read-only", room="lobby", on=True)
    ana.take()
    ana.say(p.Say("hello", id="1"))
    servers.settle()
    assert ana.codes == ["forbidden"]


def test_a_room_that_is_open_at_another_server_alone_is_one(servers: TwoServers) -> None:
    away = join(servers, servers.two, "Fay", room="ops")
    away.take()
    ordered(servers, servers.one, "topic", room="ops", text="deploys")
    frames = away.take()
    assert [now.topic for now in only(p.RoomNow, frames)] == ["deploys"]
    assert [notice.text for notice in only(p.Notice, frames)] == ["the topic was set to 'deploys'"]
    assert "ops" not in servers.one.hub.history.rooms, "it is not opened for that"
    assert isinstance(order(servers.one, "console", "topic", "", room="den"), RoomInvalid)


def test_what_this_server_has_kept_itself_is_not_told_again(servers: TwoServers, ana: FakePeer) -> None:
    ordered(servers, servers.two, "topic", room="lobby", text="deploys")
    ana.take()
    servers.two.hub.learn(servers.engine.facts)
    servers.settle()
    assert ana.take() == []


def test_facts_that_are_all_told_again_change_nothing(servers: TwoServers, ana: FakePeer) -> None:
    """As after the journal has lost some of them: who is here stays, also whoever holds a lock."""
    ordered(servers, servers.one, "ban", "mallory", seconds=60)
    ordered(servers, servers.one, "mute", "eve", seconds=60)
    ordered(servers, servers.one, "topic", room="lobby", text="deploys")
    ana.say(p.Lease("lock", "deploy", TWO))
    servers.settle()
    ana.take()
    rules = servers.two.hub.rules
    before = [*rules.bans, *rules.mutes]
    servers.two.wall_ahead = 0.3
    servers.two.hub.learn(servers.engine.facts)
    servers.settle()
    assert ana.take() == []
    assert all(one is other for one, other in zip([*rules.bans, *rules.mutes], before, strict=True))
    assert servers.two.hub.leasing.leases.holds(ana)
    servers.two.hub.learn({key: None for key in servers.engine.facts if key[0] == "lease"})
    servers.settle()
    [lost] = only(p.LeaseState, ana.take())
    assert (lost.held, lost.why) == (False, "the server's journal has it no more")


def test_a_question_is_learned_before_its_number(servers: TwoServers) -> None:
    """In whatever order they come."""
    facts = {("asked", "lobby abc"): "3", ("lease", "lobby question abc"): ASKING, ("order", "x"): None}
    servers.one.hub.learn(facts)
    [question] = servers.one.hub.leasing.leases
    assert question.asked == 3


def test_a_mute_ends_at_all_servers_at_the_same_time(servers: TwoServers, ana: FakePeer) -> None:
    servers.two.wall_ahead = 0.5
    ordered(servers, servers.one, "mute", "ana", seconds=60)
    ana.take()
    ana.say(p.Say("hello", id="1"))
    servers.settle()
    assert ana.codes == ["forbidden"]
    ana.take()
    servers.pass_time(61)
    ana.say(p.Say("hello", id="2"))
    servers.settle()
    assert only(p.Ack, ana.take())
    ordered(servers, servers.one, "mute", "ana")
    ordered(servers, servers.one, "unmute", "ana")
    ana.take()
    ana.say(p.Say("hello", id="3"))
    servers.settle()
    assert only(p.Ack, ana.take())


def test_a_ban_that_is_over_already_disconnects_nobody(servers: TwoServers, ana: FakePeer) -> None:
    over = Sanction("ban", since=1.0, until=2.0, name="Ana")
    servers.two.hub.learn({("ban", "ana"): msgspec.json.encode(over).decode()})
    servers.settle()
    assert not ana.closed


def test_an_operator_is_one_at_all_servers(servers: TwoServers) -> None:
    boss = OWNER.join(servers.two, "Boss")
    servers.settle()
    ordered(servers, servers.one, "op", "boss")
    assert servers.two.hub.rules.is_operator(OWNER.fingerprint)
    assert not boss.closed
    ordered(servers, servers.two, "deop", "boss")
    assert not servers.one.hub.rules.is_operator(OWNER.fingerprint)


def test_a_name_that_was_set_free_is_free_at_all_servers(servers: TwoServers) -> None:
    OWNER.join(servers.two, "Boss").lose()
    servers.settle()
    ordered(servers, servers.one, "unclaim", "boss")
    assert join(servers, servers.two, "boss").welcome is not None


def test_a_name_is_in_use_while_its_owner_is_at_another_server(servers: TwoServers) -> None:
    OWNER.join(servers.two, "Boss")
    servers.settle()
    assert ordered(servers, servers.one, "claims").rows
    servers.pass_time(100)
    assert ordered(servers, servers.one, "claims", unused=50).rows == []
    servers.pass_time(UNUSED_SECONDS)
    join(servers, servers.one, "Ana")
    assert servers.one.hub.names.claims.find("Boss") is not None
    assert servers.two.hub.names.claims.find("Boss") is not None


def test_what_a_newer_version_has_kept_stops_nothing(servers: TwoServers, ana: FakePeer) -> None:
    servers.two.hub.learn({("ban", "x"): "?", ("what", "x"): "?", ("room", "lobby"): '{"topic":"later"}'})
    servers.settle()
    assert only(p.RoomNow, ana.frames)[0].topic == "later"
    assert "unreadable setting of another server kind=ban key=x" in servers.two.logged.getvalue()


def test_the_log_of_orders_is_one(servers: TwoServers, ana: FakePeer) -> None:
    ordered(servers, servers.one, "kick", "ana")
    ordered(servers, servers.two, "topic", room="lobby", text="x")
    rows = [ordered(servers, house, "log").rows for house in servers.houses]
    assert rows[0] == rows[1]
    assert [row["verb"] for row in rows[0]] == ["kick", "topic"]


def heard(peer: FakePeer) -> list[str]:
    return [notice.text for notice in only(p.Notice, peer.take())]


def test_what_is_ordered_of_a_member_is_told_to_all_in_the_room_wherever_that_one_is(
    servers: TwoServers, ana: FakePeer
) -> None:
    """And to nobody in another room. Who is meant is connected to the server of the operator, the others are not."""
    away = join(servers, servers.two, "Fay", room="ops")
    for verb, told in (("mute", "Eve was muted"), ("unmute", "Eve was allowed to speak again"), ("kick", None)):
        away.take()
        ordered(servers, servers.one, verb, "eve")
        assert heard(ana) == [told or "Eve was kicked"]
        assert heard(away) == []


@pytest.mark.parametrize(("verb", "done"), [("mute", "muted"), ("ban", "banned"), ("unmute", ""), ("unban", "")])
def test_what_hits_nobody_is_told_in_all_rooms_of_all_servers(
    servers: TwoServers, ana: FakePeer, verb: str, done: str
) -> None:
    away = join(servers, servers.two, "Fay", room="ops")
    if not done:
        ordered(servers, servers.one, verb.removeprefix("un"), "name:nobody")
    for peer in (ana, away):
        peer.take()
    ordered(servers, servers.one, verb, "name:nobody")
    for peer in (ana, away):
        assert len(told := heard(peer)) == 1
        assert done in told[0]


def test_an_order_of_an_older_version_is_told_in_its_room(servers: TwoServers, ana: FakePeer) -> None:
    row = '{"time":1.0,"verb":"topic","room":"lobby","done":"the topic was set"}'
    servers.two.hub.learn({("order", "000000000099"): row})
    servers.settle()
    assert heard(ana) == ["the topic was set"]


def test_a_lock_is_taken_away_at_all_servers(servers: TwoServers, ana: FakePeer) -> None:
    """Its holder is told, and whoever asks next has it."""
    holder = join(servers, servers.two, "ci", ONE, mode="post").say(p.Lease("lock", "backup", "1" * 32))
    servers.settle()
    assert only(p.LeaseState, holder.take())[0].held
    ordered(servers, servers.one, "unlock", "backup")
    [lost] = only(p.LeaseState, holder.take())
    assert (lost.held, lost.why != "") == (False, True)
    assert heard(ana)
    other = join(servers, servers.two, "ci2", TWO, mode="post").say(p.Lease("lock", "backup", "2" * 32))
    servers.settle()
    assert only(p.LeaseState, other.take())[0].held


def test_a_redaction_at_the_moment_of_another_servers_order_is_done(servers: TwoServers, ana: FakePeer) -> None:
    ana.say(p.Say("secret"))
    servers.settle()
    directory_of(servers.two).stopped = True
    ordered(servers, servers.one, "topic", room="lobby", text="deploys")

    def settle() -> None:
        servers.settle()
        directory_of(servers.two).stopped = False
        directory_of(servers.two).read()

    done(order(servers.two, "console", "redact", "", settle=settle, seqs=[1]))
    servers.settle()
    assert [redacted.seqs for redacted in only(p.Redacted, ana.take())] == [[1]]
    assert [[one.verb for one in house.hub.rules.log] for house in servers.houses] == [["topic", "redact"]] * 2


@pytest.mark.parametrize("verb", ["mute", "kick"])
def test_two_orders_at_the_same_moment_at_two_servers_are_both_carried_out(
    servers: TwoServers, ana: FakePeer, verb: str
) -> None:
    """They have the same number in the log of orders: the second one gets another, as at one server."""
    join(servers, servers.two, "Zoe")
    directory_of(servers.two).stopped = True
    ordered(servers, servers.one, "topic", room="lobby", text="deploys")
    outcomes: list[object] = []
    servers.two.hub.admin.carry_out(p.Admin(verb, "zoe"), Actor("console"), outcomes.append)
    servers.settle()
    directory_of(servers.two).stopped = False
    directory_of(servers.two).read()
    servers.settle()
    assert [done(outcome).verb for outcome in outcomes] == [verb]  # type: ignore[arg-type]
    for house in servers.houses:
        assert [order.verb for order in house.hub.rules.log] == ["topic", verb]
        assert bool(list(house.hub.rules.mutes)) is (verb == "mute")
    kept = [value for (kind, _), value in servers.engine.facts.items() if kind == "order"]
    assert len(kept) == 2


def test_what_only_a_newer_server_knows_is_passed_over_and_logged_once(servers: TwoServers) -> None:
    """It may change often, and it is no fault of this server."""
    facts = {
        ("later", "x"): "[]",
        ("later", "y"): None,
        ("lease", "lobby semaphore a"): "{}",
        ("room", "den"): '{"topic":"t"}',
    }
    for _ in range(3):
        servers.two.hub.learn(facts)
    assert servers.two.hub.rules.room("den").topic == "t"
    logged = servers.two.logged.getvalue()
    assert "unreadable setting" not in logged
    assert sorted(line.split(" ", 2)[2] for line in logged.splitlines() if "newer" in line) == [
        "not known here, since another server is newer what=kind of lease",
        "not known here, since another server is newer what=kind of setting: later",
    ]


@pytest.mark.parametrize("kind", ["topic", "mute", "lease", "order", "claim"])
def test_a_field_of_a_newer_version_is_passed_over(servers: TwoServers, ana: FakePeer, kind: str) -> None:
    """Servers of two versions go by the same facts."""
    facts = {
        "topic": {("room", "lobby"): '{"topic":"new","later":1}'},
        "mute": {("mute", "ana"): '{"what":"mute","since":1.0,"name":"Ana","later":1}'},
        "lease": {("lease", "lobby lock a"): f'{{"room":"lobby","kind":"lock","name":"a","holder":"{ONE}","later":1}}'},
        "order": {("order", "000000000099"): '{"time":1.0,"verb":"x","done":"it was done","room":"lobby","later":1}'},
        "claim": {("claim", "zed"): '{"nick":"zed","key":"SHA256:k","since":1.0,"later":1}'},
    }[kind]
    servers.two.hub.learn(facts)
    servers.settle()
    assert "unreadable setting" not in servers.two.logged.getvalue()
    hub = servers.two.hub
    held = hub.rules.room("lobby").topic, *hub.rules.mutes, *hub.leasing.leases, *hub.rules.log, *hub.names.claims
    assert len(held) == (1 if kind == "topic" else 2)

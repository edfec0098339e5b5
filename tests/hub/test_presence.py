"""hub/presence.py: who is in a room of two servers, told at both as if they were one."""

from __future__ import annotations

from chatctl import protocol as p
from chatctl.directory import Place, Remote, Renamed
from chatctl.hub.presence import REPLACED
from tests.support.fakes import frames_of, only
from tests.support.key_holders import OTHER, OWNER
from tests.support.two_servers import ONE, TwoServers, directory_of, join, journal_of, nicks

# --- coming and going


def test_a_join_and_a_leave_are_told_at_the_other_server(servers: TwoServers) -> None:
    ana = join(servers, servers.one, "Ana")
    bob = join(servers, servers.two, "Bob")
    assert frames_of(ana)[-1] == p.Join(nicks=["Bob"], count=2)
    assert bob.welcome is not None
    assert (bob.welcome.members, bob.welcome.count) == (["Ana", "Bob"], 2)
    bob.lose()
    servers.settle()
    assert frames_of(ana) == [p.Leave(nicks=["Bob"], count=1)]


def test_those_of_one_tick_are_told_together(servers: TwoServers) -> None:
    ana = join(servers, servers.one, "Ana")
    ana.take()
    for number in range(5):
        servers.two.peer(p.Hello(v=1, nick=f"m{number}"))
    servers.settle()
    told = only(p.Join, ana.frames)
    assert [nick for frame in told for nick in frame.nicks] == [f"m{number}" for number in range(5)]
    assert len(told) <= 2
    assert told[-1].count == 6


def test_a_server_that_starts_knows_who_is_at_the_others(servers: TwoServers) -> None:
    join(servers, servers.two, "Bob")
    join(servers, servers.two, "Eve", room="ops")
    servers.one = servers.start("one")
    ana = join(servers, servers.one, "Ana")
    assert ana.welcome is not None
    assert ana.welcome.members == ["Bob", "Ana"]
    assert only(p.Join, ana.frames) == [p.Join(nicks=["Ana"], count=2)]
    assert join(servers, servers.one, "EVE").codes == ["nick_taken"]


def test_a_leave_is_told_once_what_was_said_before_is_shown(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    ana.take()
    journal_of(servers.one).held = []
    bob.say(p.Say("bye"))
    servers.settle()
    bob.lose()
    servers.settle()
    assert ana.take() == []
    assert nicks(servers.one) == ["Ana"]
    journal_of(servers.one).show()
    servers.settle()
    assert [type(frame) for frame in ana.take()] == [p.Msg, p.Leave]


def test_a_room_that_is_open_elsewhere_alone_is_listed_and_costs_nothing(servers: TwoServers) -> None:
    servers.one.hub._admission._open_rooms = servers.two.hub._admission._open_rooms = True
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob", room="builds")
    ana.take()
    ana.say(p.Rooms())
    servers.settle()
    rooms = {row.name: row.members for row in only(p.RoomList, ana.take())[0].rooms}
    assert rooms == {"builds": 1, "lobby": 1, "ops": 0}
    assert "builds" not in servers.one.hub.history.rooms
    bob.lose()
    servers.settle()
    ana.say(p.Rooms())
    servers.settle()
    assert {row.name for row in only(p.RoomList, ana.take())[0].rooms} == {"lobby", "ops"}


def test_an_empty_room_goes_with_the_last_who_was_in_it_at_another_server(servers: TwoServers) -> None:
    servers.one.hub._admission._open_rooms = servers.two.hub._admission._open_rooms = True
    bob, ana = join(servers, servers.two, "Bob", room="builds"), join(servers, servers.one, "Ana", room="builds")
    ana.lose()
    servers.settle()
    assert "builds" in servers.one.hub.history.rooms
    bob.lose()
    servers.settle()
    assert "builds" not in servers.one.hub.history.rooms
    assert dict(servers.one.hub.presence.members()) == {}
    assert "builds" not in servers.one.hub.presence._rosters
    assert join(servers, servers.one, "Zoe", room="builds").welcome is not None


def test_watchers_of_all_servers_are_counted(servers: TwoServers) -> None:
    join(servers, servers.two, "", mode="watch")
    ana = join(servers, servers.one, "Ana")
    assert ana.welcome is not None
    assert ana.welcome.watchers == 1
    ana.take()
    ana.say(p.Who())
    servers.settle()
    assert only(p.Roster, ana.frames)[0].watchers == 1


def test_who_and_whois_know_members_of_other_servers(servers: TwoServers) -> None:
    bob = OWNER.join(servers.two, "Bob", token=ONE)
    servers.settle()
    ana = join(servers, servers.one, "Ana")
    servers.pass_time(30)
    ana.take()
    ana.say(p.Who(), p.Whois("bob"))
    servers.settle()
    [roster], [identity] = only(p.Roster, ana.frames), only(p.Identity, ana.take())
    assert [(row.nick, row.idle, row.key) for row in roster.members] == [
        ("Bob", 30.0, OWNER.fingerprint),
        ("Ana", 30.0, None),
    ]
    assert (identity.nick, identity.since, identity.key) == ("Bob", 1000.0, OWNER.fingerprint)
    assert identity.claimed is not None
    bob.say(p.Say("hello"))
    servers.settle()
    ana.say(p.Whois("bob"))
    servers.settle()
    assert only(p.Identity, ana.frames)[0].idle == 0


# --- names


def test_a_name_and_what_looks_like_it_has_one_owner_at_all_servers(servers: TwoServers) -> None:
    join(servers, servers.one, "nadia", ONE)
    for nick in ("NADIA", "nаdia"):
        assert join(servers, servers.two, nick).codes == ["nick_taken"]
        assert join(servers, servers.two, nick, room="ops").codes == ["nick_taken"]
    assert join(servers, servers.two, "nadia", ONE, room="ops").welcome is not None
    eve = join(servers, servers.two, "eve")
    eve.say(p.Nick("nadia"))
    servers.settle()
    assert eve.codes == ["nick_taken"]


def test_of_two_who_want_a_name_at_once_one_gets_it(servers: TwoServers) -> None:
    peers = [house.peer(p.Hello(v=1, nick=nick)) for house, nick in zip(servers.houses, ("Ana", "АNA"), strict=True)]
    servers.settle()
    assert sorted(peer.codes for peer in peers) == [[], ["nick_taken"]]
    assert len(nicks(servers.one)) == 1
    assert nicks(servers.one) == nicks(servers.two)


def test_a_text_client_gets_the_next_free_name_of_all_servers(servers: TwoServers) -> None:
    join(servers, servers.one, "nc")
    guest = servers.two.classic("nc")
    servers.settle()
    assert guest.member is not None
    assert guest.member.nick == "nc_2"


def test_a_rename_is_told_at_both(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    ana.take()
    bob.take()
    bob.say(p.Nick("Zoe"))
    servers.settle()
    assert ana.take() == bob.take() == [p.Rename(old="Bob", new="Zoe")]
    assert nicks(servers.one) == ["Ana", "Zoe"]
    assert join(servers, servers.one, "Bob").welcome is not None


def test_two_renames_to_one_name_at_once(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    ana.say(p.Nick("Zoe"))
    bob.say(p.Nick("ZOE"))
    servers.settle()
    assert sorted([ana.codes, bob.codes]) == [[], ["nick_taken"]]
    assert nicks(servers.one) == nicks(servers.two)


def test_the_same_token_takes_its_place_over_from_another_server(servers: TwoServers) -> None:
    """Nothing is told: the member is still there."""
    eve = join(servers, servers.two, "Eve")
    before = join(servers, servers.one, "Ana", ONE)
    eve.take()
    after = join(servers, servers.two, "Ana", ONE)
    assert after.welcome is not None
    assert after.welcome.count == 2
    assert before.closed
    assert only(p.Bye, before.frames) == [p.Bye(why=REPLACED, final=True, code="nick_taken")]
    assert eve.take() == []
    assert [nicks(house) for house in servers.houses] == [["Ana", "Eve"]] * 2
    back = join(servers, servers.one, "ANA", ONE)
    assert back.welcome is not None
    assert after.closed
    assert eve.take() == [p.Rename(old="Ana", new="ANA")]
    eve.take()
    back.lose()
    servers.settle()
    assert eve.take() == [p.Leave(nicks=["ANA"], count=1)]
    assert [nicks(house) for house in servers.houses] == [["Eve"]] * 2


def test_a_bound_name_is_its_keys_at_every_server(servers: TwoServers) -> None:
    OWNER.join(servers.one, "Ana").lose()
    servers.settle()
    assert join(servers, servers.two, "ana").codes == ["nick_taken"]
    assert OTHER.join(servers.two, "АNA").codes == ["nick_taken"]
    owner = OWNER.join(servers.two, "Ana")
    servers.settle()
    assert owner.welcome is not None
    assert owner.welcome.claimed


def test_a_name_is_not_taken_by_one_whose_server_has_not_heard_that_it_was_bound(servers: TwoServers) -> None:
    """Its owner has left already: nothing but the claim is in the way."""
    deaf = directory_of(servers.two)
    deaf.stopped = True
    OWNER.join(servers.one, "Ana").lose()
    servers.settle()
    guest = servers.two.peer(p.Hello(v=1, nick="ana"))
    servers.settle()
    deaf.stopped = False
    deaf.read()
    servers.settle()
    assert guest.codes == ["nick_taken"]


def test_a_name_that_is_bound_and_taken_at_once_has_one_owner(servers: TwoServers) -> None:
    hello = OWNER.hello("Ana")
    owner = servers.one.peer(hello)
    servers.settle()
    OWNER.prove(owner, hello)
    guest = servers.two.peer(p.Hello(v=1, nick="ana"))
    servers.settle()
    assert (owner.welcome is None) is not (guest.welcome is None)
    claims = [house.hub.names.claims.find("Ana") for house in servers.houses]
    assert claims[0] == claims[1]
    assert (claims[0] is not None) is (owner.welcome is not None)


def test_two_keys_that_bind_names_that_look_alike_at_once(servers: TwoServers) -> None:
    hellos = [OWNER.hello("db1"), OTHER.hello("dbl")]
    peers = [house.peer(hello) for house, hello in zip(servers.houses, hellos, strict=True)]
    servers.settle()
    for person, peer, hello in zip((OWNER, OTHER), peers, hellos, strict=True):
        person.prove(peer, hello)
    servers.settle()
    assert sorted(peer.codes for peer in peers) == [[], ["nick_taken"]]
    assert [len(house.hub.names.claims) for house in servers.houses] == [1, 1]


def test_the_place_without_the_key_goes_to_its_owner_who_binds_the_name_elsewhere(servers: TwoServers) -> None:
    keyless = join(servers, servers.one, "Ana", ONE)
    owner = OWNER.join(servers.two, "Ana", token=ONE)
    servers.settle()
    assert owner.welcome is not None
    assert owner.welcome.claimed
    assert keyless.closed
    assert [nicks(house) for house in servers.houses] == [["Ana"]] * 2


def test_an_owner_who_goes_before_he_is_in_leaves_nobody_elsewhere_without_the_key(servers: TwoServers) -> None:
    keyless = join(servers, servers.one, "Ana", ONE)
    hello = OWNER.hello("Ana", token=ONE)
    owner = servers.two.peer(hello)
    servers.settle()
    directory = directory_of(servers.two)
    directory.stopped = True
    OWNER.prove(owner, hello)
    servers.settle()
    owner.lose()
    directory.stopped = False
    directory.read()
    servers.settle()
    assert servers.one.hub.names.claims.find("Ana") is not None
    assert keyless.closed
    assert [nicks(house) for house in servers.houses] == [[], []]


def test_a_poster_speaks_until_a_member_of_another_server_has_the_name(servers: TwoServers) -> None:
    poster = join(servers, servers.one, "bot", mode="post")
    poster.say(p.Say("one", id="1"))
    servers.settle()
    assert only(p.Ack, poster.take())
    join(servers, servers.two, "B0T")
    join(servers, servers.two, "bot")
    poster.say(p.Say("two", id="2"))
    servers.settle()
    assert poster.codes == ["nick_taken"]


def test_while_the_engine_is_gone_nobody_comes_in_and_who_leaves_does(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    servers.engine.gone = True
    assert join(servers, servers.one, "Zoe").codes == ["storage"]
    ana.take()
    ana.say(p.Nick("Zoe"))
    servers.settle()
    assert ana.codes == ["storage"]
    bob.lose()
    servers.settle()
    servers.engine.gone = False
    assert join(servers, servers.one, "Bob").welcome is not None


# --- places that were lost


def test_news_that_catches_up_may_give_a_name_before_it_is_free(servers: TwoServers) -> None:
    join(servers, servers.one, "Ana")
    first, second = (join(servers, servers.two, nick) for nick in ("Bob", "Eve"))
    assert first.member is not None
    assert second.member is not None
    places = [first.member.place, second.member.place]
    assert places[0] is not None
    assert places[1] is not None
    directory = directory_of(servers.one)
    directory.take_news(Renamed(places[0], Remote(Place("two1", 90), "lobby", "Eve")))
    directory.take_news(Renamed(places[1], Remote(Place("two1", 91), "lobby", "Bob")))
    servers.settle()
    assert nicks(servers.one) == ["Ana", "Bob", "Eve"]

"""hub/member_places.py: a place is given up once, and in time for whoever has the name next."""

from __future__ import annotations

from chatctl import protocol as p
from chatctl.core.peer import peer_of
from chatctl.directory import Place, Went
from tests.support.fakes import frames_of
from tests.support.two_servers import ONE, TwoServers, directory_of, join, journal_of, nicks


def test_who_takes_the_name_before_that_is_told_after_the_leave(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    ana.take()
    journal_of(servers.one).held = []
    bob.say(p.Say("bye"))
    servers.settle()
    bob.lose()
    servers.settle()
    join(servers, servers.two, "BOB")
    assert nicks(servers.one) == ["Ana", "BOB"]
    assert frames_of(ana)[-1] == p.Join(nicks=["BOB"], count=2)
    journal_of(servers.one).show()
    servers.settle()
    assert [type(frame) for frame in ana.take()] == [p.Msg]


def test_what_is_told_of_a_place_that_nobody_has_changes_nothing(servers: TwoServers) -> None:
    ana = join(servers, servers.one, "Ana")
    ana.take()
    directory_of(servers.one).take_news(Went(Place("elsewhere", 77), 5))
    assert ana.member is not None
    assert ana.member.place is not None
    directory_of(servers.one).take_news(Went(ana.member.place))
    servers.settle()
    assert ana.take() == []
    assert nicks(servers.one) == ["Ana"]
    assert peer_of(ana.member) is ana


def test_one_who_comes_back_at_another_server_while_the_old_one_hangs_up_is_there(servers: TwoServers) -> None:
    eve, before = join(servers, servers.one, "Eve"), join(servers, servers.one, "Ana", ONE)
    eve.take()
    again = servers.two.peer(p.Hello(v=1, nick="Ana", token=ONE))
    before.lose()
    servers.settle()
    assert again.welcome is not None
    assert [nicks(house) for house in servers.houses] == [["Ana", "Eve"]] * 2
    again.lose()
    servers.settle()
    assert frames_of(eve)[-1] == p.Leave(nicks=["Ana"], count=1)
    assert join(servers, servers.one, "Ana").welcome is not None

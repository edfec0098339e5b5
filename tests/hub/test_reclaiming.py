"""hub/reclaiming.py: whoever was taken for dead has its names again, or is told that somebody else has them."""

from __future__ import annotations

from chatctl import protocol as p
from chatctl.hub.presence import LOST
from tests.support.fakes import frames_of, only
from tests.support.two_servers import ONE, TWO, TwoServers, directory_of, join, nicks


def test_a_dead_servers_members_are_gone(servers: TwoServers) -> None:
    ana = join(servers, servers.one, "Ana")
    join(servers, servers.two, "Bob")
    ana.take()
    directory_of(servers.two).stopped = True
    servers.engine.fence(directory_of(servers.two))
    servers.settle()
    assert ana.take() == [p.Leave(nicks=["Bob"], count=1)]
    assert join(servers, servers.one, "bob").welcome is not None


def test_who_wakes_up_has_his_name_back_or_is_told(servers: TwoServers) -> None:
    ana = join(servers, servers.one, "Ana")
    peers = [join(servers, servers.two, nick, token) for nick, token in (("Bob", ONE), ("Eve", None), ("Max", TWO))]
    asleep = directory_of(servers.two)
    asleep.stopped = True
    servers.engine.fence(asleep)
    servers.settle()
    join(servers, servers.one, "BОB")  # looks like Bob
    join(servers, servers.one, "Max", TWO)
    ana.take()
    for peer in peers:
        peer.take()
    asleep.stopped = False
    asleep.read()
    servers.settle()
    bob, eve, max_ = peers
    assert [peer.closed for peer in peers] == [True, False, True]
    assert only(p.Bye, bob.frames) == [p.Bye(why=LOST, final=True, code="nick_taken")]
    assert max_.closed
    assert [nicks(house) for house in servers.houses] == [["Ana", "BОB", "Eve", "Max"]] * 2
    assert frames_of(ana)[-1] == p.Join(nicks=["Eve"], count=4)
    ana.say(p.Whisper("Eve", "psst", id="1"))
    servers.settle()
    assert only(p.Ack, ana.frames)
    assert only(p.Whispered, eve.frames)[0].text == "psst"


def test_who_wakes_up_and_finds_that_somebody_was_renamed_to_his_name_is_told(servers: TwoServers) -> None:
    ana, bob = join(servers, servers.one, "Ana"), join(servers, servers.two, "Bob")
    asleep = directory_of(servers.two)
    asleep.stopped = True
    servers.engine.fence(asleep)
    servers.settle()
    ana.say(p.Nick("Bob"))
    servers.settle()
    asleep.stopped = False
    asleep.read()
    servers.settle()
    assert only(p.Bye, bob.frames) == [p.Bye(why=LOST, final=True, code="nick_taken")]
    assert [nicks(house) for house in servers.houses] == [["Bob"]] * 2
    assert not ana.closed


def test_a_rename_that_is_judged_after_the_place_was_lost_leaves_one_name(servers: TwoServers) -> None:
    eve = join(servers, servers.two, "Eve")
    eve.say(p.Nick("Zoe"))
    servers.engine.fence(directory_of(servers.two))
    servers.settle()
    assert eve.member is not None
    assert eve.member.nick == "Zoe"
    assert [nicks(house) for house in servers.houses] == [["Zoe"]] * 2
    assert [member.nick for member in servers.engine.members.values()] == ["Zoe"]


def test_a_rename_that_was_under_way_when_the_place_was_lost_leaves_one_name(servers: TwoServers) -> None:
    eve = join(servers, servers.two, "Eve")
    directory = directory_of(servers.two)
    directory.stopped = True
    eve.say(p.Nick("Zoe"))
    servers.settle()
    servers.engine.fence(directory)
    directory.stopped = False
    directory.read()
    servers.settle()
    assert eve.member is not None
    assert [nicks(house) for house in servers.houses] == [[eve.member.nick]] * 2
    assert [member.nick for member in servers.engine.members.values()] == [eve.member.nick]

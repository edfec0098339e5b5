"""core/moderation.py through the hub: whom a ban, a mute, a slow room and a read-only one hit, and whom they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.common.names import check_nick
from chatctl.core import bans
from chatctl.core.admission import Admission
from chatctl.core.auth import ConnectionInfo
from chatctl.core.bans import Person, Sanction, Sanctions
from chatctl.core.confusables import skeletons
from chatctl.core.ip_networks import client_network
from chatctl.core.moderation import Rules
from chatctl.core.name_claims import NameClaims
from chatctl.hub.admin_target import Actor
from tests.hub.conftest import OF_ONE
from tests.support.fakes import FakePeer, House, KeepingJournal, SlowJournal, only, order
from tests.support.key_holders import OTHER, OWNER

TOKEN, ANOTHER = "a" * 32, "b" * 32


def house_of(journal: KeepingJournal | None = None) -> House:
    """Return a house; with a journal that was used before, one after a restart."""
    journal = journal or KeepingJournal()
    rules = Rules({key: value for key, value in journal.kept.items() if value is not None})
    return House(journal=journal, admission=Admission("test", ["ops"], claims=NameClaims()), rules=rules)


def restarted(house: House) -> House:
    assert isinstance(house.journal, KeepingJournal)
    after = house_of(house.journal)
    after.now = house.now
    return after


def banned(house: House, target: str = "Rajat", **more: object) -> None:
    assert isinstance(order(house, "console", "ban", target, **more), p.Done)


def is_in(peer: FakePeer) -> bool:
    return bool(only(p.Welcome, peer.frames))


def errors(peer: FakePeer) -> list[tuple[str, str]]:
    return [(error.code, error.text) for error in only(p.Error, peer.take())]


# --- bans


def test_a_ban_ends_the_membership_and_says_why() -> None:
    house = house_of()
    rajat, ana = house.join("Rajat", TOKEN), house.join("Ana")
    banned(house, text="spam", seconds=7200)
    assert only(p.Bye, rajat.frames) == [p.Bye(why="you were banned for 2h: spam", final=True)]
    assert rajat.closed
    told = ana.take()
    assert only(p.Notice, told) == [p.Notice("Rajat was banned for 2h: spam", 1000.0)]
    assert only(p.Leave, told)[0].nicks == ["Rajat"]


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
@pytest.mark.parametrize(
    "nick", ["Rajat", "rAJAT", "\uff32\uff41\uff4a\uff41\uff54", "R\u0430jat", "Raj\u0430t"],
    ids=["same", "case", "width", "look-alike", "another look-alike"],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["join", "post", "watch"])
def test_a_ban_holds_under_every_spelling_of_the_name(nick: str, mode: str, *, restart: bool) -> None:
    house = house_of()
    house.join("Rajat", TOKEN)
    banned(house, text="spam", seconds=60)
    house = restarted(house) if restart else house
    again = house.join(nick, ANOTHER, mode=mode)
    assert not is_in(again)
    assert errors(again) == [("forbidden", f"{check_nick(nick)} is banned for another 1m: spam")]
    assert again.closed
    assert is_in(house.join("Somebody", ANOTHER))


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_another_name_is_no_way_back_for_a_token(*, restart: bool) -> None:
    house = house_of()
    house.join("Rajat", TOKEN)
    banned(house, person=True)
    house = restarted(house) if restart else house
    assert not is_in(house.join("Innocent", TOKEN))
    assert is_in(house.join("Innocent", ANOTHER))


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_another_name_is_no_way_back_for_a_key(*, restart: bool) -> None:
    house = house_of()
    OTHER.join(house, "Rajat")
    banned(house, person=True)
    house = restarted(house) if restart else house
    assert not is_in(OTHER.join(house, "Innocent"))
    assert not is_in(OTHER.join(house, "", mode="watch"))
    assert is_in(OWNER.join(house, "Innocent"))


def test_who_is_banned_anew_is_not_known_by_less_than_before() -> None:
    """A ban that is made longer once they are gone still holds their key and token."""
    house = house_of()
    house.join("Rajat", TOKEN)
    banned(house, person=True, seconds=60)
    banned(house, seconds=600)
    house.now += 120
    assert not is_in(house.join("Innocent", TOKEN))
    assert len(house.hub.rules.bans) == 1


def test_nobody_renames_into_a_banned_name() -> None:
    house = house_of()
    banned(house)
    ana = house.join("Ana")
    ana.take()
    ana.say(p.Nick("r\u0430jat"))
    house.settle()
    assert errors(ana) == [("forbidden", "r\u0430jat is banned")]


def test_a_ban_of_a_key_sends_all_of_its_connections_away() -> None:
    house = house_of()
    first, second = OTHER.join(house, "Rajat"), OTHER.join(house, "Rajat2", room="ops")
    reader = OTHER.join(house, "", mode="watch")
    banned(house, OTHER.fingerprint)
    assert [peer.closed for peer in (first, second, reader)] == [True] * 3


def peer_at(house: House, nick: str, host: str) -> FakePeer:
    peer = house.peer()
    peer.info = ConnectionInfo(host)
    peer.say(p.Hello(v=1, nick=nick))
    house.settle()
    return peer


@OF_ONE
def test_a_ban_of_an_address_looks_at_each_peer_once_and_at_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten thousand of them the loop stood still for a second."""
    house = house_of()
    peers = [peer_at(house, f"member{number}", f"192.0.2.{number}") for number in range(20)]
    counts = Counter[str]()

    def counted(name: str, real: Callable[[str], Any]) -> Callable[[str], Any]:
        def call(text: str) -> Any:
            counts[name] += 1
            return real(text)

        return call

    monkeypatch.setattr(bans, "skeletons", counted("names", bans.skeletons))
    monkeypatch.setattr(bans, "parse_address", counted("addresses", bans.parse_address))
    monkeypatch.setattr(bans, "parse_network", counted("networks", bans.parse_network))
    banned(house, "192.0.2.7")
    assert [peer.leaving is not None for peer in peers] == [number == 7 for number in range(20)]
    assert counts["names"] == 0
    assert counts["addresses"] == len(peers)
    assert counts["networks"] <= 4


@pytest.mark.parametrize(
    ("target", "note"),
    [
        ("192.0.2.8", ""),
        ("192.0.2.9", "no member is connected from there"),
        ("198.51.100.7", "it is a proxy's"),
        ("198.51.100.0/24", "it is a proxy's"),
        ("127.0.0.1", "connections from this machine have no address"),
    ],
)
def test_a_ban_of_an_address_that_hits_nobody_says_so_to_the_operator_alone(target: str, note: str) -> None:
    house = house_of()
    house.hub.networks.set((), (), [client_network("198.51.100.7")])
    ana = house.join("Ana")
    peer_at(house, "Rajat", "192.0.2.8")
    done = order(house, "console", "ban", target)
    assert isinstance(done, p.Done)
    assert note in done.text
    told = f"an address was banned ({client_network(target)})"
    assert (done.text == told) is (note == "")
    assert done.text.startswith(told)
    assert all(notice.text == "an address was banned" for notice in only(p.Notice, ana.frames))


def test_a_ban_of_a_member_with_its_address() -> None:
    house = house_of()
    house.join("Rajat", TOKEN)
    neighbour = house.peer()
    neighbour.info = ConnectionInfo("192.0.2.8")
    neighbour.say(p.Hello(v=1, nick="Ana"))
    house.settle()
    banned(house, address=True)
    assert neighbour.leaving is None
    assert house.hub.address_ban("192.0.2.7") is not None
    assert house.hub.address_ban("192.0.2.8") is None


def test_without_asking_for_it_nobodys_neighbours_are_banned() -> None:
    """A family, a company, a mobile network: one address is many people."""
    house = house_of()
    house.join("Rajat", TOKEN)
    banned(house)
    assert house.hub.address_ban("192.0.2.7") is None


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.0/24", "192.0.2.99", "192.0.3.1"),
        ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::1", "2001:db8:1:3::3"),
        ("2001:db8::/32", "2001:db8:ffff::1%eth0", "2001:db9::1"),
    ],
)
def test_a_ban_of_a_network_holds_at_the_door_and_after_a_restart(network: str, inside: str, outside: str) -> None:
    house = house_of()
    banned(house, network, text="flood")
    for one in (house, restarted(house)):
        error = one.hub.address_ban(inside)
        assert error is not None
        assert error.text == "your address is banned: flood"
        assert one.hub.address_ban(outside) is None
        assert one.hub.address_ban("") is None, "this machine's own, and unix sockets, have none"


def test_a_banned_address_shuts_operators_out_and_the_console_lets_them_in_again() -> None:
    """It is judged before any proof; the way back is the one that has no address."""
    house = house_of()
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    banned(house, "192.0.2.0/24")
    for one in (house, restarted(house)):
        one.hub.rules.configured = house.hub.rules.configured
        assert one.hub.address_ban("192.0.2.7") is not None
        assert isinstance(order(one, "console", "unban", "192.0.2.0/24"), p.Done)
        assert one.hub.address_ban("192.0.2.7") is None
        assert is_in(OWNER.join(one, "nadia"))


def test_the_room_does_not_hear_of_an_address() -> None:
    house = house_of()
    ana = house.join("Ana")
    ana.take()
    banned(house, "198.51.100.7")
    assert [notice.text for notice in only(p.Notice, ana.take())] == ["an address was banned"]
    lifted = order(house, "console", "unban", "198.51.100.7")
    assert isinstance(lifted, p.Done)
    assert lifted.text == "an address was let in again (198.51.100.7/32)"
    assert [notice.text for notice in only(p.Notice, ana.take())] == ["an address was let in again"]


def test_a_ban_ends_with_its_time_and_is_forgotten() -> None:
    house = house_of()
    banned(house, seconds=60)
    house.now += 59
    assert not is_in(house.join("Rajat"))
    house.now += 1
    assert is_in(house.join("Rajat"))
    banned(house, "Somebody")
    assert house.journal.kept[("ban", "rajat")] is None  # type: ignore[attr-defined]
    assert len(house.hub.rules.bans) == 1


def test_unban_lets_in_again_for_good() -> None:
    house = house_of()
    OTHER.join(house, "Rajat")
    banned(house)
    assert isinstance(order(house, "console", "unban", "RAJAT"), p.Done)
    for one in (house, restarted(house)):
        one.hub.names.claims = NameClaims()  # it is about the ban alone
        assert is_in(OTHER.join(one, "Rajat"))


def test_operators_are_hit_by_what_names_their_key_alone() -> None:
    """Nobody shuts an operator out by banning a name or a network that happens to be theirs."""
    house = house_of()
    for hub in house.hubs:
        hub.rules.configured = frozenset({OWNER.fingerprint})
    banned(house, "192.0.2.0/24")
    banned(house, "nadia")
    assert is_in(OWNER.join(house, "nadia"))
    banned(house, OWNER.fingerprint)
    assert not is_in(OWNER.join(house, "nadia"))


def test_text_and_classic_clients_are_told_as_well() -> None:
    house = house_of()
    text, classic = house.text("Rajat"), house.classic("Ana")
    text.took()
    classic.took()
    banned(house, text="spam")
    assert b"Goodbye! (you were banned: spam)\n" in text.took()
    assert classic.took() == b"! Rajat was banned: spam\nRajat left!\n"
    again = house.text("rajat")
    assert b"! rajat is banned: spam\n" in again.took()


# --- mutes, slow rooms, read-only rooms


def said(house: House, peer: FakePeer, *texts: str) -> list[tuple[str, str]]:
    peer.take()
    peer.say(*(p.Say(text, id=text) for text in texts))
    house.settle()
    frames = peer.take()
    return [(one.id, "ok") for one in only(p.Ack, frames)] + [(one.id, one.code) for one in only(p.Error, frames)]


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_who_is_muted_reads_on_and_says_nothing(*, restart: bool) -> None:
    house = house_of()
    house.join("Rajat", TOKEN)
    assert isinstance(order(house, "console", "mute", "Rajat", person=True, seconds=60, text="spam"), p.Done)
    house = restarted(house) if restart else house
    rajat, ana = house.join("Innocent", TOKEN), house.join("Ana")
    assert said(house, rajat, "hi") == [("hi", "forbidden")]
    rajat.say(p.Whisper("Ana", "psst", id="w"))
    house.settle()
    assert errors(rajat) == [("forbidden", "you are muted for another 1m: spam")]
    assert not only(p.Whispered, ana.frames)
    assert said(house, ana, "hello") == [("hello", "ok")]
    assert only(p.Msg, rajat.take())
    house.now += 60
    assert said(house, rajat, "back") == [("back", "ok")]


@pytest.mark.parametrize(
    ("verb", "code"), [("mute", "forbidden"), ("read-only", "forbidden"), ("slow", "rate_limited")]
)
def test_what_was_said_before_is_acknowledged_whatever_holds_now(verb: str, code: str) -> None:
    """Its ack got lost, and it is sent again: to refuse it would be to tell somebody that it was not sent."""
    house = house_of()
    ana, rajat = house.join("Ana"), house.join("Rajat", TOKEN)
    assert said(house, rajat, "1") == [("1", "ok")]
    order(house, "console", verb, "Rajat" if verb == "mute" else "", seconds=60)
    rajat.lose()
    house.settle()
    ana.take()
    again = house.join("Rajat", TOKEN)
    again.take()
    again.say(p.Say("1", id="1"), p.Say("2", id="2"), p.Say("3"))
    house.settle()
    frames = again.take()
    assert [(ack.id, ack.seq, ack.duplicate) for ack in only(p.Ack, frames)] == [("1", 1, True)]
    assert sorted((one.id or "", one.code) for one in only(p.Error, frames)) == [("", code), ("2", code)]
    assert not only(p.Msg, ana.take())
    assert again.in_flight == 0
    order(house, "console", "unmute", "Rajat")
    order(house, "console", "read-only", "", on=False)
    order(house, "console", "slow", "", seconds=0)
    assert said(house, again, "2") == [("2", "ok")], "what was refused was not noted as said"


def test_what_is_under_way_when_its_author_is_muted_is_said_once() -> None:
    """The journal decides in the order in which it was handed things."""
    journal = SlowJournal()
    house = House(journal=journal)
    rajat = house.join("Rajat", TOKEN)
    rajat.say(p.Say("1", id="1"))
    house.settle()
    order(house, "console", "mute", "Rajat", seconds=60)
    rajat.say(p.Say("1", id="1"))
    house.settle()
    while journal.waiting:
        journal.commit()
    house.settle()
    assert [(ack.seq, ack.duplicate) for ack in only(p.Ack, rajat.frames)] == [(1, False), (1, True)]
    assert not only(p.Error, rajat.frames)
    rajat.say(p.Say("2", id="2"))
    house.settle()
    journal.fail()
    house.settle()
    assert errors(rajat) == [("storage", "the disk is full")]


def test_a_slow_room_takes_one_message_in_its_time() -> None:
    house = house_of()
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    rajat, nadia = house.join("Rajat", TOKEN), OWNER.join(house, "nadia")
    assert isinstance(order(house, "console", "slow", "", seconds=30), p.Done)
    assert said(house, rajat, "1", "2", "3") == [("1", "ok"), ("2", "rate_limited"), ("3", "rate_limited")]
    house.now += 10
    rajat.say(p.Say("4", id="4"))
    house.settle()
    [error] = only(p.Error, rajat.take())
    assert (error.code, error.retry_after) == ("rate_limited", 20.1)
    assert said(house, nadia, "1", "2") == [("1", "ok"), ("2", "ok")], "operators are exempt"
    house.now += 20
    assert said(house, rajat, "5") == [("5", "ok")]


def test_a_slow_disk_makes_no_room_slower() -> None:
    """The time counts from when somebody spoke, not from when that was shown."""
    journal = SlowJournal()
    house = House(journal=journal)
    rajat = house.join("Rajat", TOKEN)
    order(house, "console", "slow", "", seconds=30)
    rajat.say(p.Say("1"))
    house.settle()
    house.now += 5
    journal.commit()
    house.settle()
    house.now += 25
    rajat.take()
    rajat.say(p.Say("2"))
    house.settle()
    journal.commit()
    house.settle()
    assert [entry.text for entry in only(p.Msg, rajat.take())] == ["2"]


def test_a_repeat_takes_no_turn_in_a_slow_room() -> None:
    """Whose ack was lost says it again, and has said nothing by that."""
    house = house_of()
    rajat = house.join("Rajat", TOKEN)
    order(house, "console", "slow", "", seconds=30)
    assert said(house, rajat, "1") == [("1", "ok")]
    house.now += 30
    assert said(house, rajat, "1") == [("1", "ok")]
    assert said(house, rajat, "2") == [("2", "ok")]
    assert said(house, rajat, "1") == [("1", "ok")]
    assert said(house, rajat, "3") == [("3", "rate_limited")]


@OF_ONE
def test_another_name_or_connection_is_no_way_around_a_slow_room() -> None:
    house = house_of()
    rajat = house.join("Rajat", TOKEN)
    order(house, "console", "slow", "", seconds=30)
    assert said(house, rajat, "1") == [("1", "ok")]
    rajat.say(p.Nick("Tajar"))
    house.settle()
    assert said(house, rajat, "2") == [("2", "rate_limited")]
    assert said(house, house.peer(p.Hello(v=1, nick="Other", mode="post", token=TOKEN)), "3") == [("3", "rate_limited")]
    assert said(house, house.join("Ana"), "4") == [("4", "ok")]


def test_in_a_read_only_room_operators_alone_speak() -> None:
    house = house_of()
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    rajat, nadia = house.join("Rajat"), OWNER.join(house, "nadia")
    elsewhere = house.join("Ana", room="ops")
    order(house, "operator", "read-only", "")
    assert said(house, rajat, "hi") == [("hi", "forbidden")]
    assert said(house, nadia, "news") == [("news", "ok")]
    assert said(house, elsewhere, "hi") == [("hi", "ok")]
    order(house, "console", "read-only", "", on=False)
    assert said(house, rajat, "hi") == [("hi", "ok")]


def test_a_probe_works_whatever_holds_in_the_room() -> None:
    """A monitor must not wake anybody because a room is read-only."""
    house = house_of()
    order(house, "console", "read-only", "")
    house.join("x")  # the room is open
    order(house, "console", "read-only", "")
    assert said(house, house.peer(p.Hello(v=1, mode="probe")), "p") == [("p", "ok")]


def test_the_room_is_told_and_so_is_who_comes_later_and_after_a_restart() -> None:
    house = house_of()
    ana, nc = house.join("Ana"), house.text("nc")
    ana.take()
    nc.took()
    order(house, "operator", "topic", "", text="freeze\x1b[2J")
    frames = ana.take()
    assert only(p.RoomNow, frames) == [p.RoomNow(topic="freeze\x1b[2J")]
    assert only(p.Notice, frames) == [p.Notice("the topic was set to 'freeze␛[2J' by nadia", 1000.0, "nadia")]
    assert nc.took().decode() == "! the topic was set to 'freeze␛[2J' by nadia\n"
    order(house, "console", "slow", "", seconds=5)
    for one in (house, restarted(house)):
        welcome = only(p.Welcome, one.join("Late").frames)[0]
        assert (welcome.topic, welcome.slow, welcome.read_only) == ("freeze\x1b[2J", 5.0, False)


def test_what_operators_do_is_no_entry_of_the_log() -> None:
    house = house_of()
    house.join("Rajat")
    banned(house)
    order(house, "console", "topic", "", text="x")
    assert only(p.Welcome, house.join("Ana").frames)[0].last == 0


# --- the values themselves


@given(st.lists(st.tuples(st.sampled_from("abcdefAB"), st.booleans()), max_size=30))
def test_what_was_dropped_hits_nobody_and_the_rest_still_does(changes: list[tuple[str, bool]]) -> None:
    sanctions, model = Sanctions(), dict[str, bool]()
    for name, add in changes:
        if add:
            sanctions.add(Sanction("ban", 0.0, name=name, key=f"key {name.lower()}", network=f"192.0.2.{ord(name)}/32"))
        else:
            sanctions.drop(name.lower())
        model[name.lower()] = add
    for name in "abcdef":
        hit = sanctions.find(Person(name=name), 1.0)
        assert (hit is not None) == model.get(name, False)
        assert (sanctions.find(Person(key=f"key {name}"), 1.0) is not None) == model.get(name, False)
    if not any(model.values()):
        assert sanctions._by_mark == sanctions._networks._by_size == {}, "nothing is left behind"


def test_what_is_no_address_is_none() -> None:
    for text in ("rajat", "1234", "1.2.3", "", "1.2.3.4/33"):
        with pytest.raises(ValueError, match=r".*"):
            client_network(text)


def test_many_bans_cost_who_comes_little() -> None:
    """Each mark is looked up, the list is never walked: the same look-ups with one ban as with ten thousand."""
    sanctions = Sanctions()
    for number in range(10_000):
        sanctions.add(Sanction("ban", 0.0, network=f"10.{number >> 8}.{number & 255}.0/24"))
    assert len(list(sanctions._marks(Person("x", "k", b"t", "192.0.2.1")))) == len(skeletons("x")) + 2
    assert len(sanctions._networks._by_size) == 1
    assert sanctions.find(Person(host="10.39.15.200"), 0.0) is not None


def test_a_ban_of_an_ipv4_mapped_network_holds_for_its_ipv4_addresses() -> None:
    """Whatever form it is written in: addresses are compared as IPv4."""
    house = house_of()
    banned(house, "::ffff:192.0.2.0/120")
    assert house.hub.address_ban("192.0.2.7") is not None
    assert house.hub.address_ban("198.51.100.7") is None
    assert isinstance(order(house, "console", "unban", "192.0.2.0/24"), p.Done)


# --- a wall clock that is set


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_slow_room_is_as_slow_whatever_the_clock_on_the_wall_says(step: float) -> None:
    """An hour back kept everybody from speaking for an hour."""
    house = house_of()
    rajat = house.join("Rajat")
    order(house, "console", "slow", "", seconds=3.0)
    rajat.say(p.Say("one", id="1"))
    house.settle()
    house.wall_ahead = step
    house.now += 2.0
    rajat.take()
    rajat.say(p.Say("two", id="2"))
    house.settle()
    assert [error.retry_after for error in only(p.Error, rajat.take())] == [1.1]
    house.now += 1.0
    rajat.say(p.Say("two", id="3"))
    house.settle()
    assert [ack.id for ack in only(p.Ack, rajat.take())] == ["3"]


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
@pytest.mark.parametrize("verb", ["ban", "mute"])
def test_a_sanction_lasts_as_long_as_was_said_and_is_kept_by_the_wall(verb: str, step: float) -> None:
    house = house_of()
    house.wall_ahead = step
    assert isinstance(order(house, "console", verb, "Rajat", seconds=60), p.Done)
    house.wall_ahead = 0.0
    [row] = order(house, "console", "bans", "").rows  # type: ignore[union-attr]
    assert (row["since"], row["until"]) == (1000.0, 1060.0), "as the clock on the wall has it now"
    sanctions = house.hub.rules.sanctions("ban" if verb == "ban" else "mute")
    house.now += 59.0
    assert sanctions.find(Person("Rajat"), house.hub.clock.steady())
    house.now += 2.0
    assert not sanctions.find(Person("Rajat"), house.hub.clock.steady())
    assert isinstance(house.journal, KeepingJournal)
    [kept] = [value for (kind, _), value in house.journal.kept.items() if kind == verb]
    assert f'"until":{1060.0 + step}' in str(kept)


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
@pytest.mark.parametrize("verb", ["ban", "mute"])
def test_the_next_start_knows_when_it_ends_though_the_clock_was_set_meanwhile(verb: str, step: float) -> None:
    house = house_of()
    house.wall_ahead = step
    house.hub.clock()
    for target, seconds in (("Rajat", 60), ("Ana", 0)):
        assert isinstance(order(house, "console", verb, target, seconds=seconds), p.Done)
    house.wall_ahead = 0.0
    house.hub.clock()  # as housekeeping does
    assert isinstance(house.journal, KeepingJournal)
    kept = [str(value) for (kind, _), value in house.journal.kept.items() if kind == verb]
    assert [f'"until":{1060.0}' in one for one in kept] == [True, False]
    assert '"until"' not in kept[1], "for good is for good"


def test_what_is_lifted_while_the_clock_is_set_is_not_kept_again() -> None:
    house = house_of()
    journal = house.journal
    assert isinstance(journal, KeepingJournal)
    assert isinstance(order(house, "console", "ban", "Rajat", seconds=60), p.Done)
    journal.at_once = False
    house.hub.admin.carry_out(p.Admin("unban", "Rajat"), Actor("console"), lambda _: None)
    house.wall_ahead = 3600.0
    house.hub.clock()
    while journal.waiting:
        journal.commit()
    assert [value for (kind, _), value in journal.kept.items() if kind == "ban"] == [None]


def test_who_has_been_silent_for_how_long_is_not_the_walls_to_say() -> None:
    house = house_of()
    rajat = house.join("Rajat")
    house.wall_ahead = 3600.0
    house.now += 5.0
    rajat.take()
    rajat.say(p.Who())
    house.settle()
    [roster] = only(p.Roster, rajat.take())
    assert [(row.since, row.idle) for row in roster.members] == [(1000.0, 5.0)]


def test_messages_are_not_stamped_earlier_than_those_before() -> None:
    """A correction by a minute does not mix the log up; an hour is taken as it is, and logged."""
    house = house_of()
    rajat = house.join("Rajat")
    rajat.take()
    for ahead in (0.0, -60.0, -3600.0):
        house.wall_ahead = ahead
        rajat.say(p.Say("hi"))
        house.settle()
    assert [msg.time for msg in only(p.Msg, rajat.take())] == [1000.0, 1000.0, -2600.0]
    assert "the clock was set seconds=-3540" in house.logged.getvalue()

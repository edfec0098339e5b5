"""What an operator's target means: a name, a key, a network; and whom, of those who are here."""

from __future__ import annotations

import pytest

from chatctl.common.verbs import Kind, Role
from chatctl.core.auth import ConnectionInfo
from chatctl.errors import Forbidden, NickInvalid, RoomInvalid
from chatctl.hub.admin_people import name_of
from chatctl.hub.admin_target import Actor, AdminTarget, placed, target_of
from chatctl.protocol import Admin
from tests.support.fakes import FakePeer, House, order
from tests.support.key_holders import OTHER, OWNER

CONSOLE = Actor("console")


@pytest.fixture
def house(house: House) -> House:
    """Return a server with an operator (chief) and one who is in two rooms."""
    house.hub.rules.configured = frozenset({OWNER.fingerprint})
    OWNER.join(house, "chief")
    house.join("Rajat", token="a" * 32)
    house.join("Rajat", token="a" * 32, room="ops")
    return house


def target(house: House, text: str, actor: Actor = CONSOLE, verb: str = "ban", **more: object) -> AdminTarget:
    ask = placed(Admin(verb=verb, target=text, **more), actor)  # type: ignore[arg-type]
    return target_of(ask, actor, house.hub)


@pytest.mark.parametrize(
    ("text", "verb", "kind"),
    [
        ("Rajat", "ban", "member"),
        ("RAJAT", "ban", "member"),
        ("nobody", "ban", "name"),
        ("name:10.0.0.1", "ban", "name"),
        ("chief", "ban", "operator"),
        (OWNER.fingerprint, "ban", "operator"),
        (OTHER.fingerprint, "ban", "key"),
        ("203.0.113.7", "ban", "address"),
        ("203.0.113.0/24", "ban", "address"),
        ("192.0.2.0/24", "ban", "operator"),
        ("", "ban", "server"),
        ("", "topic", "room"),
        ("Rajat", "bans", "server"),
    ],
)
def test_what_kind_of_target_it_is(house: House, text: str, verb: str, kind: Kind) -> None:
    assert target(house, text, verb=verb).kind == kind


def test_what_is_no_target_is_refused(house: House) -> None:
    with pytest.raises(NickInvalid):
        target(house, "name:")
    with pytest.raises(Forbidden, match="there is no verb 'bann'"):
        target(house, "Rajat", verb="bann")
    with pytest.raises(Forbidden, match=r"10\.0\.0\.0/99 is not a network"):
        target(house, "10.0.0.0/99")


@pytest.mark.parametrize("verb", ["kick", "ban", "mute", "op", "deop"])
def test_a_room_that_is_not_there_is_told_as_such(house: House, verb: str) -> None:
    """It is the room that was mistyped; the name may be right."""
    with pytest.raises(RoomInvalid, match="there is no room 'nosuch'"):
        target(house, "Rajat", verb=verb, room="nosuch")


@pytest.mark.parametrize("verb", ["unban", "unmute", "unclaim"])
def test_what_is_kept_under_a_name_that_nobody_could_have_today_can_be_lifted(house: House, verb: str) -> None:
    assert target(house, "Old\u1039", verb=verb).name == "Old\u1039"
    with pytest.raises(NickInvalid):
        target(house, "Old\u1039", verb="ban")


@pytest.mark.parametrize(
    ("actor", "room", "rooms"),
    [
        (CONSOLE, None, ["lobby", "ops"]),
        (CONSOLE, "ops", ["ops"]),
        (CONSOLE, "elsewhere", []),
        (Actor("operator", "chief", "lobby"), None, ["lobby"]),
        (Actor("operator", "chief", "lobby"), "lobby", ["lobby"]),
    ],
)
def test_of_two_with_one_name_the_room_tells(house: House, actor: Actor, room: str | None, rooms: list[str]) -> None:
    """An operator means the one who is here."""
    house.hub.history.open("elsewhere")
    peers = target(house, "rajat", actor, room=room).peers
    assert [peer.room.name for peer in peers if peer.room is not None] == rooms


@pytest.mark.parametrize("role", ["operator", "member"])
@pytest.mark.parametrize("verb", ["redact", "topic", "kick", "?kick"])
def test_an_order_for_another_room_is_refused(house: House, role: Role, verb: str) -> None:
    """What is said of one room must not be done to another. Only the console is in none."""
    outcome = order(house, role, verb, "Rajat", room="ops")
    assert isinstance(outcome, Forbidden)
    assert outcome.text == "this command is for the room ops: use it there"
    assert len(house.hub.history.rooms["lobby"].roster) == 2


def test_one_who_posts_under_a_name_that_is_another_ones_by_now_is_not_meant(house: House) -> None:
    """Or what was to be nadia's, an appointment say, would be whoever's who had chosen the name before."""
    OTHER.join(house, "nadia", mode="post", room="ops")
    nadia = house.text("nadia")
    assert target(house, "nadia", verb="op").peers == [nadia]
    assert target(house, "nadia", verb="op", room="ops").peers == []


def test_a_name_that_is_more_than_one_persons_is_refused_with_who_they_are(house: House) -> None:
    """Members of one name are one person; those who only post take no name."""
    for room in ("lobby", "ops"):
        house.join("ci", mode="post", room=room)
    second = OTHER.join(house, "ci", mode="post", room="ops")
    for verb in ("kick", "ban", "mute", "op", "deop"):
        with pytest.raises(Forbidden) as refused:
            target(house, "ci", verb=verb)
        assert refused.value.text == (
            "ci is 3 people here, in lobby (no key, 192.0.2.7), in ops (no key, 192.0.2.7), "
            f"in ops ({OTHER.fingerprint}, 192.0.2.7): say which --room, or the key"
        )
    assert len(target(house, "ci", room="lobby").peers) == 1
    for _ in range(9):
        house.join("ci", mode="post")
    with pytest.raises(Forbidden, match=r"ci is 12 people here.*, and 7 more: say which"):
        target(house, "ci")
    assert target(house, OTHER.fingerprint).peers == [second]
    assert len(target(house, "ci", verb="unban").peers) == 12


def test_one_with_a_key_and_two_tokens_is_one_person(house: House) -> None:
    """A laptop and a phone."""
    for room, token in (("lobby", "a" * 32), ("ops", "b" * 32)):
        OTHER.join(house, "nadia", token=token, room=room)
    assert len(target(house, "nadia").peers) == 2


def test_a_network_means_all_who_are_in_it(house: House) -> None:
    neighbour = house.peer()
    neighbour.info = ConnectionInfo("198.51.100.9")
    neighbour.say(b'{"type":"hello","v":1,"nick":"Bea"}\n')
    house.settle()
    assert target(house, "198.51.100.9").peers == [neighbour]
    assert len(target(house, "0.0.0.0/0").peers) == 4


def test_a_key_means_all_connections_that_proved_it(house: House) -> None:
    second = OWNER.join(house, "boss", room="ops")
    assert [peer.key for peer in target(house, OWNER.fingerprint).peers] == [OWNER.fingerprint] * 2
    assert second in target(house, OWNER.fingerprint).peers
    assert target(house, OTHER.fingerprint).peers == []


def test_those_who_are_leaving_or_not_in_yet_are_not_meant(house: House) -> None:
    house.peer()
    leaving = house.join("Cyd")
    house.hub.disconnect(leaving, "kicked")
    assert target(house, "Cyd").kind == "name"
    assert leaving not in target(house, "0.0.0.0/0").peers


def test_an_operator_who_is_away_is_one_for_a_ban_and_nobody_to_kick(house: House) -> None:
    house.hub.claims.binding = True
    OWNER.join(house, "boss").lose()
    house.settle()
    assert target(house, "boss").kind == "operator"
    assert target(house, "boss", verb="kick").kind == "name"


@pytest.mark.parametrize(("mode", "name"), [("post", "ci"), ("watch", "")])
def test_who_only_watches_has_no_name(house: House, mode: str, name: str) -> None:
    peer: FakePeer = house.peer(b'{"type":"hello","v":1,"nick":"ci","mode":"%s"}\n' % mode.encode())
    house.settle()
    assert name_of(peer) == name
    assert (target(house, "ci").kind == "member") is bool(name)


def test_the_console_has_no_name_to_show() -> None:
    assert (CONSOLE.by, Actor("operator", "a\x1bb").by) == ("", " by a␛b")

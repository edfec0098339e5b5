"""Names across two rooms, in every dialect and mode: who may not have, be called or be heard under somebody else's."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chatctl import protocol as p
from chatctl.core.admission import Admission
from chatctl.core.name_claims import NameClaim
from chatctl.core.name_ownership import Names
from tests.support.fakes import FakePeer, House, KeepingJournal, only, order
from tests.support.key_holders import OTHER, OWNER

Enter = Callable[[House, str], FakePeer]
EVERY_DIALECT = pytest.mark.parametrize(
    "enter", [House.join, House.text, House.classic, lambda house, nick: house.join(nick, TOKEN)], ids=lambda _: ""
)
TOKEN = "a" * 32
CYRILLIC = "nаdia"
GIVE_UP: list[Callable[[House, FakePeer], object]] = [
    lambda _, peer: peer.say(p.Nick("other")),
    lambda _, peer: peer.lose(),
    lambda house, peer: order(house, "console", "kick", peer.session.nick),
]


def is_here(peer: FakePeer) -> bool:
    return peer.member is not None and peer.leaving is None and not peer.closed


@EVERY_DIALECT
def test_a_name_that_somebody_has_in_another_room_is_neither_bound_nor_taken_over(
    house: House, journal: KeepingJournal, enter: Enter
) -> None:
    """Its holder would be thrown out unseen, and whispers to the name would go to whoever did it."""
    nadia, ana = enter(house, "nadia"), house.join("Ana")
    ana.take()
    assert OTHER.join(house, "nadia", room="ops").codes == ["nick_taken"]
    assert OTHER.join(house, "nadia").codes == ["nick_taken"]
    assert journal.kept == {}
    assert is_here(nadia)
    nadia.took()
    ana.say(p.Whisper("nadia", "lunch?"))
    house.settle()
    assert b"lunch?" in nadia.wire


@EVERY_DIALECT
def test_a_member_is_not_renamed_to_a_name_of_another_room_or_one_like_it(house: House, enter: Enter) -> None:
    """Nothing but ``nick_taken``: no traceback, no reset, and the name stays as it was."""
    enter(house, "nadia")
    for room in ("lobby", "ops"):
        for owner in (OTHER, OWNER):
            mallory = owner.join(house, "mallory", room=room)
            mallory.take()
            mallory.say(p.Nick("nadia"), p.Nick("NADIA"), p.Nick(CYRILLIC), p.Ping())
            house.settle()
            assert mallory.codes == ["nick_taken"] * 3
            assert len(only(p.Pong, mallory.frames)) == 1
            mallory.lose()
            house.settle()
            for hub in house.hubs:
                hub.names.claims.drop(hub.names.claims.find_kept("mallory"))  # type: ignore[arg-type]


@EVERY_DIALECT
def test_a_look_alike_of_a_member_is_not_bound_in_another_room(
    house: House, journal: KeepingJournal, enter: Enter
) -> None:
    """Or the member's own name would be the look-alike when its connection drops."""
    nadia = enter(house, "nadia")
    assert OTHER.join(house, CYRILLIC, room="ops").codes == ["nick_taken"]
    nadia.lose()
    house.settle()
    assert is_here(enter(house, "nadia"))
    assert journal.kept == {}


@pytest.mark.parametrize("nick", ["\u0301", "nadia\u1039", "nadia\u0941", "nadia\u200d"])
def test_a_name_with_a_mark_that_joins_or_is_not_seen_is_refused_in_every_dialect(house: House, nick: str) -> None:
    """Its lines would begin with a bare mark, or look like somebody else's."""
    for mode in ("join", "post", "watch"):
        assert house.join(nick, mode=mode).codes == ["nick_invalid"]
    assert house.text(nick).room is None
    member = house.join("Ana")
    member.take()
    member.say(p.Nick(nick))
    house.settle()
    assert member.codes == ["nick_invalid"]
    classic = house.classic(nick)
    assert classic.member is not None
    assert classic.member.nick.isascii()


def test_however_many_numbered_names_are_bound_a_classic_client_is_let_in_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its connections stopped the server, for good: claims last."""
    for number in range(2, 500):
        house.hub.names.claims.add(NameClaim(f"guest_{number}", f"k{number // 8}", 1.0))
    house.classic("guest")
    judged, decide = [], Names.decide
    monkeypatch.setattr(Names, "decide", lambda *args: (judged.append(1), decide(*args))[1])
    second = house.classic("guest")
    assert second.member is not None
    assert re.fullmatch(r"guest_\d{8}", second.member.nick)
    assert len(judged) < 12


def test_a_name_that_was_given_up_is_free_and_a_bound_one_is_not(house: House) -> None:
    """By a rename, by leaving and by a kick alike; where it was bound it waits for its owner."""
    for owner, code in ((None, []), (OWNER, ["nick_taken"])):
        for number, give_up in enumerate(GIVE_UP):
            nick = f"name{number}{'b' if owner else 'u'}"
            first = owner.join(house, nick) if owner else house.join(nick, TOKEN)
            give_up(house, first)
            house.settle()
            assert OTHER.join(house, nick, room="ops").codes == code, (nick, give_up)


def test_a_whisper_goes_to_who_has_the_name_when_it_comes(house: House) -> None:
    """Somebody else may have an unbound name by then; a bound one waits for its owner."""
    ana = house.join("Ana")
    for owner in (None, OWNER):
        nick = "bound" if owner else "unbound"
        first = owner.join(house, nick) if owner else house.join(nick, TOKEN)
        first.lose()
        house.settle()
        house.join(nick, "b" * 32)
        ana.take()
        ana.say(p.Whisper(nick, "psst", id=nick))
        house.settle()
        assert ana.codes == (["no_such_nick"] if owner else [])


def test_the_dialects_of_people_do_not_get_a_name_of_another_room(house: House) -> None:
    """A text client is asked again, one of the first version gets the next name."""
    house.join("nadia", TOKEN, room="ops")
    assert b"somebody else uses the nickname nadia" in house.text("nadia").wire
    classic = house.classic("nadia")
    assert classic.member is not None
    assert classic.member.nick == "nadia_2"


def test_a_poster_is_heard_until_somebody_has_a_name_that_it_looks_like(house: House) -> None:
    """What is said under a name is judged when it is said, whatever the room."""
    poster = house.join(CYRILLIC, mode="post")
    poster.say(p.Say("it works", id="1"))
    house.settle()
    assert len(only(p.Ack, poster.take())) == 1
    nadia = OWNER.join(house, "nadia", room="ops")
    assert nadia.welcome is not None
    for _ in range(2):
        poster.say(p.Say("give me your password"), p.Whisper("nadia", "psst"))
        house.settle()
        assert poster.codes == ["nick_taken"] * 2
        poster.take()
        nadia.lose()
        house.settle()  # gone, and the name is still bound


def test_an_order_is_given_under_a_name_that_is_still_ones_own(house: House) -> None:
    """The room is told who gave it."""
    house.hub.rules.configured = frozenset({OTHER.fingerprint})
    poster = OTHER.join(house, "nadia", mode="post")
    OWNER.join(house, "nadia")
    poster.say(p.Admin(verb="topic", text="mine now"))
    house.settle()
    assert poster.codes == ["nick_taken"]
    assert house.hub.rules.room("lobby").topic == ""


def test_one_who_makes_a_key_later_is_not_shut_out_of_his_own_name(house: House, journal: KeepingJournal) -> None:
    """By token first: the key is let in beside it, and the name is bound once the token's place is his, too."""
    lobby = house.join("nadia", TOKEN)
    ops = OWNER.join(house, "nadia", token=TOKEN, room="ops")
    welcome = ops.welcome
    assert welcome is not None
    assert (welcome.claimed, journal.kept) == (False, {})
    [notice] = only(p.Notice, ops.frames)
    assert notice.text == "nadia is not bound to your key: you are in lobby under it without the key"
    again = OWNER.join(house, "nadia", token=TOKEN)
    assert is_here(again)
    assert not is_here(lobby)
    assert is_here(ops)
    assert list(journal.kept) == [("claim", "nadia")]


def test_a_place_that_was_proved_with_a_key_is_not_its_tokens() -> None:
    """The token is in the first hello, where whoever stands in the server's place reads it."""
    house = House(admission=Admission("test", ["ops"]))  # names are not bound
    nadia = OWNER.join(house, "nadia", token=TOKEN)
    for room in ("lobby", "ops"):
        assert house.join("nadia", TOKEN, room=room).codes == ["nick_taken"]
    assert is_here(nadia)

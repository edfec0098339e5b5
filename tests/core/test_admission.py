"""admission.py: who may come in, into which room, under which name."""

import pytest

from chatctl.core.admission import MAX_OPEN_ROOMS, Admission, Owner, owner_of
from chatctl.core.dialects import CLASSIC, JSON, TEXT, Dialect
from chatctl.core.name_claims import NameClaim, NameClaims
from chatctl.core.roster import Roster
from chatctl.errors import NickInvalid, NickTaken, RoomInvalid
from chatctl.protocol import Hello, Mode

MINE, OTHER = owner_of("a" * 32), owner_of("b" * 32)


def roster_of(**tokens: bytes | None) -> Roster[None]:
    roster: Roster[None] = Roster()
    for nick, token in tokens.items():
        roster.add(nick, token, None, 0)
    return roster


def nick(
    asked: str, roster: Roster[None], token: bytes | None = None, dialect: Dialect = JSON, mode: Mode = "join"
) -> str:
    return Admission("s").nick(Hello(v=1, nick=asked, mode=mode), dialect, Owner(token), roster)


def test_the_server_keeps_a_hash_and_not_the_secret() -> None:
    assert MINE is not None
    assert b"aaaa" not in MINE
    assert owner_of("a" * 32) == MINE != OTHER
    assert owner_of(None) is None


def test_the_lobby_and_the_rooms_named_are_open() -> None:
    admission = Admission("s", ["ops"])
    assert admission.room("lobby", []) == "lobby"
    assert admission.room("ops", []) == "ops"
    with pytest.raises(RoomInvalid, match="lobby, ops"):
        admission.room("builds", [])


def test_guests_open_rooms_only_where_they_may_and_only_so_many() -> None:
    admission = Admission("s", open_rooms=True)
    assert admission.room("builds", []) == "builds"
    many = ["lobby", *(f"r{i}" for i in range(MAX_OPEN_ROOMS))]
    assert admission.room("r5", many) == "r5"
    with pytest.raises(RoomInvalid):
        admission.room("one-more", many)


@pytest.mark.parametrize("room", ["", "Ops", "a b", "\x1b[2J", "x" * 33])
def test_a_room_that_cannot_be_one_is_refused_even_where_guests_open_rooms(room: str) -> None:
    with pytest.raises(RoomInvalid):
        Admission("s", open_rooms=True).room(room, [])
    with pytest.raises(RoomInvalid):
        Admission("s", [room])


def test_a_free_name_is_given_as_it_will_be_shown() -> None:
    assert nick("Zoe\u0308", roster_of()) == "Zoë"


@pytest.mark.parametrize("asked", ["", " ", "\x1b", "\u202e", "a b", "Rajat："])
@pytest.mark.parametrize("mode", ["join", "post"])
def test_a_name_that_cannot_be_one_is_refused(asked: str, mode: Mode) -> None:
    with pytest.raises(NickInvalid):
        nick(asked, roster_of(), mode=mode)


@pytest.mark.parametrize(
    ("holder", "asker", "granted"),
    [(MINE, MINE, True), (MINE, OTHER, False), (MINE, None, False), (None, MINE, False), (None, None, False)],
)
@pytest.mark.parametrize("mode", ["join", "post"])
def test_a_held_name_is_given_to_the_same_token_alone(
    holder: bytes | None, asker: bytes | None, granted: bool, mode: Mode
) -> None:
    roster = roster_of(Rajat=holder)
    if granted:
        assert nick("rajat", roster, asker, mode=mode) == "rajat"
    else:
        with pytest.raises(NickTaken, match="Rajat"):
            nick("rajat", roster, asker, mode=mode)


def test_a_member_may_not_take_another_members_name_even_with_the_same_token() -> None:
    """A rename is no takeover: both are here."""
    roster = roster_of(a=MINE, b=MINE)
    own = roster.find("a")
    admission = Admission("s")
    assert admission.free("A", Owner(MINE), roster, own) == "A"
    with pytest.raises(NickTaken):
        admission.free("b", Owner(MINE), roster, own)


def test_those_who_only_watch_need_no_name() -> None:
    for mode in ("watch", "probe"):
        assert nick("", roster_of(), mode=mode) == ""
        assert nick("Rajat", roster_of(Rajat=MINE), mode=mode) == "Rajat"
        with pytest.raises(NickInvalid):
            nick("\x1b", roster_of(), mode=mode)


def test_a_classic_client_gets_the_next_free_name() -> None:
    assert nick("Rajat", roster_of(Rajat=None, rajat_2=None), dialect=CLASSIC) == "Rajat_3"
    with pytest.raises(NickTaken):
        nick("Rajat", roster_of(Rajat=None), dialect=TEXT)


@pytest.mark.parametrize(("most", "given"), [(8, "Maximi_2"), (5, "Max_2"), (3, "M_2"), (2, "M2"), (1, "2")])
def test_a_classic_client_gets_a_name_within_the_limit_of_the_server(most: int, given: str) -> None:
    admission = Admission("s")
    admission.max_nick = most
    roster = roster_of(**{"Maximilian"[:most]: None})
    assert admission.nick(Hello(v=1, nick="Maximilian"), CLASSIC, Owner(), roster) == given


# --- names that are bound to a key


def bound(**keys: str) -> Admission:
    claims = NameClaims()
    for name, key in keys.items():
        claims.add(NameClaim(name, key, 1.0))
    return Admission("s", claims=claims)


def test_a_bound_name_is_its_keys_alone() -> None:
    """Neither the token of whoever holds it nor another key will do."""
    admission, roster = bound(Rajat="k1"), roster_of(rajat=MINE)
    assert admission.free("RAJAT", Owner(key="k1"), roster) == "RAJAT"
    for owner in (Owner(), Owner(MINE), Owner(MINE, "k2")):
        with pytest.raises(NickTaken, match="Rajat is bound to a key"):
            admission.free("rajat", owner, roster_of())


def test_a_bound_name_can_not_be_taken_by_renaming() -> None:
    admission, roster = bound(Rajat="k1"), roster_of(a=MINE)
    with pytest.raises(NickTaken):
        admission.free("Rajat", Owner(MINE), roster, roster.find("a"))
    assert admission.free("Rajat", Owner(MINE, "k1"), roster, roster.find("a")) == "Rajat"


@pytest.mark.parametrize("alike", ["rаjat", "Raϳat"])
def test_what_looks_like_a_bound_name_is_refused_whoever_is_here(alike: str) -> None:
    with pytest.raises(NickTaken, match="looks like Rajat"):
        bound(Rajat="k1").free(alike, Owner(MINE, "k2"), roster_of())
    assert bound(Rajat="k1").free(alike, Owner(key="k1"), roster_of()) == alike


def test_what_looks_like_a_member_is_refused_while_that_one_is_here() -> None:
    roster = roster_of(dbl=MINE)
    with pytest.raises(NickTaken, match="looks like dbl"):
        nick("db1", roster, OTHER)
    assert nick("db1", roster, MINE) == "db1"
    member = roster.find("dbl")
    assert member is not None
    assert Admission("s").free("db1", Owner(), roster, member) == "db1"
    roster.unlist(member)
    assert nick("db1", roster, OTHER) == "db1"


def test_a_classic_client_is_bent_away_from_what_is_bound_or_looks_like_it() -> None:
    hello = Hello(v=1, nick="Rajat")
    assert bound(rajat="k1").nick(hello, CLASSIC, Owner(), roster_of()) == "Rajat_2"
    hello = Hello(v=1, nick="db1")
    assert bound().nick(hello, CLASSIC, Owner(), roster_of(dbl=None)) == "db1_2"

"""hub/name_binding.py: claims are committed, used and dropped."""

from __future__ import annotations

import msgspec
import pytest

from chatctl import protocol as p
from chatctl.core.admission import Admission
from chatctl.core.name_claims import MAX_PER_HOUR, UNUSED_SECONDS, USE_SECONDS, NameClaim, NameClaims, fact
from chatctl.hub import name_binding
from tests.hub.conftest import OF_ONE
from tests.support.fakes import FakePeer, House, KeepingJournal, only
from tests.support.key_holders import OTHER, OWNER, Person
from tests.support.two_servers import TwoServers, directory_of

TOKEN = "a" * 32
RAJAT = ("claim", "rajat")


def claimed(peer: FakePeer) -> bool:
    return only(p.Welcome, peer.frames)[0].claimed


def stored(journal: KeepingJournal) -> NameClaim:
    return msgspec.json.decode(journal.kept[RAJAT] or "", type=NameClaim)


@OF_ONE
def test_an_owner_who_goes_before_the_commit_leaves_nobody_without_the_key(
    house: House, journal: KeepingJournal
) -> None:
    """His older connection would keep a bound name, and get what is whispered to it."""
    older = house.join("Rajat", TOKEN)
    journal.at_once = False
    newer = OWNER.join(house, "Rajat", token=TOKEN)
    newer.lose()
    assert older.leaving is None
    journal.commit()
    house.settle()
    assert older.closed
    assert only(p.Bye, older.frames)[0].final
    assert list(house.hub.names.here.alike("Rajat")) == []


@OF_ONE
def test_a_name_that_was_set_free_before_its_commit_is_not_its_binders(house: House, journal: KeepingJournal) -> None:
    """Whoever came in meanwhile stays, and what they bound holds."""
    journal.at_once = False
    first = OWNER.join(house, "Rajat")
    claims = house.hub.names.claims
    [claim] = claims
    claims.drop(claim)
    second = OTHER.join(house, "Rajat")
    journal.fail()
    house.settle()
    assert [one.key for one in claims] == [OTHER.fingerprint]
    journal.commit()
    house.settle()
    assert claimed(second)
    assert only(p.Error, first.frames)[0].code == "nick_taken"


@OF_ONE
def test_an_address_binds_only_so_many_names_and_who_comes_then_is_told(house: House) -> None:
    """This machine's own count as one address."""
    for _ in range(MAX_PER_HOUR):
        house.hub.names.claims.count("192.0.2.7", house.now)
    rajat = OWNER.join(house, "Rajat")
    assert not claimed(rajat)
    assert "60 names were bound within an hour" in only(p.Notice, rajat.frames)[0].text
    assert "warning: not bound nick=Rajat" in house.logged.getvalue()
    house.now += 3601
    assert claimed(OWNER.join(house, "Rajat"))


@OF_ONE
def test_each_binding_counts_for_its_address(house: House) -> None:
    OWNER.join(house, "Rajat")
    assert house.hub.names.claims._hours == {"192.0.2.7": [house.now, 1]}


@OF_ONE
def test_the_operator_is_warned_when_few_names_can_be_bound_still(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_binding, "MAX_CLAIMS", 100)
    for number in range(89):
        house.hub.names.claims.add(NameClaim(f"n{number}", f"k{number}", 1.0))
    OWNER.join(house, "Rajat")
    assert "warning: nearly as many names are bound as can be bound=90 most=100" in house.logged.getvalue()


def test_a_use_is_kept_once_a_day(house: House, journal: KeepingJournal) -> None:
    OWNER.join(house, "Rajat")
    assert stored(journal).used == stored(journal).since == house.now
    journal.kept.clear()
    house.now += USE_SECONDS - 1
    OWNER.join(house, "Rajat")
    assert journal.kept == {}
    house.now += 1
    OWNER.join(house, "Rajat", mode="post")
    assert stored(journal).used == house.now


def test_a_claim_from_before_uses_were_counted_does_not_expire(journal: KeepingJournal) -> None:
    kept = {RAJAT: fact(NameClaim("Rajat", OWNER.fingerprint, 1.0))}
    house = House(journal=journal, admission=Admission("test", claims=NameClaims(kept)))
    house.now = 10 * UNUSED_SECONDS
    house.join("Ana")
    assert len(house.hub.names.claims) == 1
    OWNER.join(house, "Rajat")
    assert stored(journal).used == house.now


def test_a_name_that_was_never_used_again_is_free_after_a_while(house: House, journal: KeepingJournal) -> None:
    OWNER.join(house, "Rajat").lose()
    house.settle()
    house.now += UNUSED_SECONDS - 1
    assert only(p.Error, house.join("Rajat").frames)[0].code == "nick_taken"
    house.now += 1
    assert claimed(OTHER.join(house, "Rajat"))
    assert stored(journal).key == OTHER.fingerprint
    assert "never used again" in house.logged.getvalue()


def test_a_name_does_not_expire_while_its_owner_is_here(house: House, journal: KeepingJournal) -> None:
    """A bot joins once and stays for months."""
    OWNER.join(house, "Rajat")
    house.now += UNUSED_SECONDS
    house.join("Ana")
    assert stored(journal).used == house.now


def test_a_name_that_was_used_again_does_not_expire(house: House) -> None:
    OWNER.join(house, "Rajat").lose()
    house.now += USE_SECONDS
    OWNER.join(house, "Rajat").lose()
    house.now += 10 * UNUSED_SECONDS
    house.join("Ana")
    assert len(house.hub.names.claims) == 1


def test_many_people_of_one_address_bind_their_names(house: House) -> None:
    """An office comes in on a Monday."""
    for number in range(20):
        assert claimed(Person(number + 10).join(house, f"n{number}"))


def test_a_name_that_is_set_free_while_another_server_binds_one_is_free_at_both(servers: TwoServers) -> None:
    """The engine refuses the change, since names that look alike have one owner; it is made again."""
    OWNER.join(servers.one, "nadia").lose()
    servers.settle()
    directory_of(servers.two).stopped = True
    OTHER.join(servers.one, "zoe")
    servers.settle()
    servers.two.now += UNUSED_SECONDS + 1
    servers.two.peer(p.Hello(v=1, mode="watch"))
    servers.settle()
    directory_of(servers.two).stopped = False
    directory_of(servers.two).read()
    servers.settle()
    assert [[claim.nick for claim in house.hub.names.claims] for house in servers.houses] == [["zoe"], ["zoe"]]
    assert servers.engine.facts["claim", "nadia"] is None

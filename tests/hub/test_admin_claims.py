"""hub/admin_claims.py: which bound names an order means, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from chatctl import protocol as p
from chatctl.core.admission import Admission
from chatctl.core.limits import ServerLimits
from chatctl.core.name_claims import NameClaim, NameClaims, fact
from chatctl.errors import ChatError, Forbidden, StorageFailed
from tests.hub.conftest import OF_ONE
from tests.support.fakes import House, KeepingJournal, order
from tests.support.kept_log import KeptLog
from tests.support.key_holders import OTHER, OWNER

HOUR, DAY = 3600.0, 86_400.0
NOW = 100 * DAY
CYRILLIC = "nаdia"

CLAIMS = [
    NameClaim("nadia", OWNER.fingerprint, 1.0, NOW - DAY),
    NameClaim(CYRILLIC, OTHER.fingerprint, 2.0),  # bound by a server that did not look at look-alikes, nor count uses
    NameClaim("omar", "k3", 3.0, 3.0),
    NameClaim("bot", "k4", NOW - HOUR, NOW - HOUR),
    NameClaim("robot", "k4", NOW - HOUR, NOW - HOUR),
    NameClaim("Old\u1039", "k5", 4.0),  # nobody may be called so today
]
ALL = [claim.nick for claim in CLAIMS]


@pytest.fixture
def journal() -> KeepingJournal:
    journal = KeepingJournal()
    journal.kept.update({NameClaims().fact_key(claim): fact(claim) for claim in CLAIMS})
    return journal


@pytest.fixture
def house(house: House) -> House:
    house.now = NOW
    return house


def rows(outcome: p.Done | ChatError) -> list[dict[str, Any]]:
    assert isinstance(outcome, p.Done), outcome
    return outcome.rows


def left(house: House, journal: KeepingJournal) -> set[str]:
    """Return the names that are bound, in memory and in the journal."""
    bound = {claim.nick for claim in house.hub.names.claims}
    again = NameClaims({key: value for key, value in journal.kept.items() if value is not None})
    assert bound == {claim.nick for claim in again}
    return bound


def test_a_start_drops_no_claim(house: House, journal: KeepingJournal) -> None:
    """Whatever is wrong with it: that is for the operator to say."""
    assert left(house, journal) == set(ALL)
    assert {row["nick"] for row in rows(order(house, "console", "claims", ""))} == set(ALL)


@OF_ONE
def test_claims_that_may_have_the_wrong_owner_are_listed_with_the_reason(house: House) -> None:
    """Somebody may have bound a name that another one had been heard under."""
    listed = rows(order(house, "console", "claims", "", suspect=True))
    assert {row["nick"]: row["why"] for row in listed} == {
        CYRILLIC: "looks like nadia, which was bound before",
        "Old\u1039": "it is not a valid nickname any more",
    }
    poster = house.join("Zoe", mode="post")
    poster.say(p.Say("here I am"))
    house.settle()
    poster.lose()
    house.now += HOUR
    OTHER.join(house, "zoe")
    listed = rows(order(house, "operator", "claims", "", suspect=True))
    assert {"zoe": "someone used it before it was bound"}.items() <= {row["nick"]: row["why"] for row in listed}.items()


@OF_ONE
@pytest.mark.parametrize("is_open", [False, True])
def test_what_was_said_at_another_server_or_before_a_restart_counts(is_open: bool) -> None:
    """This server has nothing of it in memory: it did not have the room open."""
    bound = [NameClaim(nick, OTHER.fingerprint, 100.0, 100.0) for nick in ("Rajat", "zoe")]
    claims = NameClaims({NameClaims().fact_key(claim): fact(claim) for claim in bound})
    journal = KeptLog(["hello", "hi"])
    house = House(ServerLimits(rate=0, page=2), journal=journal, admission=Admission("test", claims=claims))
    if is_open:
        house.join("nadia", "1" * 32).say(p.Say("hello"))
        house.settle()
    listed = rows(order(house, "console", "claims", "", suspect=True))
    assert {row["nick"]: row["why"] for row in listed} == {"Rajat": "someone used it before it was bound"}
    assert journal.reads == 1
    journal.broken = StorageFailed("the disk is gone")
    assert isinstance(order(house, "console", "claims", "", suspect=True), StorageFailed)
    house.join("omar", "2" * 32).say(*[p.Say("hello")] * 2)
    house.settle()
    assert rows(order(house, "console", "claims", "", suspect=True)) == [], "a page of each room has no more than that"


def test_suspects_of_the_last_hours_are_listed_alone(house: House) -> None:
    assert rows(order(house, "console", "claims", "", suspect=True, newer=2 * HOUR)) == []


@pytest.mark.parametrize(
    ("target", "more", "goes"),
    [
        ("NADIA", {}, {"nadia"}),
        ("name:nadia", {}, {"nadia"}),
        (CYRILLIC, {}, {CYRILLIC}),
        ("", {"newer": 2 * HOUR}, {"bot", "robot"}),
        ("", {"unused": 60 * DAY}, {"omar"}),
        ("bot", {"newer": 2 * HOUR}, {"bot"}),
        ("nadia", {"newer": 2 * HOUR}, set()),
        ("", {"newer": 2 * HOUR, "unused": DAY}, set()),
        (OTHER.fingerprint, {}, {CYRILLIC}),
    ],
)
def test_those_that_are_chosen_are_set_free_and_no_others(
    house: House, journal: KeepingJournal, target: str, more: dict[str, float], goes: set[str]
) -> None:
    """Options and target together choose what all of them say."""
    if not target:
        assert {row["nick"] for row in rows(order(house, "console", "claims", "", **more))} == goes
    assert isinstance(order(house, "console", "unclaim", target, **more), p.Done)
    assert left(house, journal) == set(ALL) - goes


@pytest.mark.parametrize("nick", ["Old\u1039", "old\u1039"])
def test_a_name_that_nobody_could_have_today_can_be_set_free(house: House, journal: KeepingJournal, nick: str) -> None:
    assert isinstance(order(house, "console", "unclaim", nick), p.Done)
    assert left(house, journal) == set(ALL) - {"Old\u1039"}


@pytest.mark.parametrize("target", ["", "ana", "k9", "SHA256:nobody"])
def test_who_says_nothing_that_is_bound_is_told(house: House, journal: KeepingJournal, target: str) -> None:
    """Above all: without a target or an option nothing goes."""
    assert isinstance(order(house, "console", "unclaim", target), Forbidden)
    assert left(house, journal) == set(ALL)


def test_one_whose_owner_is_here_is_not_unused(house: House, journal: KeepingJournal) -> None:
    """A bot joined once, half a year ago; it posts under its other name."""
    OWNER.join(house, "nadia")
    house.now += 200 * DAY
    order(house, "console", "unclaim", "", unused=90 * DAY)
    assert left(house, journal) == {"nadia", CYRILLIC, "Old\u1039"}


def test_the_operator_is_told_that_its_owner_will_bind_it_again(house: House) -> None:
    OWNER.join(house, "nadia")
    done = order(house, "console", "unclaim", "nadia")
    assert isinstance(done, p.Done)
    assert done.text == (
        "nadia is no longer bound to a key; who is here with its key binds it again on coming back: ban the key"
    )
    again = order(house, "console", "unclaim", "", newer=2 * HOUR)
    assert isinstance(again, p.Done)
    assert again.text == "2 names are no longer bound to a key"
    none = order(house, "console", "unclaim", "", newer=2 * HOUR)
    assert isinstance(none, p.Done)
    assert none.text == "0 names are no longer bound to a key"

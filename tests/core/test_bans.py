"""Bans and mutes as values: whom one hits, for how long, and what it says."""

from __future__ import annotations

import pytest

from chatctl.core.bans import Person, Sanction, Sanctions

BAN = Sanction(
    "ban", 0.0, name="Rajat", key="SHA256:k", token="ab" * 32, network="192.0.2.0/24", reason="spam", by="nadia"
)


def sanctions(*some: Sanction) -> Sanctions:
    found = Sanctions()
    for one in some:
        found.add(one)
    return found


@pytest.mark.parametrize(
    ("person", "hit"),
    [
        (Person(name="rajat"), True),
        (Person(name="Rаjаt"), True),  # Cyrillic а
        (Person(name="nadia"), False),
        (Person(key="SHA256:k"), True),
        (Person(key="SHA256:other"), False),
        (Person(token=b"\xab" * 32), True),
        (Person(token=b"\xac" * 32), False),
        (Person(host="192.0.2.200"), True),
        (Person(host="::ffff:192.0.2.200"), True),
        (Person(host="192.0.3.1"), False),
        (Person(name="nadia", key="SHA256:other", host="192.0.2.1"), True),
        (Person(), False),
    ],
)
def test_any_of_its_marks_is_enough(person: Person, hit: bool) -> None:
    assert (sanctions(BAN).find(person, 0.0) is BAN) is hit
    assert sanctions().find(person, 0.0) is None


def test_one_that_is_over_hits_nobody_and_another_one_still_does() -> None:
    short = Sanction("mute", 0.0, until=10.0, name="Rajat")
    long = Sanction("mute", 0.0, key="SHA256:k")
    both = sanctions(short, long)
    rajat = Person(name="Rajat", key="SHA256:k")
    assert (both.find(rajat, 9.9), both.find(rajat, 10.0)) == (short, long)
    assert not short.is_active(10.0)
    assert Sanction("ban", 0.0, name="x").is_active(1e12)


def test_one_on_a_name_that_nobody_could_have_today_is_kept_and_can_be_lifted() -> None:
    """The rules of names have become stricter: a server starts with it, and its operator sees it."""
    old = Sanction("ban", 0.0, name="Old\u1039", key="SHA256:k")
    kept = sanctions(old)
    assert kept.find(Person(name="new", key="SHA256:k"), 0.0) is old
    assert kept.on_target("old\u1039", None, None) == [old]
    kept.drop(old.ident)
    assert len(kept) == 0


def test_of_one_target_the_later_one_counts() -> None:
    """And nothing of the earlier one is left."""
    again = Sanction("ban", 5.0, name="RAJAT")
    both = sanctions(BAN, again)
    assert list(both) == [again]
    assert both.find(Person(key="SHA256:k"), 0.0) is None
    assert both.find(Person(host="192.0.2.1"), 0.0) is None


def test_what_is_dropped_is_gone_though_another_one_has_the_same_mark() -> None:
    other = Sanction("ban", 0.0, name="Bea", network="192.0.2.0/24")
    both = sanctions(BAN, other)
    both.drop(BAN.ident)
    both.drop("nobody")
    assert len(both) == 1
    assert both.find(Person(host="192.0.2.1"), 0.0) is other
    both.drop(other.ident)
    assert both.find(Person(host="192.0.2.1"), 0.0) is None
    assert not both._networks, "else each newcomer's address would be looked up for ever"


@pytest.mark.parametrize(
    ("name", "key", "network", "found"),
    [
        ("RAJAT", None, None, 1),
        ("rаjat", None, None, 0),
        (None, "SHA256:k", None, 1),
        (None, None, "192.0.2.0/24", 1),
        (None, None, "192.0.2.0/25", 0),
        (None, None, None, 0),
        ("", None, None, 0),
    ],
)
def test_to_lift_it_takes_exactly_its_target(
    name: str | None, key: str | None, network: str | None, found: int
) -> None:
    """A look-alike is hit by a ban, and is not its target."""
    assert len(sanctions(BAN).on_target(name, key, network)) == found


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (Sanction("ban", 0.0), ""),
        (Sanction("ban", 0.0, reason="spam"), ": spam"),
        (Sanction("ban", 0.0, until=160.0), " for another 1m"),
        (Sanction("ban", 0.0, until=160.0, reason="spam"), " for another 1m: spam"),
    ],
)
def test_what_the_one_who_is_hit_is_told(one: Sanction, shown: str) -> None:
    assert one.details(100.0) == shown


@pytest.mark.parametrize(
    ("one", "ident"),
    [
        (BAN, "rajat"),
        (Sanction("ban", 0.0, key="SHA256:k", network="192.0.2.0/24"), "SHA256:k"),
        (Sanction("ban", 0.0, network="192.0.2.0/24"), "192.0.2.0/24"),
    ],
)
def test_what_it_is_stored_under(one: Sanction, ident: str) -> None:
    assert one.ident == ident


def test_its_terms_are_those_of_its_start_whenever_it_is_told() -> None:
    assert Sanction("ban", 100.0, until=7300.0, reason="spam").terms == " for 2h: spam"
    assert Sanction("ban", 100.0).terms == ""

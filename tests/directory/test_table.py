"""directory/table.py: a place is given if nothing changed that was looked at."""

from chatctl.core.confusables import skeletons
from chatctl.directory import Place, Wish
from chatctl.directory.table import Table


def wish(nick: str, *seen: Place, place: Place | None = None) -> Wish:
    return Wish(nick, nick.lower(), skeletons(nick), frozenset(seen), "lobby", place)


def test_a_name_that_nobody_was_seen_to_have_is_given_once() -> None:
    table = Table()
    assert table.fits(wish("nadia"))
    nadia = table.give(wish("nadia"), "one")
    assert nadia.server == "one"
    assert not table.fits(wish("nadia"))
    assert not table.fits(wish("nаdia"))
    assert table.fits(wish("nаdia", nadia))
    assert table.fits(wish("omar"))


def test_who_was_seen_and_went_has_changed_it_too() -> None:
    table = Table()
    nadia = table.give(wish("nadia"), "one")
    assert table.free(nadia)
    assert not table.free(nadia)
    assert nadia not in table
    assert not table.fits(wish("nadia", nadia))
    assert table.fits(wish("nadia"))


def test_a_place_is_renamed_once() -> None:
    table = Table()
    nadia = table.give(wish("nadia"), "one")
    asked = wish("omar", place=nadia)
    assert table.fits(asked)
    omar = table.give(asked, "two")
    assert nadia not in table
    assert omar in table
    assert omar.server == "two"
    assert not table.fits(asked)
    assert table.fits(wish("nadia"))


def test_two_that_look_alike_are_freed_apart() -> None:
    table = Table()
    first = table.give(wish("dbl"), "one")
    second = table.give(wish("db1", first), "one")
    assert table.fits(wish("dbl", first, second))
    table.free(first)
    assert table.fits(wish("dbl", second))

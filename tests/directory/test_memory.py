"""directory/memory.py: the directory of one server, which answers in the same call."""

from __future__ import annotations

import pytest

from chatctl.core.confusables import skeletons
from chatctl.directory import Changed, Given, Place, Verdict, Whispering, Wish
from chatctl.directory.memory import MemoryDirectory
from chatctl.errors import StorageFailed
from tests.support.fakes import KeepingJournal

FACT = ("claim", "nadia")


def wish(nick: str, *seen: Place, room: str = "lobby", **more: object) -> Wish:
    return Wish(nick, nick, skeletons(nick), frozenset(seen), room, **more)  # type: ignore[arg-type]


@pytest.fixture
def journal() -> KeepingJournal:
    return KeepingJournal()


@pytest.fixture
def directory(journal: KeepingJournal) -> MemoryDirectory:
    return MemoryDirectory(journal)


def ask(directory: MemoryDirectory, *wishes: Wish) -> list[Verdict]:
    answers: list[Verdict] = []
    directory.claim(wishes, answers.extend)
    return answers


def test_each_wish_is_judged_by_itself(directory: MemoryDirectory) -> None:
    given, changed, other = ask(directory, wish("nadia"), wish("nadia"), wish("omar"))
    assert isinstance(given, Given)
    assert isinstance(changed, Changed)
    assert isinstance(other, Given)
    assert given.place != other.place


def test_a_released_name_is_free(directory: MemoryDirectory) -> None:
    [given] = ask(directory, wish("nadia"))
    assert isinstance(given, Given)
    assert given.place is not None
    directory.release([given.place, given.place], 0)
    assert isinstance(ask(directory, wish("nadia"))[0], Given)


def test_a_name_is_bound_once_the_journal_has_it_and_nobody_waits_for_that(
    directory: MemoryDirectory, journal: KeepingJournal
) -> None:
    journal.at_once = False
    bound = list[Verdict]()
    directory.claim([wish("nadia", room="", facts={FACT: "K"})], bound.extend)
    assert isinstance(ask(directory, wish("omar"))[0], Given)
    assert bound == []
    journal.commit()
    assert bound == [Given(None)]
    assert journal.kept == {FACT: "K"}


def test_a_name_is_not_bound_if_the_disk_is_full_or_somebody_has_come(
    directory: MemoryDirectory, journal: KeepingJournal
) -> None:
    journal.at_once = False
    bound = list[Verdict]()
    directory.claim([wish("nadia", room="", facts={FACT: "K"})], bound.extend)
    journal.fail()
    assert isinstance(bound[0], StorageFailed)
    ask(directory, wish("nadia"))
    assert ask(directory, wish("nadia", room="", facts={FACT: "K"})) == [Changed()]
    assert journal.kept == {}


def test_an_errand_is_done_in_the_same_call(directory: MemoryDirectory) -> None:
    place, errand, outcomes = Place("this", 1), Whispering("nadia", "psst", 1.0), list[str]()
    directory.send(place, errand, outcomes.append)
    done = []
    directory.on_errand(lambda to, what: done.append((to, what)) or "done")  # type: ignore[func-returns-value]
    directory.send(place, errand, outcomes.append)
    assert outcomes == ["absent", "done"]
    assert done == [(place, errand)]


def test_there_is_no_other_server(directory: MemoryDirectory) -> None:
    reached = list[int | None]()
    directory.reach("lobby", reached.append)
    assert reached == [0], "there is nothing to wait for"
    assert list(directory.follow(lambda _: None)) == []
    assert directory.watchers("lobby") == 0

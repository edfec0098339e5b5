"""recent_authors.py: whose an entry is, and what a holder of a question learns of it."""

from chatctl.core.name_ownership import Owner
from chatctl.core.recent_authors import MAX_ENTRIES, MAX_ROOMS, RecentAuthors, opaque_marks

ANA = Owner(b"\x01" * 32, "SHA256:ana")


def test_the_oldest_is_forgotten() -> None:
    """Memory is bounded, however much is said while a question is open."""
    authors = RecentAuthors()
    for seq in range(1, MAX_ENTRIES + 2):
        authors.note("lobby", seq, ANA)
    assert authors.find("lobby", 1) is None
    assert authors.find("lobby", 2) == ANA
    assert authors.find("ops", 2) is None
    for number in range(MAX_ROOMS - 1):
        authors.note(f"room{number}", 1, ANA)
    assert authors.find("lobby", 2) == ANA
    authors.note("another", 1, ANA)
    assert authors.find("lobby", 2) is None
    assert authors.find("another", 1) == ANA


def test_a_room_without_questions_is_forgotten() -> None:
    authors = RecentAuthors()
    authors.note("lobby", 2, ANA)
    authors.forget("lobby")
    assert authors.find("lobby", 2) is None


def test_marks_are_shared_by_one_owner_and_mean_nothing_elsewhere() -> None:
    """A laptop and a phone have one key; the asker of another question can't tell that it is the same person."""
    phone = Owner(b"\x02" * 32, "SHA256:ana")
    assert set(opaque_marks(ANA, "q")) & set(opaque_marks(phone, "q"))
    assert not set(opaque_marks(ANA, "q")) & set(opaque_marks(ANA, "another"))
    assert not any("ana" in mark or "01" * 8 in mark for mark in opaque_marks(ANA, "q"))
    assert opaque_marks(Owner(), "q") == []

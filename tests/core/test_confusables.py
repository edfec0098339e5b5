"""What looks alike has a skeleton in common, whatever it is written with."""

from __future__ import annotations

import string

import pytest
from hypothesis import given

from chatctl.core.confusables import _once, _prototypes, skeletons
from chatctl.errors import NickInvalid
from tests.support.strategies import ascii_nicks


@pytest.mark.parametrize(
    "other",
    [
        "rajat",
        "RAJAT",
        "rаjаt",  # Cyrillic а
        "ｒａｊａｔ",
        "Rajаt",
        "raϳat",  # Greek yot
    ],
)
def test_look_alikes_have_a_skeleton_in_common(other: str) -> None:
    """A person on the other side of a screen can't tell them apart."""
    assert skeletons(other) & skeletons("Rajat")


@pytest.mark.parametrize(
    ("one", "other"), [("db1", "dbl"), ("db1", "dbI"), ("r00t", "rOOt"), ("modern", "rnodern"), ("сосо", "coco")]
)
def test_what_ascii_confuses_is_known_too(one: str, other: str) -> None:
    assert skeletons(one) & skeletons(other)


@pytest.mark.parametrize(("one", "other"), [("rajat", "rajit"), ("db1", "db2"), ("zoë", "zoe"), ("a_b", "a-b")])
def test_names_that_differ_to_the_eye_stay_apart(one: str, other: str) -> None:
    """Or nobody could be called after a colleague's server."""
    assert not skeletons(one) & skeletons(other)


def test_ten_thousand_numbered_names_stay_apart() -> None:
    """A lab's machines are called so."""
    names = [f"{prefix}{number}" for prefix in ("m", "node-", "ci_") for number in range(10_000)]
    assert len({skeletons(name) for name in names}) == len(names)


@given(ascii_nicks)
def test_a_name_and_its_other_case_look_alike(nick: str) -> None:
    assert skeletons(nick.upper()) & skeletons(nick)


def test_no_character_is_mapped_in_a_circle() -> None:
    """It is mapped until nothing changes: one that never settles would hang the server."""
    for point in _prototypes():
        looks = chr(point)
        for _ in range(5):
            looks = _once(looks)
        assert _once(looks) == looks, f"U+{point:04X}"


def test_every_letter_and_digit_has_one() -> None:
    for char in string.ascii_letters + string.digits:
        assert skeletons(f"x{char}")


def test_what_can_not_be_a_name_has_none() -> None:
    with pytest.raises(NickInvalid):
        skeletons("two words")

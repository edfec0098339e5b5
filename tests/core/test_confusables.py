"""What looks alike has a skeleton in common, whatever it is written with."""

from __future__ import annotations

import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from chatctl.core import confusables_table
from chatctl.core.confusables import LookAlikes, _map_once, _mapping, _prototypes, skeletons
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vvarren", "warren"),
        ("VVarren", "Warren"),
        ("κate", "kate"),
        ("кate", "kate"),
        ("क\u094d\u200dष", "क\u094dष"),
        ("5am", "sam"),
        ("8ob", "Bob"),
        ("2oe", "zoe"),
        ("5аm", "sam"),
        ("5528oe", "sszboe"),
        ("ma55imo", "massimo"),
    ],
)
def test_what_is_not_in_the_table_of_unicode_is_added(one: str, other: str) -> None:
    assert skeletons(one) & skeletons(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("rajat", "rajit"),
        ("db1", "db2"),
        ("zoë", "zoe"),
        ("a_b", "a-b"),
        ("anna", "amna"),  # both are what people are called
        ("node5", "nodes"),
        ("node50", "nodes0"),
        ("k8", "kb"),
        ("5_am", "s_am"),
        ("dean", "clean"),
    ],
)
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
    for point in _mapping():
        looks = chr(point)
        for _ in range(5):
            looks = _map_once(looks)
        assert _map_once(looks) == looks, f"U+{point:04X}"


def test_every_letter_and_digit_has_one() -> None:
    for char in string.ascii_letters + string.digits:
        assert skeletons(f"x{char}")


def test_what_can_not_be_a_name_any_more_has_one_too() -> None:
    """Claims and bans are kept for longer than the rules of names."""
    assert skeletons("Old\u1039") & skeletons("old\u1039")
    assert skeletons("two words")


def test_an_index_finds_each_item_once_and_forgets_what_is_removed() -> None:
    """``dbI`` and ``dbl`` share one of two skeletons."""
    index = LookAlikes[str]()
    for nick in ("dbI", "dbl", "omar"):
        index.add(skeletons(nick), nick)
    assert sorted(index.of(skeletons("dbI"))) == ["dbI", "dbl"]
    index.remove(skeletons("dbI"), "dbI")
    assert list(index.of(skeletons("dbI"))) == ["dbl"]
    index.remove(skeletons("dbl"), "dbl")
    index.remove(skeletons("omar"), "omar")
    assert index._items == {}, "nothing is left behind"


def test_the_table_is_what_the_script_makes(tmp_path: Path) -> None:
    """From lines as the Unicode Consortium writes them."""
    source = tmp_path / "confusables.txt"
    rows = [
        f"{point:04X} ;\t{' '.join(f'{ord(char):04X}' for char in looks)} ;\tMA\t# x\n"
        for point, looks in _prototypes().items()
    ]
    no_letter = "2212 ;\t002D ;\tMA\t# neither letter, mark nor number\n"
    source.write_text("".join(["# Version: 13.0.0\n", no_letter, *rows]), encoding="utf-8")
    script = Path(__file__).parents[2] / "contrib" / "confusables.py"
    made = subprocess.run([sys.executable, script, source], capture_output=True, encoding="utf-8", check=True)
    assert made.stdout == Path(confusables_table.__file__).read_text(encoding="utf-8")

"""The table of docs/security.md can't rot: each row names a test, and what shows that it fails without its defence."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest

from tests.support.environment import ROOT
from tests.system.security.defences import MUTATIONS, Mutation
from tests.system.security.mutations import judge, mutate, rows

ROWS = list(rows((ROOT / "docs" / "security.md").read_text(encoding="utf-8")))
NOTICED = next(one for one in MUTATIONS if one.attack == "guessing the password")


def test_each_row_has_a_mutation_and_each_mutation_a_row() -> None:
    assert [(attack, test) for attack, _, test in ROWS] == [(one.attack, one.test) for one in MUTATIONS]
    assert len({one.attack for one in MUTATIONS}) == len(MUTATIONS) > 50
    assert all(stops for _, stops, _ in ROWS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.attack)
def test_the_defence_and_its_test_are_still_there(mutation: Mutation) -> None:
    """The defence is where the table says, once; without it the file is valid Python still."""
    file, mutated = mutate(mutation)
    assert mutated != (ROOT / file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        ast.parse(mutated)
    file, _, name = mutation.test.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"old": "no such text"}, "occurs 0 times"),
        ({"old": "e"}, r"occurs \d+ times"),
        ({"place": NOTICED.place + "_"}, "is defined 0 times"),
        ({"place": NOTICED.place.partition("::")[0] + "::Authenticator.nothing"}, "is defined 0 times"),
    ],
)
def test_a_place_that_is_not_there_once_is_told(changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(LookupError, match=complaint):
        mutate(replace(NOTICED, **changes))


def test_a_test_that_notices_is_told_from_one_that_does_not() -> None:
    assert judge(NOTICED)[0] == "fails"
    harmless = replace(NOTICED, new=f"({NOTICED.old})")
    assert judge(harmless)[0] == "PASSES"

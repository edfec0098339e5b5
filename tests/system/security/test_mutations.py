"""The table of docs/security.md can't rot: each row names a test, and what shows that it fails without its defence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.system.security.mutations import MUTATIONS, Mutation, judge, rows

ROOT = Path(__file__).parent.parent.parent.parent
ROWS = list(rows((ROOT / "docs" / "security.md").read_text(encoding="utf-8")))


def test_each_row_has_a_mutation_and_each_mutation_a_row() -> None:
    assert [(attack, test) for attack, _, test in ROWS] == [(one.attack, one.test) for one in MUTATIONS]
    assert len({one.attack for one in MUTATIONS}) == len(MUTATIONS) > 50
    assert all(stops for _, stops, _ in ROWS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.attack)
def test_the_defence_and_its_test_are_still_there(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert mutation.old != mutation.new
    file, _, name = mutation.test.partition("::")
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_a_test_that_notices_is_told_from_one_that_does_not() -> None:
    noticed = next(one for one in MUTATIONS if "from 2^64" in one.attack)
    assert judge(noticed)[0] == "fails"
    harmless = Mutation("none", noticed.file, "class NetworkSet:", "class NetworkSet:  # as it was", noticed.test)
    assert judge(harmless)[0] == "PASSES"

"""When an operator is answered whose change has to hold at other servers, too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chatctl.errors import Forbidden, StorageFailed
from chatctl.hub.admin_plan import Outcome
from chatctl.hub.spreading import Spreading
from chatctl.protocol import Done

DONE = Done("topic", "it was set", [], "1")


def answered(outcome: Outcome, behind: Sequence[str] | StorageFailed) -> tuple[Outcome, bool]:
    """Return what an operator is told, and whether that was at once."""
    told: list[Outcome] = []

    async def wait() -> Sequence[str]:
        if isinstance(behind, StorageFailed):
            raise behind
        return behind

    async def main() -> bool:
        Spreading(wait).after(told.append)(outcome)
        at_once = bool(told)
        while not told:
            await asyncio.sleep(0)
        return at_once

    at_once = asyncio.run(main())
    [one] = told
    return one, at_once


def test_one_whose_change_is_everywhere_is_told_what_was_done() -> None:
    assert answered(DONE, []) == (DONE, False)


@pytest.mark.parametrize(
    ("behind", "note"),
    [
        (["b:1", "c\x1b:2"], "; not applied yet by b:1, c"),
        (StorageFailed("gone"), "; unknown whether the other servers apply it (gone)"),
    ],
)
def test_else_the_answer_says_so(behind: Sequence[str] | StorageFailed, note: str) -> None:
    told, _ = answered(DONE, behind)
    assert isinstance(told, Done)
    assert told.text.startswith(f"it was set{note}")
    assert "\x1b" not in told.text


def test_an_error_does_not_wait() -> None:
    error = Forbidden("no")
    assert answered(error, []) == (error, True)

"""common/names.py: comparing the names of a server with other rules than ours."""

from __future__ import annotations

import pytest

from chatctl.common.names import fold_any


@pytest.mark.parametrize(
    ("nick", "folded"), [("Rajat", "rajat"), ("Ｒajat", "rajat"), ("Two Words", "two words"), ("", "")]
)
def test_every_name_can_be_folded(nick: str, folded: str) -> None:
    assert fold_any(nick) == folded

"""commands/send/left_out.py: what is told of lines that were not said."""

from __future__ import annotations

import pytest

from chatctl.commands.send.left_out import MAX_TOLD, LeftOut
from chatctl.errors import Rejected


def test_none_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    LeftOut().check()
    assert capsys.readouterr().err == ""


def test_a_thousand_are_counted_and_the_first_ones_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    left_out = LeftOut()
    for number in range(1000):
        left_out.add(f"line {number} is not UTF-8")
    told = capsys.readouterr().err.splitlines()
    assert told == [f"chatctl: line {number} is not UTF-8" for number in range(MAX_TOLD)] + [
        "chatctl: further lines that can't be sent are only counted"
    ]
    with pytest.raises(Rejected, match=r"1000 lines were not sent; the others were") as raised:
        left_out.check()
    assert raised.value.exit_code == 6

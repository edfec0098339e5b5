"""When messages are written on the linear screen, and in which row."""

from __future__ import annotations

import io

from chatctl.terminal.linear_line import BELL, LinearLine
from chatctl.terminal.linear_output import LinearOutput


def test_a_message_never_stands_in_the_line_that_is_typed() -> None:
    """It waits; asked for, it is written below, and the line again below it."""
    paper, line = io.StringIO(), LinearLine()
    output = LinearOutput(paper, line)
    output.show(["one"])
    output.write(line.insert("half a li"))
    output.show(["two"])
    output.show(["three"])
    output.write(BELL)
    assert paper.getvalue() == f"one\nhalf a li{BELL}"
    output.write_all()
    output.write(line.insert("ne"))
    assert paper.getvalue() == f"one\nhalf a li{BELL}\ntwo\nthree\nhalf a line"
    output.interject("names")
    assert paper.getvalue().endswith("half a line\nnames\nhalf a line")


def test_an_empty_line_whose_row_is_open_is_left_first() -> None:
    paper, line = io.StringIO(), LinearLine()
    output = LinearOutput(paper, line)
    output.write(line.insert("a"))
    output.write(line.erase())
    output.show(["one"])
    output.end_row()
    assert paper.getvalue() == "a\\a\none\n"

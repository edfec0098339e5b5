"""What /help shows."""

from __future__ import annotations

import pytest

from chatctl.terminal.help_text import help_lines
from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from chatctl.terminal.slash_commands import COMMANDS


@pytest.mark.parametrize("operator", [True, False, None])
@pytest.mark.parametrize("topic", ["", "keys"])
def test_a_topic_is_one_screen(topic: str, operator: bool | None) -> None:
    """Of 80 columns and 24 rows, the prompt in the last one."""
    lines = help_lines(topic, operator=operator)
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 79


def test_the_overview_lists_every_command_and_what_else_there_is() -> None:
    lines = help_lines("")
    assert [name for name in COMMANDS if not any(line.startswith(f"  /{name}") for line in lines)] == []
    assert lines[-1] == "More: /help COMMAND, /help keys (Ctrl-D leaves), /help operators"


def test_operators_commands_are_shown_to_operators() -> None:
    """And to all by a server that is too old to tell; a command that is asked for by name always is."""
    for operator in (True, None):
        assert len(help_lines("operators", operator=operator)) == 1 + len(OPERATOR_COMMANDS)
    assert "operators" not in help_lines("", operator=False)[-1]
    assert help_lines("operators", operator=False) == [
        "You have not proved an operator's key here: only operators are shown these commands."
    ]
    assert help_lines("ban", operator=False)[0].startswith("  /ban NICK")
    assert not any("/ban" in line for line in help_lines("all", operator=False))


@pytest.mark.parametrize("topic", ["history", "/history", "HISTORY"])
def test_a_command_by_name(topic: str) -> None:
    first, more = help_lines(topic)
    assert first.startswith("  /history [WHEN] [N]")
    assert "yesterday" in more


def test_by_another_programs_name_and_nothing() -> None:
    assert help_lines("names") == help_lines("who")
    assert help_lines("nonsense") == []

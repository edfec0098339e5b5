"""cli/message_command.py: a message that is not one argument, or that begins with a dash."""

from __future__ import annotations

import pytest

from tests.support.in_process import wrong_usage

COMMANDS = pytest.mark.parametrize("command", ["send", "ask"])
DASH = "put -- before a message that begins with a dash"


@COMMANDS
@pytest.mark.parametrize("message", ["- item", "-x", "--- done ---", "-5 degrees"])
def test_a_message_that_begins_with_a_dash(command: str, message: str) -> None:
    assert DASH in wrong_usage(command, message)


@COMMANDS
def test_an_option_that_was_misspelt_is_told_as_such(command: str) -> None:
    said = wrong_usage(command, "--timeuot", "5s", "hello")
    assert "--timeout" in said
    assert DASH not in said


@COMMANDS
def test_a_message_of_several_words(command: str) -> None:
    assert "'world' is another one: put the message in quotes" in wrong_usage(command, "hello", "world")


def test_choices_are_no_arguments() -> None:
    assert "--choice before each choice" in wrong_usage("ask", "which?", "blue", "green")
    assert "--choice" not in wrong_usage("send", "which?", "blue", "green")

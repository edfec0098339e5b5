"""cli/option_hints.py: an option that a command does not have is answered with what was meant, or with nothing."""

from __future__ import annotations

import pytest

from chatctl.cli.option_hints import nearest
from tests.support.in_process import wrong_usage

BEFORE = "before a command: the options of a command come after its name"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tail", "--no-folow"), "'--no-folow': did you mean '--no-follow'?"),
        (("send", "--sever", "work", "hi"), "'--sever': did you mean '--server'?"),
        (("tail", "-20"), "'-20': write -n 20"),
        (("send", "-n", "bob", "hi"), "'-n': write --nick"),
        (("send", "--config", "f", "hi"), "'--config': write it before the command, chatctl --config ... send"),
        (("--nick", "bob", "join"), f"'--nick' {BEFORE}"),
        (("-n", "bob", "join"), f"'-n' {BEFORE}"),
        (("admin", "--room", "ops", "kick", "bob"), f"'--room' {BEFORE}"),
        (("who", "--user", "bob"), "'--user'"),
        (("tail", "-z"), "'-z'"),
    ],
)
def test_what_it_may_be_meant_for(arguments: tuple[str, ...], told: str) -> None:
    assert wrong_usage(*arguments).endswith(f"No such option {told}\n")


@pytest.mark.parametrize("command", ["send", "ask"])
def test_a_message_that_begins_like_a_short_option_is_a_message(command: str) -> None:
    assert "put -- before a message" in wrong_usage(command, "-overflow of the disk")


def test_dashes_make_nothing_alike() -> None:
    assert nearest("--me", ["--no", "--a", "-m"]) == ""
    assert nearest("-m", ["--m"]) == ""

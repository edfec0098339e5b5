"""The group loads a command when it is asked for, and whoever walks it gets them all."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from chatctl.cli.help_pages import Group
from chatctl.main import COMMANDS, LazyCommands, LazyGroup, cli
from tests.support.loaded_modules import loaded_by

MODULES = {f"chatctl.commands.{name}" for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    """``chatctl --help`` shows the table; the command is what it is about."""
    assert COMMANDS[name] == cli.commands[name].get_short_help_str(limit=1000)
    assert cli.commands[name].name == name


def test_a_walker_gets_every_command() -> None:
    """click-man and the generator of the docs look at ``commands``, others ask by name."""
    ctx = cli.make_context("chatctl", [], resilient_parsing=True)
    walked = dict(cli.commands.items())
    assert sorted(walked) == sorted(COMMANDS) == cli.list_commands(ctx)
    assert all(cli.get_command(ctx, name) is command for name, command in walked.items())
    assert isinstance(walked["config"], click.Group)
    assert set(cli.to_info_dict(ctx)["commands"]) == set(COMMANDS)


def test_help_is_that_of_a_group_that_has_loaded_its_commands() -> None:
    shown = CliRunner().invoke(cli, ["--help"], prog_name="chatctl").output
    plain = Group(
        "chatctl", dict(cli.commands), params=cli.params, help=cli.help, context_settings=cli.context_settings
    )
    assert shown == CliRunner().invoke(plain, ["--help"], prog_name="chatctl").output


def test_help_and_completion_load_no_command() -> None:
    shown, names = loaded_by("--help")
    assert "Send TEXT once" in shown
    assert not names & MODULES
    shown, names = loaded_by(_CHATCTL_COMPLETE="zsh_complete", COMP_WORDS="chatctl sen", COMP_CWORD="1")
    assert shown.splitlines()[:3] == ["plain", "send", "Send TEXT once, and exit when the server..."]
    assert not names & MODULES


def test_a_command_is_loaded_alone() -> None:
    assert loaded_by("tail", "--help")[1] & MODULES == {"chatctl.commands.tail"}


def test_a_misspelt_command_is_told_the_nearest_one() -> None:
    done = CliRunner().invoke(cli, ["sned"])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, "Error: No such command 'sned'. Did you mean 'send'?")


def test_a_group_can_be_given_more_and_less() -> None:
    group = LazyGroup("g", commands=LazyCommands({"send": "Say."}))
    group.add_command(click.Command("more", help="Do more. And so on."))
    assert (list(group.commands), group.commands.helps["more"]) == (["send", "more"], "Do more.")
    del group.commands["send"]
    assert group.get_command(click.Context(group), "send") is None
    assert group.get_command(click.Context(group), "more") is not None

"""The help page: examples above the text, options below their headings, rare ones in ``--help-all`` only."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from chatctl.cli.help_pages import Command, Group, group_of, is_rare, option_group
from chatctl.commands.serve import serve
from chatctl.main import cli

HELP = """\
Do it.

More about it.

\b
Environment:
  NONE

\b
Examples:
  do --it
"""


def command(**more: object) -> Command:
    @click.command(cls=Command, help=HELP, **more)  # type: ignore[arg-type]  # none of them is wrong
    @option_group("Speed", click.option("--fast", help="Hurry."), click.option("--slow-and-steady", help="Take time."))
    @click.option("--plain", help="No heading of its own.")
    @option_group("Limits", click.option("--most", help="A rare one."), rare=True)
    def do(**_: object) -> None:
        click.echo("done")

    assert isinstance(do, Command)
    return do


def shown(one: click.Command, *arguments: str) -> str:
    done = CliRunner().invoke(one, arguments, prog_name="do")
    assert done.exit_code == 0
    return done.output


def test_the_parts_have_their_order() -> None:
    """Examples are what most people look for; exit codes and variables are looked up, and come last."""
    assert (
        shown(command(), "--help")
        == """\
Usage: do [OPTIONS]

  Do it.

  Examples:
    do --it

  More about it.

Speed:
  --fast TEXT             Hurry.
  --slow-and-steady TEXT  Take time.

Options:
  --plain TEXT            No heading of its own.
  --help                  Show this message and exit.
  --help-all              Show the rare limits too, and exit.

Environment:
  NONE
"""
    )


def test_help_all_shows_the_rare_ones_too() -> None:
    usual, everything = shown(command(), "--help"), shown(command(), "--help-all")
    added = set(everything.splitlines()) - set(usual.splitlines())
    assert added == {"Limits:", "  --most TEXT             A rare one."}
    assert set(usual.splitlines()) <= set(everything.splitlines())
    one = command()
    assert shown(one, "--help-all") == everything  # and --help after it is the short one
    assert shown(one, "--help") == usual


def test_a_rare_option_is_an_option() -> None:
    assert shown(command(), "--most", "1") == "done\n"


def test_help_all_needs_a_rare_option() -> None:
    assert CliRunner().invoke(Command("do", params=[click.Option(["--it"])]), ["--help-all"]).exit_code == 2


def test_a_group_shows_its_commands_below_its_options() -> None:
    group = Group("do", commands=[command(short_help="Do.")], help=HELP)
    lines = shown(group, "--help").splitlines()
    assert lines.index("Options:") < lines.index("Commands:") < lines.index("  do  Do.") < lines.index("Environment:")


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_has_such_a_page(name: str) -> None:
    found = cli.commands[name]
    assert isinstance(found, Command)
    if isinstance(found, click.Group):
        assert all(isinstance(child, Command) for child in found.commands.values())


def test_each_option_of_serve_has_a_heading() -> None:
    """45 options in one list are read by nobody."""
    assert [param.name for param in serve.params if group_of(param) == "Options"] == []
    titles = list(dict.fromkeys(group_of(param) for param in serve.params if not is_rare(param)))
    assert titles == ["Listening", "TLS", "Who may join", "Rooms", "Keeping messages", "Operating", "Limits"]
    assert {group_of(param) for param in serve.params if is_rare(param)} == {"Rare limits"}

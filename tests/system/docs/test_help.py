"""Every ``--help`` has examples that work, exit codes, and the environment variables that count; and it fits."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

from chatctl.cli.config_defaults import Defaults
from chatctl.common.verbs import VERBS
from chatctl.main import cli
from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from docs.generate import ROOT, Help, commands

ALL = list(commands())
ONE = pytest.mark.parametrize("one", ALL, ids=[one.page for one in ALL])

# tests/system/cookbook runs what the cookbook shows, calls that are wrong on purpose included.
DOCUMENTS = [ROOT / "README.md", *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "cookbook.md"})]

WIDTH = 73
"""Columns of a line that is kept as it is: man indents it by 7 and shows 80, ``--help`` by 4."""

BESIDE_OPTIONS = {
    "chatctl admin": "CHATCTL_ADMIN_SOCKET CHATCTL_JOURNAL",
    **{f"chatctl admin {verb}": "CHATCTL_STATE_DIR" for verb in VERBS},
    "chatctl ask": "CHATCTL_STATE_DIR",
    "chatctl backup": "CHATCTL_STATE_DIR",
    "chatctl config": "CHATCTL_CONFIG",
    "chatctl config edit": "CHATCTL_CONFIG EDITOR VISUAL",
    "chatctl config path": "CHATCTL_CONFIG XDG_CONFIG_HOME",
    "chatctl config show": "CHATCTL_CONFIG",
    "chatctl export": "CHATCTL_STATE_DIR",
    "chatctl join": "CHATCTL_STATE_DIR EDITOR NO_COLOR TERM TMPDIR VISUAL",
    "chatctl probe": "CHATCTL_STATE_DIR",
    "chatctl journal": "PGPASSFILE PGSERVICE",
    "chatctl journal copy": "PGPASSFILE PGSERVICE",
    "chatctl key": "CHATCTL_STATE_DIR",
    "chatctl key show": "CHATCTL_STATE_DIR",
    "chatctl run": "CHATCTL_STATE_DIR",
    "chatctl search": "CHATCTL_STATE_DIR",
    "chatctl send": "CHATCTL_STATE_DIR",
    "chatctl serve": "CHATCTL_STATE_DIR",
    "chatctl tail": "CHATCTL_STATE_DIR",
    "chatctl who": "CHATCTL_STATE_DIR",
}
"""What a command reads that none of its options declares."""


@ONE
@pytest.mark.parametrize("section", ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT"])
def test_no_part_is_missing(one: Help, section: str) -> None:
    assert any(line.strip() for line in one.sections.get(section, [])), f"'{one.name} --help' has no {section}"


@ONE
def test_success_and_wrong_usage_have_their_codes(one: Help) -> None:
    """Of those that end with another program's status, wrong usage at least."""
    told = re.findall(r"(?:^|   |: )(\d+) ", "\n".join(one.sections["EXIT STATUS"]), re.MULTILINE)
    usage = str(getattr(one.ctx.command, "usage_exit_code", 2))
    wanted = {usage} if one.name == "chatctl run" else {"0", usage}
    assert wanted <= set(told)


@ONE
def test_the_variables_are_those_that_count(one: Help) -> None:
    """Each that an option declares is named, and none that the command would not look at."""
    assert named_variables(one) == declared_variables(one) | set(BESIDE_OPTIONS.get(one.name, "").split())


def named_variables(one: Help) -> set[str]:
    """Return the words that lines of the section begin with; three blanks end them. Other lines are prose."""
    heads = [line.split("   ")[0] for line in one.sections["ENVIRONMENT"]]
    return {word for head in heads if head.isupper() for word in head.split()}


def declared_variables(one: Help) -> set[str]:
    """Return the variables of the options, and that of the configuration file for those that it may hold values for."""
    found = {str(param.envvar) for param in one.ctx.command.params if param.envvar}
    if any("--password-file" in param.opts for param in one.ctx.command.params):
        found.add("CHATCTL_PASSWORD")  # there is no option that takes the password itself
    section = Defaults(cli, None).get(one.ctx.info_name or "") if one.ctx.parent is not None else None
    return found | ({"CHATCTL_CONFIG"} if section is not None else set())


@ONE
def test_the_examples_are_of_this_command(one: Help) -> None:
    calls = list(example_calls(one))
    assert any(call[: len(words(one))] == words(one) for call in calls), f"no example of '{one.name}' in {calls}"


@pytest.fixture
def no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an example name files that are not on this disk, and read nobody's configuration."""
    monkeypatch.setattr(click.Path, "convert", lambda _self, value, _param, _ctx: value)
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))


@ONE
@pytest.mark.usefixtures("no_files")
def test_the_examples_parse(one: Help) -> None:
    """No example may name an option that is gone, nor a value that it would not take."""
    assert wrong_calls(example_calls(one)) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=[path.name for path in DOCUMENTS])
@pytest.mark.usefixtures("no_files")
def test_what_documents_show_parses(path: Path) -> None:
    shown = list(document_calls(path))
    assert shown or path.name != "README.md"
    assert wrong_calls(shown) == []


@pytest.mark.parametrize("page", ["join.md", "admin.md"])
def test_each_operators_command_is_named(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert [name for name in OPERATOR_COMMANDS if f"`/{name}" not in text] == []


@pytest.mark.parametrize(
    "call", ["send --no-such-option hi", "config shwo", "tail --since yesteryear", "ask", "run --quite -- x"]
)
def test_a_wrong_example_is_found(call: str) -> None:
    """A check that can't fail holds nothing."""
    with pytest.raises(click.UsageError):
        parse(call.split())


@ONE
def test_it_fits_a_terminal_of_80_columns(one: Help) -> None:
    """A line that is kept as it is would be cut by the terminal, in the middle of a word."""
    kept = [line for lines in one.sections.values() for line in lines]
    kept += [line for block in one.description if block.startswith("\b") for line in block.split("\n")]
    assert [line for line in kept if len(line) > WIDTH] == []


@ONE
def test_no_summary_ends_in_dots(one: Help) -> None:
    """In the list of commands there is room for one line, and Click cuts what is longer."""
    assert "..." not in one.ctx.command.get_help(one.ctx).partition("\nCommands:\n")[2]


@ONE
def test_every_option_says_something(one: Help) -> None:
    silent = [param.opts for param in one.ctx.command.params if isinstance(param, click.Option) and not param.help]
    assert silent == []


def words(one: Help) -> list[str]:
    return one.name.split()


def example_calls(one: Help) -> Iterator[list[str]]:
    """Yield each call of chatctl in the examples, as its argv."""
    for line in "\n".join(one.sections["EXAMPLES"]).replace("\\\n", " ").split("\n"):
        yield from calls(line)


def document_calls(path: Path) -> Iterator[list[str]]:
    """Yield each call of chatctl in a document's lines of code: indented ones, and those behind a prompt."""
    for line in re.findall(r"^(?:    |\$ )(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        if re.search(r"(?:^|[|&(] ?)chatctl [a-z]", line):
            yield from (call for call in calls(line) if call[1:])


def wrong_calls(found: Iterable[list[str]]) -> list[str]:
    """Say what is wrong with each call that chatctl would not take."""
    wrong = []
    for call in found:
        try:
            parse(call[1:])
        except click.ClickException as error:
            wrong.append(f"{shlex.join(call)}: {error.message}")
    return wrong


def calls(line: str) -> Iterator[list[str]]:
    """Cut a shell's line into its commands; give those that are chatctl's, also from within ``"$(...)"``."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.wordchars += ":,@%+="  # as in a shell, where they end no word
    call: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&"):
            if "chatctl" in call:
                yield call[call.index("chatctl") :]
            call = []
        else:
            call.append(word)
            for inner in re.findall(r"\$\((.*)\)", word):
                yield from calls(inner)


def parse(arguments: list[str]) -> None:
    """Parse them as chatctl would, types and all, and run nothing. Raises click.UsageError."""
    command: click.Command = cli
    ctx = click.Context(cli, info_name="chatctl", **cli.context_settings)
    ctx.default_map = Defaults(cli, None)  # type: ignore[assignment]
    while isinstance(command, click.Group):
        _, rest, _ = command.make_parser(ctx).parse_args(list(arguments))
        if not rest and command.invoke_without_command:
            return
        name, found, arguments = command.resolve_command(ctx, rest)
        assert found is not None
        command = found
        ctx = click.Context(command, info_name=name, parent=ctx) if isinstance(command, click.Group) else ctx
    ctx = command.make_context(command.name, list(arguments), parent=ctx)
    if (words := ctx.params.get("command")) and words[0].startswith("-"):
        raise click.NoSuchOption(words[0])  # 'run' takes what it does not know for the command to run

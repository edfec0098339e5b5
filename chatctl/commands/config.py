"""``chatctl config``: what is configured, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chatctl.cli.completers import known
from chatctl.cli.options import json_option

if TYPE_CHECKING:
    from chatctl.cli.config_defaults import Defaults

TEMPLATE = """\
# What chatctl does where neither an option nor a CHATCTL_* variable says otherwise: 'chatctl config --help'.

# [default]                # every command that talks to a server: server, host, port, unix, tls, pin, ca, room,
#                          # nick, password-file, key
# server = "work"

# [server.work]            # chatctl join --server work
# host = "chat.example.org"
# port = 5500
# nick = "rajat"
# room = "lobby"

# [send]                   # a section a command: its long options, without the dashes
# timeout = "10s"
"""


@click.group()
def config() -> None:
    """Show or edit the configuration file.

    An option counts more than its CHATCTL_* variable, that more than the file, and that more than the
    default. The file is TOML: one section a command, whose keys are the long options without their dashes;
    [default] may hold server, host, port, unix, tls, pin, ca, password-file, key, room and nick for every command
    that talks to a server (not serve and bench); named servers are sections of their own. What a named server says
    counts as given where --server was given, and what is said beside it goes over it.

    \b
    A file:
      [default]
      server = "work"
      [server.work]
      host = "chat.example.org"
      nick = "rajat"
      [send]
      timeout = "10s"
      [ask]
      choice = ["yes", "no"]

    \b
    Examples:
      chatctl config edit
      chatctl config show send

    \b
    Exit codes:
      0 done   1 the editor failed   2 usage, or something in the file is wrong

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
    """


@config.command()
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print where the file is, or would be.

    \b
    Example:
      cp "$(chatctl config path)" backup.toml

    \b
    Exit codes:
      0 done   2 usage

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
      XDG_CONFIG_HOME   the folder in which the platform's is, on Linux
    """
    from chatctl.cli.config_defaults import defaults_of
    from chatctl.cli.output import emit_given

    emit_given(str(defaults_of(ctx).path))


@config.command()
@click.pass_context
def edit(ctx: click.Context) -> None:
    """Open the file in your editor, and check it afterwards.

    \b
    Example:
      EDITOR=nano chatctl config edit

    \b
    Exit codes:
      0 done   1 the editor failed, or the file can't be made
      2 usage, or something in the file is wrong

    \b
    Environment:
      VISUAL EDITOR   the editor
      CHATCTL_CONFIG   the file, instead of the platform's
    """
    from chatctl.cli.config_defaults import BadConfig, defaults_of
    from chatctl.cli.config_file import ConfigError, load
    from chatctl.errors import ChatError, reason_of

    defaults = defaults_of(ctx)
    try:
        defaults.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not defaults.path.exists():
            defaults.path.touch(mode=0o600)
            defaults.path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        raise ChatError(f"cannot make {defaults.path}: {reason_of(error)}") from None
    click.edit(filename=str(defaults.path))
    try:
        load(defaults.path, defaults.schema)
    except ConfigError as error:
        raise BadConfig(error.text, ctx) from None


@config.command()
@click.argument("command", required=False, shell_complete=known("commands"))
@json_option()
@click.pass_context
def show(ctx: click.Context, command: str | None, as_json: bool) -> None:
    """Print each value and where it came from.

    In the form of the file, with COMMAND for one command's alone.

    \b
    Examples:
      chatctl config show send
      chatctl config show --json | jq -c 'select(.source != "default")'

    \b
    Exit codes:
      0 done   2 usage, or something in the file is wrong

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
      and those of the commands, which are what it shows
    """
    from chatctl.cli.config_defaults import defaults_of
    from chatctl.cli.output import emit

    defaults = defaults_of(ctx)
    if command is not None and command not in defaults.schema:
        raise click.UsageError(f"no command {command!r} has options: choose of {', '.join(defaults.schema)}")
    values = [value for name in ([command] if command else defaults.schema) for value in _values(ctx, name)]
    for line in _json_lines(values) if as_json else _toml_lines(defaults, values):
        emit(line)


@dataclass(frozen=True, slots=True)
class Value:
    """One option's value, and where it came from."""

    command: str
    key: str
    value: Any
    source: str


def _values(ctx: click.Context, name: str) -> Iterator[Value]:
    """Give what a run of the command without options would take, from the machinery that it would take it with."""
    from chatctl.cli.config_defaults import keys_of

    root = ctx.find_root()
    assert isinstance(root.command, click.Group)
    command = root.command.commands[name]
    with click.Context(command, parent=root, info_name=name).scope() as inner:
        for option in sorted(command.params, key=lambda one: not one.is_eager):
            if isinstance(option, click.Option) and option.name in keys_of(command).values():
                option.handle_parse_result(inner, {}, [])  # a wrong value is told as the command would tell it
        for key, param in keys_of(command).items():
            option = next(one for one in command.params if one.name == param)
            yield Value(name, key, _raw(inner, option), _source(inner, option))


def _raw(ctx: click.Context, option: click.Parameter) -> Any:
    """Give the value as it was written, not what the command makes of it."""
    value, source = option.consume_value(ctx, {})
    is_unset = source is ParameterSource.DEFAULT and not isinstance(value, str | int | float | list | tuple)
    if isinstance(option, click.Option) and option.is_flag and is_unset:
        return False
    return None if is_unset else value


def _source(ctx: click.Context, option: click.Parameter) -> str:
    from chatctl.cli.config_defaults import defaults_of
    from chatctl.cli.server_option import named_server

    assert option.name is not None
    named = named_server(ctx)
    if named is not None and option.name in named.used:
        return f"server {named.name}"
    match ctx.get_parameter_source(option.name):
        case ParameterSource.ENVIRONMENT:
            return str(option.envvar)
        case ParameterSource.DEFAULT_MAP:
            return str(defaults_of(ctx).path)
    return "default"


def _json_lines(values: list[Value]) -> Iterator[str]:
    import json

    from chatctl.common.text import escape_json

    for one in values:
        found = {"command": one.command, "option": one.key, "value": one.value, "source": one.source}
        yield escape_json(json.dumps(found, ensure_ascii=False))


def _toml_lines(defaults: Defaults, values: list[Value]) -> Iterator[str]:
    from chatctl.common.text import clean

    there = "" if defaults.path.exists() else " (there is no such file)"
    yield f"# {clean(str(defaults.path))}{there}"
    for name, table in defaults.config.servers.items():
        yield f"\n[server.{_toml_key(name)}]"
        yield from (f"{key} = {_toml(value)}" for key, value in table.items())
    for index, one in enumerate(values):
        if index == 0 or values[index - 1].command != one.command:
            yield f"\n[{one.command}]"
        line = f"# {one.key} is not set" if one.value is None else f"{one.key} = {_toml(one.value)}"
        yield line if one.value is None else f"{line:<40} # {clean(one.source)}"


def _toml(value: Any) -> str:
    """Give a value as TOML. Its strings are JSON's, but for DEL."""
    import json

    from chatctl.common.text import escape_json

    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return escape_json(json.dumps(value, ensure_ascii=False))


def _toml_key(name: str) -> str:
    return name if name.isascii() and name.replace("-", "").replace("_", "").isalnum() else _toml(name)

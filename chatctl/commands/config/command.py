"""``chatctl config``: what is configured, and where it came from."""

from __future__ import annotations

import contextlib

import click

from chatctl.cli.completers import completer
from chatctl.cli.config_defaults import BadConfig, defaults_of
from chatctl.cli.help_pages import Group
from chatctl.cli.options import json_option
from chatctl.cli.output import emit_given, emit_lines
from chatctl.errors import ChatError, reason_of

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


@click.group(cls=Group)
def config() -> None:
    """Show or edit the configuration file.

    Options override environment variables (CHATCTL_*), which override the file, which overrides the defaults. The
    file is TOML: one section per command, whose keys are the long options without their dashes. [default] may contain
    server, host, port, unix, tls, pin, ca, password-file, key, room and nick for every command that connects to a
    server, except bench. A named server is a section of its own. Its values have the precedence of the place where
    --server was given, and options given at the same place override them.

    \b
    A file:
      [default]
      server = "work"
      [server.work]
      host = "chat.example.org"
      others = "chat2.example.org, chat3.example.org:5600"
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
      0 done   1 the editor failed   2 usage, or an error in the file

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
    """


@config.command()
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print the path of the file, which need not exist.

    \b
    Example:
      cp "$(chatctl config path)" backup.toml

    \b
    Exit codes:
      0 done   2 usage

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
      XDG_CONFIG_HOME   the folder of the platform's, on Linux
    """
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
      2 usage, or an error in the file

    \b
    Environment:
      VISUAL EDITOR   the editor
      CHATCTL_CONFIG   the file, instead of the platform's
    """
    from chatctl.cli.config_file import ConfigError, load
    from chatctl.common.files import create_file, private_folder

    defaults = defaults_of(ctx)
    try:
        private_folder(defaults.path.parent)
        with contextlib.suppress(FileExistsError):
            create_file(defaults.path, TEMPLATE.encode(), durable=False)
    except OSError as error:
        raise ChatError(f"cannot make {defaults.path}: {reason_of(error)}") from None
    try:
        click.edit(filename=str(defaults.path))
    except click.ClickException as error:
        cause = error.__cause__
        why = reason_of(cause) if isinstance(cause, OSError) else "it failed"
        raise ChatError(f"cannot edit {defaults.path} with the editor of VISUAL or EDITOR: {why}") from None
    try:
        load(defaults.path, defaults.schema)
    except ConfigError as error:
        raise BadConfig(error.text, ctx) from None


@config.command()
@click.argument("command", required=False, shell_complete=completer("commands"))
@json_option()
@click.pass_context
def show(ctx: click.Context, command: str | None, as_json: bool) -> None:
    """Print each value and where it came from.

    In the format of the file; with COMMAND only that command's.

    \b
    Examples:
      chatctl config show send
      chatctl config show --json | jq -c 'select(.source != "default")'

    \b
    Exit codes:
      0 done   2 usage, or an error in the file

    \b
    Environment:
      CHATCTL_CONFIG   the file, instead of the platform's
      and those of the commands, whose values it shows
    """
    from chatctl.commands.config import formats
    from chatctl.commands.config.values import values_of

    defaults = defaults_of(ctx)
    if command is not None and command not in defaults.schema:
        known = ", ".join(defaults.schema)
        raise click.UsageError(f"the file can't set options of {command!r}: choose one of {known}")
    values = [value for name in ([command] if command else defaults.schema) for value in values_of(ctx, name)]
    lines = map(formats.json_line, values) if as_json else formats.toml_lines(defaults, values)
    emit_lines(lines, as_json=as_json)

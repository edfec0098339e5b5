"""The command group, and the one place that turns an error into a line on stderr and an exit code.

A command's module is imported when the command is used: each pays for its own alone. The group's mapping is whole all
the same: whoever walks it, for man pages or for the docs, gets every command.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from chatctl import __version__
from chatctl.cli.config_defaults import config_option, origin
from chatctl.cli.output import fault, open_standard_streams
from chatctl.common.text import clean
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "serve": "Start a chat room and run it until Ctrl-C.",
    "join": "Talk in the room.",
    "send": "Say TEXT once, and end when the server has it.",
    "tail": "Print what was said and what is said, without joining.",
    "who": "Print who is in the room, since when, and idle for how long.",
    "ask": "Ask QUESTION in the room and wait until somebody chooses.",
    "run": "Run CMD, and tell the room how it went.",
    "probe": "Check that a room works, and leave no trace in it.",
    "config": "Show or edit the configuration file.",
    "backup": "Copy all rooms into the new file PATH.",
    "export": "Print all that was said in a room.",
    "admin": "Keep order: kick, ban, mute, topic, drain.",
    "bench": "Load a server, and check what arrives.",
    "key": "Make the key that keeps your nicknames yours.",
    "password": "Make the line that a server checks a password with.",
    "completion": "Print the completion script for SHELL: bash, zsh or fish.",
}
"""Each command and the first sentence of its help. Its module is loaded when it runs."""


class Members(MutableMapping[str, click.Command]):
    """Commands by name. The command ``send`` is what ``chatctl.commands.send`` calls ``send``."""

    def __init__(self, helps: Mapping[str, str]) -> None:
        """Load nothing; ``helps`` has each one's name, and the first sentence of its help."""
        self.helps = dict(helps)
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded and name in self.helps:
            from importlib import import_module

            self._loaded[name] = getattr(import_module(f"chatctl.commands.{name}"), name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self.helps[name] = command.get_short_help_str(limit=1000)
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self.helps[name]
        self._loaded.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self.helps

    def __iter__(self) -> Iterator[str]:
        return iter(self.helps)

    def __len__(self) -> int:
        return len(self.helps)


class LightGroup(click.Group):
    """A group that shows its members' help without loading them."""

    commands: Members

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's name and short help."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))  # as Click has it
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short_help(name, limit)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Give the commands, and the group's own options, that begin so."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self._short_help(name)) for name in names] + own

    def _short_help(self, name: str, limit: int = 45) -> str:
        return click.Command(name, help=self.commands.helps[name]).get_short_help_str(limit)


@click.group(
    cls=LightGroup,
    commands=Members(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="chatctl", message="%(prog)s %(version)s")
def cli() -> None:
    """A chat room that one command starts, and that scripts can rely on.

    Each command's --help says what its own exit codes and environment variables are.

    \b
    Examples:
      chatctl serve                     # start a room on this machine
      chatctl join --nick Rajat         # talk in it
      chatctl send "deploy done"        # say something from a script

    \b
    Exit codes:
      0 done   1 a fault of our own, or of a file   2 usage
      3 nobody there, nothing sent   4 sent, and no answer came
      5 name, key or password refused
      6 rejected (too long, no such room, full)
      7 not a chatctl server   8 the condition was not met, or not in time
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_CONFIG   the configuration file
    """


cli.params.append(config_option())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    sys.unraisablehook = _deliver_again
    open_standard_streams()
    if "_CHATCTL_COMPLETE" in os.environ:
        from chatctl.cli import shells

        shells.use()
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        cli.main(arguments, prog_name="chatctl", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        _explain(error)
        command = getattr(getattr(error, "ctx", None), "command", None)
        return getattr(command, "usage_exit_code", error.exit_code)
    except click.Abort:
        return 128 + signal.SIGINT
    except ChatError as error:
        click.echo(f"chatctl: {clean(error.text)}", err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 — stderr is not the place for a traceback
        click.echo(f"chatctl: {clean(fault(error))}", err=True)
        return ChatError.exit_code
    return 0


def _explain(error: click.ClickException) -> None:
    """Tell what is wrong in one line. Click takes four for a wrong usage, and a log tears them apart."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    why = " ".join(error.format_message().split()).rstrip(".")
    if why[:2].istitle():  # Click's own; one of ours that begins with QUESTION keeps it
        why = why[0].lower() + why[1:]
    click.echo(f"chatctl: {clean(why + _more(error))}", err=True)


def _more(error: click.ClickException) -> str:
    """Give where to look."""
    if path := origin(error):
        return f" (that value comes from {path})"
    if not isinstance(error, click.UsageError):
        return ""
    return f" (see '{error.ctx.command_path if error.ctx else 'chatctl'} -h')"


def _end(number: int, frame: FrameType | None) -> None:
    """Exit on a signal: quietly, with the code that shells expect."""
    while frame is not None:
        if frame.f_code is _deliver_again.__code__:  # an exception would be dropped once more
            _thread.start_new_thread(os.kill, (os.getpid(), number))
            return
        frame = frame.f_back
    raise SystemExit(128 + number)


def _deliver_again(dropped: sys.UnraisableHookArgs) -> None:
    """Raise a signal once more whose SystemExit Python dropped.

    A handler's exception comes out of whatever is running. Out of a finalizer or a weakref's callback, as the import
    system has one, it goes no further: the command would run on.
    """
    if isinstance(dropped.exc_value, SystemExit) and isinstance(code := dropped.exc_value.code, int) and code > 128:
        _thread.start_new_thread(os.kill, (os.getpid(), code - 128))
    else:
        sys.__unraisablehook__(dropped)

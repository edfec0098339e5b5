"""The command group, and the one place that turns an exception into a line on stderr and an exit code.

A command's module is imported when the command is used, so that none pays for the others. The group's mapping is
complete all the same: code that walks it, for man pages or the docs, gets every command.
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
from chatctl.cli.help_pages import Group
from chatctl.cli.output import fault, hush_python, open_standard_streams, prepare_stdout, warn
from chatctl.cli.password_variable import take_password
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

HELD_BACK = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""Signals that __main__.py holds back for a server, until that takes them itself."""

COMMANDS = {
    "serve": "Start a chat room and run it until Ctrl-C.",
    "join": "Chat in a room, in the terminal.",
    "send": "Send TEXT once, and exit when the server has stored it.",
    "tail": "Print past and new messages, without joining.",
    "search": "Find messages by phrase, author and time.",
    "who": "Print who is in the room, since when, and idle for how long.",
    "ask": "Ask QUESTION in the room and wait until someone answers.",
    "run": "Run CMD, and report its start and end in the room.",
    "probe": "Check that a room works, without leaving a trace in it.",
    "config": "Show or edit the configuration file.",
    "backup": "Copy all rooms into the new file PATH.",
    "export": "Print all messages of a room.",
    "journal": "Move a journal from a file into a database, or back.",
    "admin": "Moderate and operate a server: kick, ban, mute, topic, drain.",
    "bench": "Generate load on a server, and verify delivery.",
    "key": "Create the key that reserves your nicknames.",
    "password": "Turn a password into a line for 'serve --password-file'.",
    "completion": "Print the completion script for SHELL: bash, zsh or fish.",
}
"""Each command, and the first sentence of its help."""

FIRST_STEPS = """\
chatctl is a chat server and client for the terminal.

  chatctl serve                start a server on this machine
  chatctl join                 chat in its room (in another terminal)
  chatctl send "deploy done"   send a message from a script

'chatctl --help' lists all commands; 'chatctl join --host HOST' joins a server on another machine.\
"""
"""What ``chatctl`` prints without a command."""


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name, loaded at the first access: ``send`` is the attribute ``send`` of ``chatctl.commands.send``."""

    def __init__(self, helps: Mapping[str, str]) -> None:
        """Load nothing; ``helps`` has the first sentence of each command's help, by name."""
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


class LazyGroup(Group):
    """A group that shows its commands' short help without loading them."""

    commands: LazyCommands

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command's name and short help."""
        names = self.list_commands(ctx)
        limit = formatter.width - 6 - max(map(len, names))  # as in Click
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short_help(name, limit)) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, and the group's own options, that begin with ``incomplete``."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        own = click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=self._short_help(name)) for name in names] + own

    def _short_help(self, name: str, limit: int = 45) -> str:
        return click.Command(name, help=self.commands.helps[name]).get_short_help_str(limit)


@click.group(
    cls=LazyGroup,
    commands=LazyCommands(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="chatctl", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A chat server and client for the terminal, for people and scripts.

    'chatctl COMMAND --help' shows a command's options, exit codes and environment variables.

    \b
    Examples:
      chatctl serve                     # start a room on this machine
      chatctl join --nick Rajat         # talk in it
      chatctl send "deploy done"        # send a message from a script

    \b
    Exit codes:
      0 done   1 internal error, or a file can't be used   2 usage
      3 no server there, nothing sent   4 sent, but no answer came
      5 name, key or password refused
      6 rejected (too long, no such room, full)
      7 not a chatctl server   8 the condition was not met, or not in time
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_CONFIG   the configuration file
    """
    if ctx.invoked_subcommand != "serve":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)


cli.params.append(config_option())


_signals_taken = 0
"""How often ``_end`` has run."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command, by default the one in ``sys.argv``, and exit with its code."""
    signal.signal(signal.SIGINT, _end)
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup has it ignored
        signal.signal(signal.SIGHUP, _end)  # an `ask` whose terminal is closed withdraws its question
    sys.unraisablehook = _deliver_again
    open_standard_streams()
    take_password()
    prepare_stdout()
    if "_CHATCTL_COMPLETE" in os.environ:
        from chatctl.cli import shell_completion

        shell_completion.install()
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit code. Commands end with SystemExit where theirs is not 0 or an error's."""
    try:
        return cli.main(arguments, prog_name="chatctl", standalone_mode=False) or 0
    except click.ClickException as error:
        _explain(error)
        command = getattr(getattr(error, "ctx", None), "command", None)
        return getattr(command, "usage_exit_code", error.exit_code)
    except click.Abort:
        return 128 + signal.SIGINT
    except ChatError as error:
        warn(error.text)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 — stderr is not the place for a traceback
        warn(fault(error))
        return ChatError.exit_code


def _explain(error: click.ClickException) -> None:
    """Print what is wrong in one line. Click prints four for a usage error, and a log would tear them apart."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        _show_usage(error)
        return
    if isinstance(error, click.BadParameter) and isinstance(error.param, click.Argument):
        from chatctl.cli.extra_arguments import argument_name

        error.param_hint = error.param_hint or f"'{argument_name(error.param)}'"
    why = " ".join(error.format_message().split()).rstrip(".")
    if why[:2].istitle():  # a message of Click's; one of ours may begin with QUESTION
        why = why[0].lower() + why[1:]
    warn(why + _hint(error))


def _show_usage(error: click.exceptions.NoArgsIsHelpError) -> None:
    """Print the first steps for ``chatctl`` alone, and the help of a group such as ``chatctl config``."""
    if error.ctx is not None and error.ctx.command is cli:
        click.echo(FIRST_STEPS, err=True)
    else:
        error.show()


def _hint(error: click.ClickException) -> str:
    """Return where the wrong value came from, or where to read more; empty if neither helps."""
    if path := origin(error):
        return f" (that value comes from {path})"
    if not isinstance(error, click.UsageError):
        return ""
    return f" (see '{error.ctx.command_path if error.ctx else 'chatctl'} -h')"


def _end(number: int, frame: FrameType | None) -> None:
    """Exit on a signal: quietly, with the code that shells expect."""
    global _signals_taken
    _signals_taken += 1
    while frame is not None:
        if frame.f_code is _deliver_again.__code__:  # an exception would be dropped once more
            _thread.start_new_thread(_send_until_taken, (_thread.get_ident(), number, _signals_taken))
            return
        frame = frame.f_back
    hush_python()
    raise SystemExit(128 + number)


def _deliver_again(dropped: sys.UnraisableHookArgs) -> None:
    """Raise a signal once more whose SystemExit Python dropped.

    A handler's exception comes out of whatever is running. Out of a finalizer or a weakref's callback, as the import
    system has one, it goes no further: the command would run on.
    """
    if isinstance(dropped.exc_value, SystemExit) and isinstance(code := dropped.exc_value.code, int) and code > 128:
        _thread.start_new_thread(_send_until_taken, (_thread.get_ident(), code - 128, _signals_taken))
    else:
        sys.__unraisablehook__(dropped)


def _send_until_taken(thread: int, number: int, taken: int) -> None:
    """Send a signal until ``_end`` has run: one that comes right before a system call does not interrupt that."""
    from time import sleep

    while _signals_taken == taken:
        signal.pthread_kill(thread, number)
        sleep(0.05)

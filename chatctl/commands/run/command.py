"""``chatctl run``: run a command, and let the room know how it went."""

from __future__ import annotations

import contextlib
import shlex
import signal
import time
from typing import TYPE_CHECKING

import click

from chatctl.cli.options import ServerOptions, count_option, nick_option, own_nick, server_options, timeout_option
from chatctl.cli.output import warn
from chatctl.common.text import clean

if TYPE_CHECKING:
    from chatctl.client.core.speaker import Speaker
    from chatctl.commands.run.notifier import RunNotifier

MAX_TITLE = 200
"""Characters of the command line that the room sees."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] CMD...")
@server_options()
@nick_option()
@click.option("--title", metavar="TEXT", help="What to call it in the room.  [default: the command line]")
@count_option("--tail", least=0, most=1000, default=10, help="Say the last N lines of its output.")
@click.option("--quiet-success", is_flag=True, help="Say something only if it fails.")
@click.option("--require-room", is_flag=True, help="Don't start CMD if the room can't be told.")
@timeout_option(text="Give up talking to the room after this long; CMD has no limit.")
def run(
    server: ServerOptions,
    command: tuple[str, ...],
    nick: str | None,
    title: str | None,
    tail: int,
    quiet_success: bool,
    require_room: bool,
    timeout: float,
) -> None:
    """Run CMD, and tell the room how it went.

    The room hears that it started and how it ended; the exit code is CMD's own. CMD's output passes through
    untouched, its input is ours, and SIGINT, SIGTERM and SIGHUP go to it. A room that can't be reached is warned of
    once, on stderr, and changes nothing else. The room sees the command line: choose a --title if there is a secret
    in it.

    \b
    Examples:
      chatctl run -- make test
      chatctl run --nick cron --quiet-success -- /usr/local/bin/backup --all
      chatctl run --title report --tail 3 -- sh -c './report | gzip > it.gz'

    \b
    Exit codes:
      those of CMD   128+n CMD was ended by signal n
      126 CMD can't be run   127 CMD not found   2 usage
      with --require-room, before CMD starts: 3 nobody there
      4 outcome unknown   5 name, key or password refused
      6 rejected (no such room)
      7 not a chatctl server

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where the token is kept that says who we are
    """
    from chatctl.client.core.speaker import Speaker
    from chatctl.client.identity import post_hello
    from chatctl.client.io.blocking_transport import BlockingTransport
    from chatctl.commands.run.notifier import RunNotifier

    if not command[0]:
        raise click.UsageError("CMD is empty")
    address = server.address()
    shown = clean(title if title is not None else shlex.join(command))
    shown = shown if len(shown) <= MAX_TITLE else shown[: MAX_TITLE - 3] + "..."

    def speaker() -> Speaker:
        hello = post_hello(address, server.room, own_nick(nick))
        return Speaker(BlockingTransport(), address, hello, timeout, keep_open=False)

    notifier = RunNotifier(speaker, shown, quiet_success=quiet_success)
    if require_room:
        notifier.require_room()
    raise SystemExit(_run(command, notifier, tail))


def _run(command: tuple[str, ...], notifier: RunNotifier, tail: int) -> int:
    """Run the command, tell the room, and return the command's status."""
    from chatctl.commands.run.child import Child, NotStarted
    from chatctl.commands.run.last_lines import LastLines

    lines = LastLines(tail)
    began = time.monotonic()
    try:
        child = Child(command)
    except NotStarted as error:
        warn(f"cannot run {command[0]}: {error.why}")
        notifier.finish(error.status, f"could not be started ({error.why})", [])
        return error.status
    notifier.start()
    status = child.pass_on(lines.feed)
    notifier.finish(status, f"{ending(status)} {run_time(time.monotonic() - began)}", lines.take())
    return status


def ending(status: int) -> str:
    """Return how a program ended, in words that the time that it took follows."""
    if status == 0:
        return "done in"
    if status > 128:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(status - 128).name} after"
    return f"failed with {status} after"


def run_time(seconds: float) -> str:
    """Return how long a program ran, for a person."""
    from chatctl.common.durations import span

    return f"{seconds:.1f} s" if seconds < 10 else span(round(seconds))

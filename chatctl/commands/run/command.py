"""``chatctl run``: run a command, and let the room know how it went."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import time
from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import (
    ServerOptions,
    count_option,
    duration_option,
    file_option,
    nick_option,
    own_nick,
    server_options,
    timeout_option,
)
from chatctl.cli.output import warn
from chatctl.common.text import clean
from chatctl.errors import reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.client.core.speaker import Speaker
    from chatctl.commands.run.lock import RunLock
    from chatctl.commands.run.notifier import RunNotifier
    from chatctl.protocol import Hello

MAX_TITLE = 200
"""Characters of the command line that the room sees."""


@click.command(cls=Command, context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] CMD...")
@click.option("--title", metavar="TEXT", help="Its name in the room.  [default: the command line]")
@count_option("--tail", least=0, most=1000, default=10, help="Post the last N lines of its output.")
@click.option("--quiet-success", is_flag=True, help="Post only if it fails.")
@click.option("--cron", is_flag=True, help="Print CMD's output only if it fails.")
@duration_option(
    "--max-time", help="Stop CMD and its child processes after this long: SIGTERM, then SIGKILL after 10 s."
)
@file_option("--metrics", help="Write the result to this file, for the textfile collector of Prometheus.")
@click.option("--lock", metavar="NAME", help="Start CMD only if no other run in the room holds this lock.")
@click.option("--require-room", is_flag=True, help="Don't start CMD if its start can't be posted.")
@timeout_option(text="Give up posting its start, and then its end, after this long; CMD has no limit.")
@server_options()
@nick_option()
def run(
    server: ServerOptions,
    command: tuple[str, ...],
    nick: str | None,
    title: str | None,
    tail: int,
    quiet_success: bool,
    cron: bool,
    max_time: float | None,
    metrics: Path | None,
    lock: str | None,
    require_room: bool,
    timeout: float,
) -> None:
    """Run CMD, and report its start and end in the room.

    The exit code is CMD's own. CMD's output is passed on unchanged, its input is ours, and signals sent to us are sent
    to it. A process that it leaves in the background is not stopped. If the server can't be reached, one warning is
    printed to stderr and CMD runs all the same. If the server was there at the start and is away at the end, it is
    waited for within --timeout. The room sees the command line: set --title if it contains a secret.

    With --lock, one run at a time holds the lock, across all machines in the room; another one exits with 8 and says
    who holds it, without waiting. The lock is kept for a minute after a lost connection, and across a restart of the
    server. It is advisory: if it is lost while CMD runs, or an operator releases it, the room and stderr are told, and
    CMD continues.

    CMD's environment is ours: a chatctl in it takes its server and room from there, not from our options.

    With --max-time, CMD can't read from the terminal: it has a process group of its own.

    \b
    Examples:
      chatctl run -- make test
      chatctl run --nick cron --quiet-success --cron -- backup --all
      chatctl run --max-time 2h --metrics /var/lib/node/job.prom -- job
      chatctl run --lock backup -- backup --all
      chatctl run --title report --tail 3 -- sh -c './report | gzip > it.gz'

    \b
    Exit codes:
      those of CMD   128+n CMD was ended by signal n
      1 also: CMD ended with 0, but its output could not be written
      124 CMD was ended after --max-time
      126 CMD can't be run   127 CMD not found   2 usage
      with --require-room or --lock, before CMD starts:
      3 no server there   4 outcome unknown: start it again
      5 name, key or password refused
      6 rejected (no such room, an old server has no locks)
      7 not a chatctl server   8 another run holds the lock
      CMD may end with 3 to 8, too: a file that it makes tells it started

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the token that identifies us
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

    def hello() -> Hello:
        return post_hello(address, server.room, own_nick(nick))

    def speaker() -> Speaker:
        return Speaker(BlockingTransport(), address, hello(), timeout, keep_open=False)

    notifier = RunNotifier(speaker, shown, quiet_success=quiet_success, retry_for=timeout)
    with notifier, contextlib.ExitStack() as released:
        held = _lock(lock, address, hello(), notifier, timeout) if lock is not None else None
        if held is not None:
            released.callback(held.release)
        if require_room:
            notifier.require_room()
        began, start = time.time(), time.monotonic()
        status = _run(command, notifier, held, tail, cron=cron, max_time=max_time)
        if metrics is not None:
            _write_metrics(metrics, shown, status, began, time.monotonic() - start)
    raise SystemExit(status)


def _lock(name: str, address: Address, hello: Hello, notifier: RunNotifier, seconds: float) -> RunLock:
    """Return the lock, taken. Raises UsageError for a bad name; as ``RunLock.take``."""
    from chatctl.commands.run.lock import RunLock
    from chatctl.protocol import LEASE_NAME

    if re.match(LEASE_NAME, name) is None:
        raise click.UsageError("--lock takes 1 to 64 letters, digits and ._:@/+-, the first a letter or digit")
    lock = RunLock(address, hello, name, notifier.aside)
    lock.take(seconds)
    return lock


def _run(
    command: tuple[str, ...],
    notifier: RunNotifier,
    lock: RunLock | None,
    tail: int,
    *,
    cron: bool,
    max_time: float | None,
) -> int:
    """Run the command, tell the room, and return the status."""
    from chatctl.commands.run.child import Child, NotStarted
    from chatctl.commands.run.last_lines import LastLines
    from chatctl.commands.run.output import KeptUntilFailure, PassedOn

    lines = LastLines(tail)
    output = KeptUntilFailure() if cron else PassedOn()
    began = time.monotonic()
    try:
        child = Child(command, max_time)
    except NotStarted as error:
        warn(f"cannot run {command[0]}: {error.why}{_one_word(command)}")
        notifier.finish(error.status, f"could not be started ({error.why})", [])
        return error.status
    if lock is not None:
        lock.keep()
    notifier.start()
    status = child.pass_on(lines.feed, output)
    if child.timed_out:
        warn(f"{command[0]} was stopped: it ran longer than --max-time")
    how = f"{ending(status, timed_out=child.timed_out)} {run_time(time.monotonic() - began)}"
    if lost := output.finish(status):
        warn(f"the output of {command[0]} is not whole: {lost}")
        how = f"{how} ({lost})"
        status = status or 1
    notifier.finish(status, how, lines.take())
    return status


def _one_word(command: tuple[str, ...]) -> str:
    """Return a hint for a command line that was given as one word, as ``sh -c`` takes it."""
    is_line = len(command) == 1 and " " in command[0].strip() and "/" not in command[0].split()[0]
    return " (no shell splits it into words: leave the quotes out)" if is_line else ""


def _write_metrics(path: Path, title: str, status: int, began: float, seconds: float) -> None:
    """Write how it went; a failure is warned of, and changes nothing else."""
    from chatctl.commands.run.metrics import Run, write

    try:
        write(path, Run(title, status, began, seconds))
    except OSError as error:
        warn(f"cannot write {path}: {reason_of(error)}")


def ending(status: int, *, timed_out: bool = False) -> str:
    """Return how a program ended, in words that the time that it took follows."""
    if timed_out:
        return "ended by --max-time after"
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

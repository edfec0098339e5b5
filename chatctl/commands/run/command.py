"""``chatctl run``: run a command, and let the room know how it went."""

from __future__ import annotations

import shlex
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from chatctl.cli.options import nick_option, server_options, timeout_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chatctl.client.core.speaker import Speaker
    from chatctl.protocol import Limits

MAX_TITLE = 200
"""Characters of the command line that the room is shown."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] CMD...")
@server_options()
@nick_option()
@click.option("--title", metavar="TEXT", help="What to call it in the room.  [default: the command line]")
@click.option(
    "--tail",
    type=click.IntRange(0, 1000),
    default=10,
    show_default=True,
    metavar="N",
    help="Say the last N lines of its output.",
)
@click.option("--quiet-success", is_flag=True, help="Say something only if it fails.")
@click.option("--require-room", is_flag=True, help="Don't start CMD if the room can't be told.")
@timeout_option(text="Give up talking to the room after this long; CMD has no limit.")
def run(
    command: tuple[str, ...],
    host: str,
    port: int,
    unix: str | None,
    room: str,
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
      CHATCTL_PASSWORD CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where the token is kept that says who we are
    """
    from chatctl.cli.options import address_of, own_nick
    from chatctl.client.core.speaker import Speaker
    from chatctl.client.identity import post_hello
    from chatctl.client.io.blocking_transport import BlockingTransport
    from chatctl.common.text import clean

    address = address_of(host, port, unix)
    shown = clean(title if title is not None else shlex.join(command))
    shown = shown if len(shown) <= MAX_TITLE else shown[: MAX_TITLE - 3] + "..."

    def speaker() -> Speaker:
        hello = post_hello(address, room, own_nick(nick))
        return Speaker(BlockingTransport(), address, hello, timeout, keep_open=False)

    herald = RunNotifier(speaker, shown, quiet_success=quiet_success)
    if require_room:
        herald.insist()
    raise SystemExit(_run(command, herald, tail))


def _run(command: tuple[str, ...], herald: RunNotifier, tail: int) -> int:
    from chatctl.cli.output import note
    from chatctl.commands.run.child import Child, NotStarted
    from chatctl.commands.run.last_lines import LastLines

    lines = LastLines(tail)
    began = time.monotonic()
    try:
        child = Child(command)
    except NotStarted as error:
        note(f"chatctl: cannot run {command[0]}: {error.why}")
        herald.finish(error.status, f"could not be started ({error.why})", [])
        return error.status
    herald.start()
    status = child.pass_on(lines.feed)
    herald.finish(status, f"{ending(status)} {span(time.monotonic() - began)}", lines.take())
    return status


def ending(status: int) -> str:
    """Give how a program ended, in a word or two before the time that it took."""
    if status == 0:
        return "done in"
    if status <= 128:
        return f"failed with {status} after"
    try:
        return f"ended by {signal.Signals(status - 128).name} after"
    except ValueError:
        return f"failed with {status} after"


def span(seconds: float) -> str:
    """Return how long a program ran, for a person."""
    from chatctl.common import durations

    return f"{seconds:.1f} s" if seconds < 10 else durations.span(round(seconds))


class _Enough(Exception):
    """A signal came after CMD had ended: there is nothing left to wait for."""


class RunNotifier:
    """Tells the room. That it can't be told is said once, and is nobody else's trouble."""

    def __init__(self, speaker: Callable[[], Speaker], title: str, *, quiet_success: bool) -> None:
        """Say nothing yet. ``speaker`` may raise ChatError: there are names that nobody can have."""
        self._speaker = speaker
        self._title = title
        self._quiet_success = quiet_success
        self._said_start = False
        self._starting: threading.Thread | None = None
        self._warned = False

    def insist(self) -> None:
        """Tell the room now, or find out that it could be told. Raises ChatError."""
        from chatctl.client.io.blocking_transport import drive

        if self._quiet_success:
            drive(self._speaker().check())
        else:
            drive(self._speaker().say(f"started: {self._title}"))
            self._said_start = True

    def start(self) -> None:
        """Tell the room that it has started. Nobody waits for that."""
        if not (self._quiet_success or self._said_start):
            self._starting = threading.Thread(target=self._say, args=(f"started: {self._title}",), daemon=True)
            self._starting.start()

    def finish(self, status: int, how: str, lines: list[str]) -> None:
        """Tell the room how it ended. A signal cuts it short."""
        if self._quiet_success and status == 0:
            return

        from chatctl.commands.run.child import FORWARDED
        from chatctl.commands.run.last_lines import fit

        try:
            for number in FORWARDED:
                signal.signal(number, _enough)
            if not self._is_lost():
                self._say(lambda limits: fit(f"{how}: {self._title}", lines, limits.text))
        except _Enough:
            pass
        ignore(FORWARDED)

    def _is_lost(self) -> bool:
        """Wait for the first message. If that just failed, so would the last one."""
        if self._starting is None or not self._starting.is_alive():
            return False
        self._starting.join()
        return self._warned

    def _say(self, text: str | Callable[[Limits], str]) -> None:
        from chatctl.cli.output import note
        from chatctl.client.io.blocking_transport import drive

        try:
            drive(self._speaker().say(text))
        except _Enough:
            raise
        except Exception as error:  # noqa: BLE001 — whatever is wrong with us, CMD's status must come through
            if not self._warned:
                self._warned = True
                note(f"chatctl: the room does not hear of this: {error}")


def _enough(_number: int, _frame: FrameType | None) -> NoReturn:
    from chatctl.commands.run.child import FORWARDED

    ignore(FORWARDED)
    raise _Enough


def ignore(signals: Iterable[int]) -> None:
    """Let nothing change the status any more."""
    for number in signals:
        signal.signal(number, signal.SIG_IGN)

"""``chatctl tail``: print what is said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.options import (
    DURATION,
    FOLDED_NICK,
    REGEX,
    SINCE,
    FilePath,
    all_of,
    json_option,
    server_options,
    timeout_option,
)

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.follower import Follower
    from chatctl.client.core.message_filter import MessageFilter
    from chatctl.client.cursor_file import CursorFile
    from chatctl.client.requests import Since
    from chatctl.commands.tail.sinks import Sink
    from chatctl.protocol import Gap, Resume

NUMBER = 10
"""Messages of the past that are printed where nothing says how many."""

where_to_start = all_of(
    click.option(
        "-n",
        "number",
        type=click.IntRange(0),
        metavar="N",
        show_default=str(NUMBER),
        help="Print so many messages of the past first.",
    ),
    click.option(
        "--since",
        type=SINCE,
        metavar="SEQ|TIME|AGO",
        help="Start at message number SEQ, at a time (14:30, 2026-08-01T14:30, with or without a zone), or so long ago "
        "(10m).",
    ),
    click.option(
        "--cursor-file",
        type=FilePath(dir_okay=False),
        metavar="PATH",
        help="Remember there what was printed, and go on behind it the next time; the first time, -n or --since count.",
    ),
)

what_to_take = all_of(
    click.option(
        "--from",
        "nicks",
        type=FOLDED_NICK,
        multiple=True,
        metavar="NICK",
        help="Only messages of this member. Repeatable.",
    ),
    click.option("--match", type=REGEX, metavar="REGEX", help="Only messages in which this is found (Python's re)."),
)

when_to_end = all_of(
    click.option(
        "--follow/--no-follow", "-f", default=True, help="Go on with what is said from now on.  [default: follow]"
    ),
    click.option("--count", type=click.IntRange(1), metavar="N", help="End after so many messages."),
    click.option(
        "--idle", type=DURATION, metavar="DURATION", help="End, with 0, when no message was printed for so long."
    ),
    timeout_option(None, "End, with 8, after so long: --count was not reached.  [default: never]"),
    click.option(
        "--reconnect/--no-reconnect",
        default=True,
        help="Come back and go on when the connection breaks, or end with 3.  [default: reconnect]",
    ),
)

what_to_do = all_of(
    json_option(),
    click.option("-0", "--null", "null", is_flag=True, help="End each message with a NUL instead of an LF."),
    click.option(
        "--exec",
        "command",
        metavar="CMD",
        help="Run CMD for each message instead of printing it: text on its stdin, the rest in its environment.",
    ),
    click.option("--keep-going", is_flag=True, help="Go on when CMD fails."),
)


@click.command()
@server_options()
@where_to_start
@what_to_take
@when_to_end
@what_to_do
def tail(
    host: str,
    port: int,
    unix: str | None,
    room: str,
    number: int | None,
    since: Since | None,
    cursor_file: Path | None,
    nicks: tuple[str, ...],
    match: re.Pattern[str] | None,
    follow: bool,
    count: int | None,
    idle: float | None,
    timeout: float | None,
    reconnect: bool,
    as_json: bool,
    null: bool,
    command: str | None,
    keep_going: bool,
) -> None:
    """Print what was said and what is said, without joining.

    A message is a line. It survives a server's restart and goes on where it stood; what can't be shown any more is
    told on stderr. CMD of --exec is no shell string: its words are cut as a shell cuts them. It gets CHATCTL_SEQ,
    CHATCTL_TIME (Unix seconds), CHATCTL_AUTHOR, CHATCTL_ROOM and CHATCTL_ACTION (1 or empty).

    \b
    Examples:
      chatctl tail -n 50 --no-follow
      chatctl tail --json | jq -r .text
      chatctl tail -n 0 --count 1 --timeout 10m    # wait for somebody to speak
      chatctl tail --since 1h --match 'deploy|rollback' --no-follow
      chatctl tail --cursor-file ~/.seen --exec ./on-message

    \b
    Exit codes:
      0 done, or nobody reads our output any more
      1 CMD failed, or a file could not be written
      2 usage   3 nobody there   5 password refused   6 no such room
      7 not a chatctl server   8 the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where known servers are kept
    """
    from chatctl.cli.options import address_of
    from chatctl.cli.output import note
    from chatctl.client.core.cursor import Cursor
    from chatctl.client.core.follower import Follower
    from chatctl.client.core.message_filter import MessageFilter
    from chatctl.client.core.subscription import CONNECT_SECONDS
    from chatctl.client.cursor_file import CursorFile
    from chatctl.client.io.blocking_transport import BlockingTransport, drive
    from chatctl.client.io.clock import deadline_in
    from chatctl.commands.tail.sinks import split_command

    words = split_command(command) if command is not None else None
    _check(number, since, words, as_json=as_json, null=null, keep_going=keep_going)
    deadline = deadline_in(timeout)
    entering = deadline.sooner(CONNECT_SECONDS) if timeout is None else deadline
    address, keep = address_of(host, port, unix), CursorFile(cursor_file) if cursor_file is not None else None
    cursor = Cursor(keep.load() if keep is not None else None)
    if since is not None and cursor.resume is None:
        cursor.resume = _seek(address, room, since, entering)
    reader = sys.stdout.fileno() if sys.stdout is not None else None
    history = NUMBER if number is None else number
    transport = BlockingTransport(reader)
    follower = Follower(transport, address, room, cursor, history=history, idle=idle, reconnect=reconnect, notice=note)
    try:
        welcome = drive(follower.open(entering))
        sink = _sink(words, welcome.room, deadline, as_json=as_json, null=null, keep_going=keep_going)
        least = (since.seq or 0) if since is not None else 0
        job = Job(follower, sink, MessageFilter(nicks, match), keep, least=least, count=count)
        job.run(deadline, follow=follow)
    finally:
        follower.close()


def _check(
    number: int | None, since: Since | None, words: list[str] | None, *, as_json: bool, null: bool, keep_going: bool
) -> None:
    if number is not None and since is not None:
        raise click.UsageError("-n and --since both say where to start: give one of them")
    if words is not None and (as_json or null):
        raise click.UsageError("--exec prints nothing: leave --json and -0 out")
    if keep_going and words is None:
        raise click.UsageError("--keep-going is for --exec")


def _seek(address: Address, room: str, since: Since, deadline: Deadline) -> Resume:
    from chatctl.client.io.blocking_connection import BlockingConnection
    from chatctl.client.io.blocking_transport import drive
    from chatctl.client.requests import seek
    from chatctl.protocol import VERSION, Hello

    with BlockingConnection(address, Hello(v=VERSION, room=room, mode="probe"), deadline) as connection:
        return drive(seek(connection, since, deadline))


def _sink(
    words: list[str] | None, room: str, deadline: Deadline, *, as_json: bool, null: bool, keep_going: bool
) -> Sink:
    from chatctl.commands.tail.sinks import Exec, json_sink, print_lines, print_record

    if words is not None:
        return Exec(words, room, deadline, keep_going=keep_going)
    if as_json:
        return json_sink("\0" if null else "\n")
    return print_record if null else print_lines


class Job:
    """One run of ``tail``: what is wanted goes into the sink, and only then is it remembered."""

    def __init__(
        self,
        follower: Follower,
        sink: Sink,
        wanted: MessageFilter,
        keep: CursorFile | None,
        *,
        least: int,
        count: int | None,
    ) -> None:
        """End after ``count`` messages; leave those numbered under ``least`` out."""
        self._follower = follower
        self._sink = sink
        self._wanted = wanted
        self._keep = keep
        self._least = least
        self._count = count

    def run(self, deadline: Deadline, *, follow: bool) -> None:
        """Do it. Raises what the follower and the sink raise."""
        from chatctl.cli.output import note
        from chatctl.client.io.blocking_transport import drive
        from chatctl.protocol import Gap

        taken = 0
        self._remember()
        while (entry := drive(self._follower.next(deadline, follow=follow))) is not None:
            if isinstance(entry, Gap):
                note(gap_line(entry))
            elif entry.seq >= self._least and self._wanted(entry):
                self._sink(entry)
                self._follower.restart_idle()
                taken += 1
            self._remember()
            if taken == self._count:
                return

    def _remember(self) -> None:
        if self._keep is not None and self._follower.cursor.resume is not None:
            self._keep.save(self._follower.cursor.resume)


def gap_line(gap: Gap) -> str:
    """Give what a person is told of entries that can't be shown."""
    if gap.why == "lost":
        return "(the log is not the one that was read before: going on at its end)"
    return f"({gap.to - gap.from_ + 1} messages can't be shown, {gap.from_} to {gap.to}: {gap.why})"

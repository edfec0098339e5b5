"""``chatctl tail``: print what is said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Command, option_group
from chatctl.cli.options import (
    ServerOptions,
    authors_option,
    count_option,
    duration_option,
    json_option,
    refuse,
    server_options,
    timeout_option,
)
from chatctl.cli.output import note
from chatctl.cli.param_types import REGEX, FilePath, Parsed, split_command
from chatctl.commands.tail.since_type import parse_since

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from chatctl.client.requests import Since

NUMBER = 10
"""Messages of the past that are printed by default."""


@click.command(cls=Command)
@option_group(
    "Messages",
    count_option("-n", "number", least=0, show_default=str(NUMBER), help="Print this many past messages first."),
    click.option(
        "--since",
        type=Parsed(parse_since),
        metavar="SEQ|TIME|AGO",
        help="Start at message number SEQ, at a time (14:30, yesterday, 2026-08-01T14:30, with or without a zone, "
        "@UNIX), or this long ago (10m, 1h30m).",
    ),
    click.option(
        "--cursor-file",
        type=FilePath(dir_okay=False),
        metavar="PATH",
        help="Store in PATH what was printed, and continue after it next time; the first time, -n or --since decide. "
        "For one reader of one room; creates PATH.lock as well.",
    ),
    authors_option("Only messages of this member. Repeatable."),
    click.option("--match", type=REGEX, metavar="REGEX", help="Only messages that match REGEX anywhere (Python's re)."),
)
@option_group(
    "When to exit",
    click.option("--follow/--no-follow", "-f", default=True, help="Wait for new messages.  [default: follow]"),
    count_option("--count", help="Exit after this many messages."),
    duration_option("--idle", help="Exit with 0 when no message was printed for this long."),
    timeout_option(None, "Exit with 8 after this long if --count was not reached.  [default: never]"),
    click.option(
        "--reconnect/--no-reconnect",
        default=True,
        help="Reconnect and continue when the connection breaks, or exit with 3.  [default: reconnect]",
    ),
)
@option_group(
    "Output",
    json_option(),
    click.option("-0", "--null", "null", is_flag=True, help="End each message with a NUL instead of an LF."),
    click.option(
        "--exec",
        "command",
        metavar="CMD",
        help="Run CMD for each message instead of printing it: text on its stdin, the rest in its environment.",
    ),
    click.option("--keep-going", is_flag=True, help="Continue when CMD fails."),
)
@server_options()
def tail(
    server: ServerOptions,
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
    """Print past and new messages, without joining.

    A message of several lines takes as many; with --json it takes one, and with -0 a NUL ends it.

    After a restart of the server it reconnects and continues where it was. Messages that are no longer available are
    reported on stderr, also with --json: stdout has messages only. CMD of --exec is split into words as a shell does,
    but no shell runs it. Its environment has
    CHATCTL_SEQ, CHATCTL_TIME (Unix seconds), CHATCTL_AUTHOR, CHATCTL_ROOM and CHATCTL_ACTION (1 or empty).

    \b
    Examples:
      chatctl tail -n 50 --no-follow
      chatctl tail --json | jq -r .text
      chatctl tail -n 0 --count 1 --timeout 10m    # wait for a message
      chatctl tail --since 1h --match 'deploy|rollback' --no-follow
      chatctl tail --cursor-file ~/.seen --exec ./on-message

    \b
    Exit codes:
      0 done, or the reader of our output has closed it
      1 CMD failed, a file could not be written, or the cursor file is in
        use, of another room, or of a log that no longer exists
      2 usage   3 no server there   5 password refused   6 no such room
      7 not a chatctl server   8 the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the known servers
    """
    from chatctl.client.core.cursor import Cursor
    from chatctl.client.core.follower import Follower
    from chatctl.client.core.message_filter import MessageFilter
    from chatctl.client.core.subscription import CONNECT_SECONDS
    from chatctl.client.cursor_file import CursorFile
    from chatctl.client.io.blocking_transport import BlockingTransport, drive
    from chatctl.client.io.bounded_search import BoundedSearch
    from chatctl.client.io.clock import deadline_in
    from chatctl.commands.tail.pump import find_start, pump
    from chatctl.commands.tail.sinks import make_sink

    words = split_command(command, "--exec") if command is not None else None
    refuse(
        (number is not None and since is not None, "-n and --since both say where to start: give one of them"),
        (words is not None and (as_json or null), "--exec prints nothing: leave --json and -0 out"),
        (keep_going and words is None, "--keep-going is for --exec"),
    )
    deadline = deadline_in(timeout)
    connecting = deadline.sooner(CONNECT_SECONDS) if timeout is None else deadline
    address, kept, cursor = server.address(), None, Cursor()
    if cursor_file is not None:
        kept = CursorFile(cursor_file, str(address))
        kept.lock()
        cursor = Cursor(kept.load())
    if since is not None and cursor.resume is None:
        cursor.resume = find_start(address, server.room, since, connecting)
    transport = BlockingTransport(sys.stdout.fileno() if sys.stdout is not None else None)
    history = NUMBER if number is None else number
    follower = Follower(
        transport, address, server.room, cursor, history=history, idle=idle, reconnect=reconnect, notice=note
    )
    try:
        welcome = drive(follower.open(connecting))
        if kept is not None:
            kept.enter(welcome.room, lost=cursor.lost)
        sink = make_sink(words, welcome.room, deadline, as_json=as_json, null=null, keep_going=keep_going)
        pump(
            follower,
            sink,
            MessageFilter(nicks, BoundedSearch(match, deadline, notice=note) if match is not None else None),
            kept,
            deadline,
            least=(since.seq or 0) if since is not None else 0,
            follow=follow,
            count=count,
        )
    finally:
        follower.close()

"""``chatctl search``: find what was said."""

from __future__ import annotations

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import (
    ServerOptions,
    authors_option,
    count_option,
    json_option,
    server_options,
    timeout_option,
)
from chatctl.cli.output import emit_lines, json_line, message_lines, moment, note
from chatctl.cli.param_types import MOMENT, TEXT
from chatctl.errors import ConditionNotMet


@click.command(cls=Command)
@click.argument("words", nargs=-1, required=True, type=TEXT)
@click.option(
    "--since",
    type=MOMENT,
    metavar="MOMENT",
    help="Only messages from this time on: 2h (ago), 14:30, yesterday, 2026-01-31.",
)
@authors_option("Only messages of this member. Repeatable.")
@count_option("--limit", default=50, help="Print at most this many messages, the newest.")
@count_option("--before", metavar="SEQ", help="Only messages before number SEQ.")
@timeout_option("30s", "Exit with 8 after this long; what was found until then is printed.")
@json_option()
@server_options()
def search(
    server: ServerOptions,
    words: tuple[str, ...],
    since: float | None,
    nicks: tuple[str, ...],
    limit: int,
    before: int | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Find messages by phrase, author and time.

    This is a phrase search: a message is found if its text contains WORDS, joined by single spaces, anywhere and in any
    case. Prints date and time, number, nickname and text, the newest message last. If there may be more, a line on
    stderr says how to get them. Whispers are not stored; redacted and deleted messages are not found.

    \b
    Examples:
      chatctl search build failed
      chatctl search --from nadia --since yesterday https://
      chatctl search --json --limit 1 deployed | jq -r .time

    \b
    Exit codes:
      0 found, or the reader of our output has closed it   2 usage
      3 no server there   5 password refused
      6 no such room, or the server is too old
      7 not a chatctl server   8 nothing found, or the deadline passed
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the known servers
    """
    from chatctl.client.core.deadline import DeadlinePassed
    from chatctl.client.core.log_search import search_frame, search_pages
    from chatctl.client.io.blocking_transport import connect, each
    from chatctl.client.io.clock import deadline_in
    from chatctl.protocol import VERSION, Found, Hello, Msg

    try:
        wanted = search_frame(" ".join(words), nicks=nicks, since=since, before=before, limit=limit)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    deadline, hello = deadline_in(timeout), Hello(v=VERSION, room=server.room, mode="probe")
    found: list[Msg] = []
    last: Found | None = None
    late: DeadlinePassed | None = None
    with connect(server.address(), hello, deadline) as connection:
        try:
            for last in each(search_pages(connection, wanted, deadline)):
                found += last.entries
        except DeadlinePassed as error:
            late = error
    for entry in reversed(found):
        emit_lines([json_line(entry)] if as_json else message_lines(entry, number=True), as_json=as_json)
    if last is not None and last.more:
        back = f" ({moment(last.time)})" if last.time is not None else ""
        note(f"looked back to #{last.before}{back}: --before {last.before} continues")
    if late is not None:
        raise late
    if not found:
        raise ConditionNotMet("nothing found")

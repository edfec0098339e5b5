"""``chatctl send``: say something from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.completers import known
from chatctl.cli.options import (
    DURATION,
    FOLDED_NICK,
    REGEX,
    FilePath,
    all_of,
    json_option,
    nick_option,
    server_options,
    timeout_option,
)

if TYPE_CHECKING:
    import re
    from pathlib import Path

MAX_KEY = 100
"""Characters of ``--id``: a server takes 128, and each line's number comes behind it."""

what_to_say = all_of(
    click.option("--lines", is_flag=True, help="Send each line of stdin as a message, as it comes."),
    click.option(
        "--file",
        "path",
        type=FilePath(exists=True, dir_okay=False, allow_dash=True),
        metavar="PATH",
        help="Send each line of a file as a message; - is stdin.",
    ),
    click.option("--me", is_flag=True, help="Say what you do: '* ci deploys'."),
    click.option(
        "--to", metavar="NICK", shell_complete=known("nicks"), help="Whisper to one member; nothing of it is kept."
    ),
)

how_surely = all_of(
    click.option("--id", "key", metavar="KEY", help="Say it once, however often it is sent under this KEY."),
    click.option("--print-id", is_flag=True, help="Print the KEY first; without --id one is made up."),
    click.option(
        "--retry-for",
        type=DURATION,
        metavar="DURATION",
        envvar="CHATCTL_RETRY_FOR",
        help="When the server is away, full or out of storage, try again for so long; it is said once all the same.",
    ),
)

what_to_wait_for = all_of(
    click.option(
        "--wait-reply",
        type=REGEX,
        metavar="REGEX",
        help="Then wait for a message in which this is found, and print it.",
    ),
    click.option(
        "--from",
        "nicks",
        type=FOLDED_NICK,
        multiple=True,
        metavar="NICK",
        help="Only a reply of this member counts. Repeatable.",
    ),
)


@click.command()
@click.argument("text", required=False)
@server_options()
@nick_option()
@what_to_say
@how_surely
@what_to_wait_for
@click.option("--classic", is_flag=True, help="Talk to a server of the very first version (ASCII).")
@timeout_option(text="Give up after this long; with --lines, --file or --retry-for: for each try and answer.")
@json_option()
def send(
    text: str | None,
    host: str,
    port: int,
    unix: str | None,
    room: str,
    nick: str | None,
    lines: bool,
    path: Path | None,
    me: bool,
    to: str | None,
    key: str | None,
    print_id: bool,
    retry_for: float | None,
    wait_reply: re.Pattern[str] | None,
    nicks: tuple[str, ...],
    classic: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Say TEXT once, and end when the server has it.

    Without TEXT, or with '-', all of stdin is one message. Prints nothing: the exit code tells. A line of --lines or
    --file has KEY and its number for an id, so the same input under the same KEY is said once, too.

    \b
    Examples:
      chatctl send "deploy done"
      uptime | chatctl send --nick db1
      tail -f build.log | chatctl send --lines --nick ci --retry-for 10m
      chatctl send --id "backup-$(date +%F)" --retry-for 60s "backup done"
      chatctl send "now?" --wait-reply '^(yes|no)$' --from nadia --timeout 10m

    \b
    Exit codes:
      0 said   1 stdout could not be written   2 usage
      3 nobody there, nothing sent
      4 outcome unknown: repeat it with the same --id and --retry-for
      5 name, key or password refused
      6 rejected (too long, no such room, nobody of that name)
      7 not a chatctl server   8 said, but no reply in time
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_RETRY_FOR CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where the token is kept that makes an id ours
    """
    import os

    from chatctl.cli.options import address_of, no_tls_with_classic, own_nick
    from chatctl.commands.send.delivery import Plan, deliver

    _check_source(text, path, lines=lines)
    _check_key(key)
    if me and to is not None:
        raise click.UsageError("a whisper can't be a --me")
    if nicks and wait_reply is None:
        raise click.UsageError("--from is for --wait-reply")
    if classic and any((me, to, key, print_id, retry_for, wait_reply, as_json)):
        raise click.UsageError("--classic takes no other options than server, nickname, text and time")
    plan = Plan(
        text=text,
        path=path if path is None or str(path) != "-" else None,
        lines=lines or str(path) == "-",
        address=address_of(host, port, unix),
        nick=own_nick(nick),
        room=room,
        to=to,
        me=me,
        key=key if key is not None else os.urandom(8).hex(),
        print_id=print_id,
        timeout=timeout,
        retry_for=retry_for,
        wait_reply=wait_reply,
        nicks=nicks,
        as_json=as_json,
    )
    if classic:
        no_tls_with_classic(plan.address)
    deliver(plan, classic=classic)


def _check_source(text: str | None, path: Path | None, *, lines: bool) -> None:
    if lines and path is not None and str(path) != "-":
        raise click.UsageError("--lines reads stdin and --file a file: give one of them")
    if lines and text not in (None, "-"):
        raise click.UsageError("--lines reads stdin: leave TEXT out")
    if path is not None and text is not None:
        raise click.UsageError("--file says what to send: leave TEXT out")


def _check_key(key: str | None) -> None:
    if key is None:
        return
    try:
        key.encode()
    except UnicodeEncodeError:
        raise click.UsageError("--id is not UTF-8") from None
    if not 0 < len(key) <= MAX_KEY:
        raise click.UsageError(f"--id takes 1 to {MAX_KEY} characters")

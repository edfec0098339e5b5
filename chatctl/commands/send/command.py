"""``chatctl send``: say something from a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chatctl.cli.completers import completer
from chatctl.cli.help_pages import option_group
from chatctl.cli.message_command import MessageCommand
from chatctl.cli.options import (
    ServerOptions,
    authors_option,
    choice_option,
    duration_option,
    json_option,
    nick_option,
    own_nick,
    refuse,
    require_no_tls,
    server_options,
    timeout_option,
)
from chatctl.cli.param_types import REGEX, TEXT, FilePath

if TYPE_CHECKING:
    from chatctl.commands.send.delivery import SendOptions

MAX_KEY = 100
"""Characters of ``--id``: a server takes 128, and the number of a line is appended."""


@click.command(cls=MessageCommand)
@click.argument("text", required=False)
@option_group(
    "Message",
    click.option("--lines", is_flag=True, help="Send each line of stdin as one message, as it arrives."),
    click.option(
        "--file",
        "path",
        type=FilePath(exists=True, dir_okay=False, allow_dash=True),
        metavar="PATH",
        help="Send each line of a file as one message, all or none; - is stdin.",
    ),
    choice_option(
        "--overflow",
        choices=["error", "truncate", "split"],
        default="error",
        help="If the text is too long: fail, shorten it, or send several messages.",
    ),
    click.option("--lossy", is_flag=True, help="Replace bytes that are not UTF-8 by U+FFFD instead of failing."),
    click.option("--plain", is_flag=True, help="Remove colours and other escape sequences, CR and BOM."),
    click.option("--me", is_flag=True, help="Send an action: '* ci deploys'."),
    click.option(
        "--to",
        type=TEXT,
        metavar="NICK",
        shell_complete=completer("nicks"),
        help="Send privately to one member; the server does not store it.",
    ),
)
@option_group(
    "Delivery",
    click.option("--id", "key", type=TEXT, metavar="KEY", help="Store the message once, however often KEY is sent."),
    click.option("--print-id", is_flag=True, help="Print KEY before sending; without --id a random one is used."),
    duration_option(
        "--retry-for",
        envvar="CHATCTL_RETRY_FOR",
        help="While the server is unreachable, full or out of storage, retry for this long; still stored once.",
    ),
    timeout_option(
        text="Give up after this long, stdin included if it is given; with --lines, --file or --retry-for: for each "
        "attempt and answer."
    ),
    click.option("--classic", is_flag=True, help="Use the protocol of the first version's servers (ASCII)."),
)
@option_group(
    "Reply",
    click.option(
        "--wait-reply",
        type=REGEX,
        metavar="REGEX",
        help="After sending, wait for a message that matches REGEX anywhere, and print it.",
    ),
    authors_option("Accept replies of this member only. Repeatable."),
)
@json_option()
@server_options()
@nick_option()
@click.pass_context
def send(ctx: click.Context, /, server: ServerOptions, nick: str | None, classic: bool, **given: Any) -> None:
    """Send TEXT once, and exit when the server has stored it.

    Without TEXT, or with '-', all of stdin is one message. Put -- before a TEXT that may begin with a dash. Nothing is
    printed; the exit code says what happened.

    --lines skips a line that can't be sent, and reports it; --file sends all lines or none. The id of each line is KEY
    and the line's number, so the same input with the same KEY is stored once, too. A different text with the same KEY
    is an error as long as the server keeps the first one.

    With --json, a refusal is printed to stdout, too: its "code" is nick_taken, id_reused, room_invalid, too_long and so
    on, as in docs/protocol.md.

    \b
    Examples:
      chatctl send "deploy done"
      uptime | chatctl send --nick db1
      chatctl send --nick ci -- "$MESSAGE"    # --: it may begin with a dash
      tail -f build.log | chatctl send --lines --plain --lossy --nick ci
      make 2>&1 | chatctl send --plain --lossy --overflow split
      chatctl send --id "backup-$(date +%F)" --retry-for 60s "backup done"
      chatctl send "now?" --wait-reply '^(yes|no)$' --from nadia --timeout 10m

    \b
    Exit codes:
      0 stored   1 stdout could not be written   2 usage
      3 not sent: no server there, or stdin did not end in time
      4 outcome unknown: repeat it with the same --id and --retry-for
      5 name, key or password refused
      6 rejected (too long, no such room, no member of that name, KEY of
        another text), or some of --lines could not be sent
      7 not a chatctl server   8 stored, but no reply in time
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_RETRY_FOR CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the token that ids belong to
    """
    from chatctl.commands.send.delivery import Delivery, SendOptions, deliver_classic

    is_default = ctx.get_parameter_source("timeout") is ParameterSource.DEFAULT
    options = SendOptions(reading=None if is_default else given["timeout"], **given)
    _check(options, classic=classic)
    address, name = server.address(), own_nick(nick)
    if classic:
        require_no_tls(address)
        deliver_classic(options, address, name)
    else:
        Delivery(options, address, server.room, name).run()


def _check(options: SendOptions, *, classic: bool) -> None:
    """Raise UsageError for options that exclude each other, and for a key that can't be an id."""
    refuse(
        (options.lines and options.file is not None, "--lines reads stdin and --file a file: give one of them"),
        (options.lines and options.text not in (None, "-"), "--lines reads stdin: leave TEXT out"),
        (options.path is not None and options.text is not None, "--file says what to send: leave TEXT out"),
        (options.key is not None and not 0 < len(options.key) <= MAX_KEY, f"--id takes 1 to {MAX_KEY} characters"),
        (options.me and options.to is not None, "a whisper can't be a --me"),
        (options.nicks and options.wait_reply is None, "--from is for --wait-reply"),
        (
            classic and options.needs_json_dialect,
            "--classic takes no other options than server, nickname, text and time",
        ),
    )
    try:
        (options.key or "").encode()
    except UnicodeEncodeError:
        raise click.UsageError("--id is not UTF-8") from None

"""``chatctl join``: talk in the room."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from chatctl.cli.help_pages import Command, option_group
from chatctl.cli.options import (
    ServerOptions,
    choice_option,
    count_option,
    nick_option,
    own_nick,
    require_no_tls,
    server_options,
)
from chatctl.cli.param_types import split_command


@click.command(cls=Command)
@count_option("--history", least=0, most=1000, default=50, help="Show this many past messages first.")
@click.option("--classic", is_flag=True, help="Use the protocol of the first version's servers (ASCII).")
@option_group(
    "Notifications",
    choice_option("--notify", choices=["off", "mention", "all"], default="mention", help="When to ring the bell."),
    click.option(
        "--notify-command",
        metavar="CMD",
        help="Run CMD when it rings: text on its stdin, the rest in its environment.",
    ),
    choice_option(
        "--notify-osc",
        choices=["auto", "9", "777", "off"],
        default="auto",
        help="Escape sequence for the terminal's own notifications; also through tmux and screen.",
    ),
)
@option_group(
    "Terminal",
    click.option("--plain", is_flag=True, help="Read and write plain lines, as without a terminal."),
    click.option("--linear", is_flag=True, help="Append lines and never redraw: for screen readers."),
    choice_option("--keys", choices=["emacs", "vi"], default="emacs", help="Key bindings of the input line."),
    click.option("--no-history-file", is_flag=True, help="Don't store the lines that you type."),
)
@server_options(several_rooms=True)
@nick_option()
def join(
    server: ServerOptions,
    nick: str | None,
    history: int,
    notify: str,
    notify_command: str | None,
    notify_osc: str,
    plain: bool,
    linear: bool,
    no_history_file: bool,
    keys: str,
    classic: bool,
) -> None:
    """Chat in a room, in the terminal. /help lists the commands, Ctrl-D leaves.

    Incoming messages never disturb what you are typing. After a broken connection it reconnects automatically and shows
    what you missed. In several rooms one is shown at a time: /2 or Alt-2 switches to the second one, and the prompt
    says in which rooms there are unread messages.

    \b
    Examples:
      chatctl join --nick Rajat
      chatctl join --host chat.example.org --room ops
      chatctl join --host chat.example.org --tls
      chatctl join --room lobby --room ops
      echo "hello from a script" | chatctl join --nick ci

    \b
    Exit codes:
      0 left   1 internal error   2 usage   3 no server there
      4 stdin is a pipe: a line was sent, and no answer came
      5 name, key or password refused; joined from elsewhere with it
      6 no such room, or full; kicked; stdin is a pipe: a line was refused
      7 not a chatctl server   129 the terminal is gone
      130 interrupted   131 quit   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_NICK CHATCTL_CONFIG
      VISUAL EDITOR   the editor of Ctrl-X Ctrl-E
      TMPDIR   folder of the file that it edits
      CHATCTL_STATE_DIR   folder of the token, the draft and unsent lines
      NO_COLOR   no colours
      TERM   dumb: as --plain
    """
    words = split_command(notify_command, "--notify-command") if notify_command is not None else None
    address, name = server.address(), own_nick(nick)
    if classic:
        require_no_tls(address)
    elif address.tls:
        from chatctl.terminal.login_prompts import confirm_server

        address = confirm_server(address)

    from chatctl.terminal.terminal_modes import TerminalModes

    modes = None if plain or not has_terminal(linear=linear) else TerminalModes(0, erases=not linear)
    with contextlib.nullcontext() if modes is None else modes.taken():
        from chatctl.terminal.app import run_classic, run_join
        from chatctl.terminal.interfaces import JoinOptions, ScreenOptions
        from chatctl.terminal.notify_command import NotifyCommand

        screen = ScreenOptions(not no_history_file, keys, linear, notify_osc)  # type: ignore[arg-type]  # click.Choice
        if classic:
            raise SystemExit(run_classic(address, name, modes, screen))
        first, *more = dict.fromkeys(server.rooms)
        options = JoinOptions(
            address,
            first,
            name,
            history,
            notify,  # type: ignore[arg-type]  # a click.Choice
            notify_command=NotifyCommand(words) if words is not None else None,
            more_rooms=tuple(more),
        )
        raise SystemExit(run_join(options, modes, screen))


def has_terminal(*, linear: bool) -> bool:
    """Return whether stdin and stdout are a terminal on which a prompt can be drawn; ``linear``: text be added."""
    ends = (sys.stdin, sys.stdout)  # either is None where it was closed
    is_one = all(end is not None and end.isatty() for end in ends)
    return is_one and (linear or os.environ.get("TERM", "dumb") not in ("dumb", ""))

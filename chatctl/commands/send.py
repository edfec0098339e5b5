"""``chatctl send``: say something from a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from chatctl.commands.options import json_option, nick_option, server_options, timeout_option

if TYPE_CHECKING:
    from chatctl.client.address import Address
    from chatctl.client.blocking import Connection


@click.command()
@click.argument("text", required=False)
@server_options()
@nick_option()
@click.option("--lines", is_flag=True, help="Send each line of stdin as a message, as it comes.")
@click.option("--classic", is_flag=True, help="Talk to a server of the very first version (ASCII).")
@timeout_option()
@json_option()
def send(
    text: str | None,
    host: str,
    port: int,
    unix: str | None,
    room: str,
    nick: str | None,
    lines: bool,
    classic: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Say TEXT once, and end when the server has it.

    Without TEXT, or with '-', all of stdin is one message. Prints nothing: the exit code tells.

    \b
    Examples:
      chatctl send "deploy done"
      uptime | chatctl send --nick db1
      tail -f build.log | chatctl send --lines --nick ci

    \b
    Exit codes:
      0 said   2 usage   3 nobody there, nothing sent   4 outcome unknown
      5 name refused   6 rejected (too long, no such room)   7 not a chatctl server
    """
    from chatctl.commands.options import address_of, own_nick

    address, name = address_of(host, port, unix), own_nick(nick)
    if lines and text not in (None, "-"):
        raise click.UsageError("--lines reads stdin: leave TEXT out")
    message = None if lines else _message(text)
    if classic:
        _send_classic(address, name, message, timeout)
    else:
        _send_json(address, name, room, message, timeout, as_json)


def _message(text: str | None) -> str:
    """Give the one message. A last line end of stdin ends the line, it is no part of the message."""
    if text is None and sys.stdin.isatty():
        raise click.UsageError("give TEXT, or pipe it in (chatctl send --help)")
    if text is None or text == "-":
        text = _decode(sys.stdin.buffer.read()).removesuffix("\n")
    if not text:
        raise click.UsageError("there is nothing to send: the message is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("TEXT is not UTF-8") from None
    return text


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"stdin is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start})") from None


def _send_json(address: Address, nick: str, room: str, message: str | None, timeout: float, as_json: bool) -> None:
    from chatctl.client.blocking import Connection, Deadline
    from chatctl.client.identity import token_for
    from chatctl.client.say import say
    from chatctl.commands.output import emit_json
    from chatctl.protocol import VERSION, Hello

    hello = Hello(v=VERSION, nick=nick, room=room, mode="post", token=token_for(address))
    deadline = Deadline.after(timeout)
    with Connection(address, hello, deadline) as connection:
        texts = _stdin_lines(connection) if message is None else iter([message])
        each = (lambda: Deadline.after(timeout)) if message is None else (lambda: deadline)
        for ack in say(connection, texts, each):
            if as_json:
                emit_json(ack)


def _stdin_lines(connection: Connection) -> Iterator[str | None]:
    """Yield each line of stdin that is not empty; None before a wait. The server's pings are answered meanwhile."""
    import os
    import select

    from chatctl.protocol import Framer

    stdin = sys.stdin.fileno()
    framer = Framer(limit=1 << 24)
    while True:
        yield None
        ready, _, _ = select.select([stdin, connection], [], [])
        if connection in ready:
            connection.poll()
        if stdin in ready:
            data = os.read(stdin, 65536)
            for line in framer.feed(data or b"\n" * bool(len(framer))):
                if line:
                    yield _decode(line)
            if not data:
                return


def _send_classic(address: Address, nick: str, message: str | None, timeout: float) -> None:
    from chatctl.client.classic_blocking import say_classic

    texts = (
        [message] if message is not None else [line for line in _decode(sys.stdin.buffer.read()).split("\n") if line]
    )
    say_classic(address, nick, texts, timeout)

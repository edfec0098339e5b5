"""The messages of ``send``: TEXT, all of stdin, or one message per line. No text is trimmed, cut or replaced.

The n-th line of a run whose id is KEY has the id ``KEY-n``: the same input under the same KEY is said once.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

import click

from chatctl.client.core.outbox import Message
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_transport import drive
from chatctl.common import file_reads
from chatctl.errors import TooLong, reason_of
from chatctl.protocol import Framer, Say, Whisper

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.sender import Sender

_READ = 64 * 1024
_MAX_STDIN_LINE = 1 << 24

Compose = Callable[[str, str, str], Message]
"""Makes a message of a text, its id, and its place in the input."""


def compose(to: str | None, *, action: bool) -> Compose:
    """Return a function that makes messages to the room, or whispers to the member ``to``."""

    def make(text: str, ident: str, where: str) -> Message:
        frame = Whisper(to, text, id=ident) if to is not None else Say(text, id=ident, action=action)
        return Message(frame, where)

    return make


def read_one(text: str | None) -> str:
    """Return the one message: TEXT, or all of stdin without its last line end.

    Raises:
        UsageError: it is empty or not UTF-8, or there is neither TEXT nor a pipe.
    """
    if text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("give TEXT, or pipe it in")
    if text is None or text == "-":
        text = _decode(_stdin().buffer.read(), "stdin").removesuffix("\n")
    if not text:
        raise click.UsageError("there is nothing to send: the message is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError("TEXT is not UTF-8") from None
    return text


def read_file(path: Path, key: str, make: Compose, wait: float | None = None) -> list[Message]:
    """Return a message for each line of a file that is not empty; a pipe has ``wait`` seconds. Raises UsageError."""
    try:
        data = file_reads.read_file(path, wait=wait)
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {reason_of(error)}") from None
    lines = enumerate(data.split(b"\n"), 1)
    return [_message(line, number, f"line {number} of {path.name}", key, make) for number, line in lines if line]


def read_lines(sender: Sender, key: str, make: Compose) -> Iterator[Message | None]:
    """Yield a message for each line of stdin that is not empty, as it comes; None before a wait.

    During a wait the server's pings are answered, and a broken connection is noticed.

    Raises:
        TooLong: a line exceeds 16 MiB.
        UsageError: a line is not UTF-8.
    """
    stdin = _stdin().fileno()
    framer = Framer(limit=_MAX_STDIN_LINE)
    number, data = 0, b"\n"
    while data:
        yield None
        data = _read_beside(stdin, sender)
        try:
            for line in framer.feed(data or b"\n" * bool(len(framer))):
                number += 1
                if line:
                    yield _message(line, number, f"line {number}", key, make)
        except click.UsageError:
            yield None  # the lines before it are said and acknowledged
            raise
        except TooLong as error:
            yield None
            raise TooLong(f"line {number + 1}: {error.text}") from None


def read_texts(text: str | None, path: Path | None, *, lines: bool, wait: float | None = None) -> list[str]:
    """Return all texts to say, for a server to which lines can't be sent as they come. Raises UsageError."""
    if path is not None:
        return [message.frame.text for message in read_file(path, "", compose(None, action=False), wait)]
    if lines:
        return [line for line in _decode(_stdin().buffer.read(), "stdin").split("\n") if line]
    return [read_one(text)]


def _read_beside(stdin: int, sender: Sender) -> bytes:
    while True:
        sock = sender.connection.fileno() if isinstance(sender.connection, BlockingConnection) else None
        ready, _, _ = select.select([stdin] if sock is None else [stdin, sock], [], [])
        if sock in ready:
            drive(sender.poll())
        if stdin in ready:
            return os.read(stdin, _READ)


def _message(line: bytes, number: int, where: str, key: str, make: Compose) -> Message:
    return make(_decode(line, where), f"{key}-{number}", where)


def _stdin() -> TextIO:
    if sys.stdin is None:
        raise click.UsageError("there is no stdin to read")
    return sys.stdin


def _decode(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{what} is not UTF-8 (byte 0x{data[error.start]:02x} at {error.start})") from None

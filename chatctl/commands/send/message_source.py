"""The messages of ``send``: TEXT, all of stdin, or one message per line. Their bytes become text by ``TextRules``.

The n-th line of a run whose id is KEY has the id ``KEY-n``: the same input under the same KEY is said once.
"""

from __future__ import annotations

import codecs
import errno
import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, TextIO

import click
from msgspec import Struct

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.outbox import Message
from chatctl.client.io.blocking_connection import BlockingConnection
from chatctl.client.io.blocking_socket import wait_ready
from chatctl.client.io.blocking_transport import drive
from chatctl.common import file_reads
from chatctl.errors import TooLong, Unreachable, reason_of
from chatctl.protocol import Say, Whisper

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.sender import Sender

_READ = 64 * 1024
MAX_MESSAGE = 1 << 20
"""Bytes that are read of a message that may not be split: a line of the wire has less."""
MAX_INPUT = 1 << 24
"""Bytes of a file, of a message that may be split, and of one line of ``--lines``."""

Overflow = Literal["error", "truncate", "split"]
"""What becomes of a text over the server's limits: nothing is said; its beginning is said; several messages are."""

Compose = Callable[[str, str, str], Message]
"""Makes a message of a text, its id, and its place in the input."""


def compose(to: str | None, *, action: bool) -> Compose:
    """Return a function that makes messages to the room, or whispers to the member ``to``."""

    def make(text: str, ident: str, where: str) -> Message:
        frame = Whisper(to, text, id=ident) if to is not None else Say(text, id=ident, action=action)
        return Message(frame, where)

    return make


class TextRules(Struct, frozen=True):
    """How bytes become text. Without options none is replaced or left out."""

    lossy: bool = False
    """Bytes that are not UTF-8 become U+FFFD."""
    plain: bool = False
    """Escape sequences, CR and BOM go."""

    def text(self, data: bytes, what: str, *, whole: bool = True) -> str:
        """Return ``data`` as text; without a half character at its end if it is not ``whole``. Raises UsageError."""
        try:
            text, _ = codecs.utf_8_decode(data, "replace" if self.lossy else "strict", whole)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{data[error.start]:02x} at {error.start}"
            raise click.UsageError(f"{what} is not UTF-8 ({byte}): --lossy sends it all the same") from None
        if not self.plain:
            return text
        from chatctl.common.plain_text import plain

        return plain(text)


def read_one(text: str | None, rules: TextRules, overflow: Overflow, deadline: Deadline) -> str:
    """Return the one message: TEXT, or all of stdin without its last line end.

    Args:
        text: TEXT; None or ``-`` is stdin.
        rules: for the text.
        overflow: what will become of a text that is too long; of one that will be truncated the rest is not read.
        deadline: for stdin.

    Raises:
        UsageError: it is empty or not UTF-8, or there is neither TEXT nor a pipe.
        TooLong: stdin has more than can be sent.
        Unreachable: stdin did not end in time.
    """
    if text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("give TEXT, or pipe it in")
    if text is None or text == "-":
        most = MAX_INPUT if overflow == "split" else MAX_MESSAGE
        data = read_all(_stdin().fileno(), most, deadline, "stdin")
        text = _bounded(data, most, "stdin", "nothing was sent", rules, overflow).removesuffix("\n")
    else:
        text = rules.text(os.fsencode(text), "TEXT")
    if not text.strip():  # as ``join`` sends no such line
        raise click.UsageError("there is nothing to send: the message is empty")
    return text


def line_text(line: bytes, where: str, rules: TextRules, overflow: Overflow) -> str:
    """Return a line of ``read_lines`` as text. Raises UsageError, TooLong."""
    return _bounded(line, MAX_INPUT, where, "it was not sent", rules, overflow)


def _bounded(data: bytes, most: int, what: str, then: str, rules: TextRules, overflow: Overflow) -> str:
    if len(data) > most and overflow != "truncate":
        raise TooLong(f"{what} has more than {most} bytes: {then}")
    return rules.text(data[:most], what, whole=len(data) <= most)


def read_file(path: Path, rules: TextRules, wait: float | None) -> list[tuple[int, str]]:
    """Return the number and the text of each line of a file that is not empty.

    It may be a FIFO, as a shell makes one of ``<(CMD)``; that has ``wait`` seconds to end.

    Raises:
        UsageError: it can't be read, or is not UTF-8.
        TooLong: it has more than MAX_INPUT bytes.
        Unreachable: it did not end in time.
    """
    try:
        data = file_reads.read_file(path, most=MAX_INPUT, wait=wait)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise TooLong(f"{path} has more than {MAX_INPUT} bytes: nothing was sent") from None
        if error.errno == errno.ETIMEDOUT:
            raise Unreachable(f"{path} did not end in time: nothing was sent") from None
        raise click.UsageError(f"cannot read {path}: {reason_of(error)}") from None
    lines = enumerate(data.split(b"\n"), 1)
    return [(number, text) for number, line in lines if (text := rules.text(line, f"line {number} of {path.name}"))]


def read_all(file: int, most: int, deadline: Deadline, what: str) -> bytes:
    """Read a descriptor to its end, or shortly over ``most`` bytes. Raises Unreachable, OSError."""
    data = bytearray()
    while len(data) <= most:
        try:
            wait_ready(None, deadline.left(), file)
            deadline.left()
        except DeadlinePassed:
            raise Unreachable(f"{what} did not end in time: nothing was sent") from None
        read = os.read(file, _READ)
        if not read:
            break
        data += read
    return bytes(data)


def read_texts(text: str | None, path: Path | None, rules: TextRules, deadline: Deadline, *, lines: bool) -> list[str]:
    """Return all texts to say, for a server to which lines can't be sent as they come. Raises as ``read_one``."""
    if path is not None:
        return [line for _, line in read_file(path, rules, deadline.left())]
    if lines:
        data = read_all(_stdin().fileno(), MAX_INPUT, deadline, "stdin")
        whole = _bounded(data, MAX_INPUT, "stdin", "nothing was sent", rules, "error")
        return [line for line in whole.split("\n") if line]
    return [read_one(text, rules, "error", deadline)]


def read_lines(sender: Sender) -> Iterator[tuple[int, bytes] | None]:
    """Yield the number and the bytes of each line of stdin that is not empty, as it comes; None before a wait.

    During a wait the server's pings are answered, and a broken connection is noticed. Of a line over MAX_INPUT bytes
    one byte more than that is kept.
    """
    stdin = _stdin().fileno()
    number, line, data = 1, bytearray(), b"\n"
    while data:
        yield None
        data = _read_beside(stdin, sender)
        *ends, rest = (data or b"\n" * bool(line)).split(b"\n")
        for end in ends:
            line += end[: MAX_INPUT + 1 - len(line)]
            if line:
                yield number, bytes(line)
            number += 1
            line.clear()
        line += rest[: MAX_INPUT + 1 - len(line)]


def _read_beside(stdin: int, sender: Sender) -> bytes:
    while True:
        sock = sender.connection.fileno() if isinstance(sender.connection, BlockingConnection) else None
        ready, _, _ = select.select([stdin] if sock is None else [stdin, sock], [], [])
        if sock in ready:
            drive(sender.poll())
        if stdin in ready:
            return os.read(stdin, _READ)


def _stdin() -> TextIO:
    if sys.stdin is None:
        raise click.UsageError("there is no stdin to read")
    return sys.stdin

"""What commands print: data on stdout, flushed a line, and nothing raw of what others typed."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import click

from chatctl.common.text import clean
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from msgspec import Struct

    from chatctl.protocol import Msg


def emit(line: str, end: str = "\n") -> None:
    """Print a line of data at once. Nobody reading it any more is no error: the command ends quietly."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if not deliver((line + end).encode(encoding, "backslashreplace")):
        raise SystemExit(0)


def emit_given(text: str) -> None:
    """Print what we were given ourselves, a path or a choice: as it is, for the program that compares it or opens it.

    On a terminal it is a line like any other, in which nothing acts.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        emit(clean(text))
    elif not deliver(os.fsencode(text) + b"\n"):
        raise SystemExit(0)


def deliver(data: bytes) -> bool:
    """Hand data to whoever reads our stdout; False if nobody does any more.

    Raises:
        ChatError: it can't be written, to a full disk for one.
    """
    if sys.stdout is None:
        return False
    try:
        sys.stdout.flush()
        _write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        quiet_stdout()
        return False
    except OSError as error:
        quiet_stdout()
        raise ChatError(f"cannot write to stdout: {reason_of(error)}") from None
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # it was made so by whoever shares it with us
            import select

            select.select([], [descriptor], [])


def quiet_stdout() -> None:
    """Keep the interpreter's own last flush from complaining about a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def json_line(frame: Struct | dict[str, object]) -> bytes:
    """Give a frame, or what is like one, as one JSON object, with no line end.

    JSON escapes C0 controls by itself; the other characters that act on a terminal are escaped here.
    """
    from msgspec.json import encode

    from chatctl.common.text import escape_json

    return escape_json(encode(frame).decode()).encode()


def emit_json(frame: Struct | dict[str, object], end: str = "\n") -> None:
    """Print a frame as one JSON object on one line, in UTF-8."""
    if not deliver(json_line(frame) + end.encode()):
        raise SystemExit(0)


def fault(error: Exception) -> str:
    """Give the line for an exception that nobody expected, after its traceback was kept for us."""
    from chatctl.common.crash_log import record

    if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # Click's own printing, of a help text for one
        quiet_stdout()  # what Python still holds of it would be tried again at the end, and fail again
        return "cannot write to stdout: no space left on device"
    return record(error)


def open_standard_streams() -> None:
    """Put something on 0, 1 and 2 where the caller closed them: a socket or a pipe of ours must not get such a number.

    What is printed there would go to the server, and uvloop refuses to close it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest free number: this one
            os.set_inheritable(number, True)


def note(line: str) -> None:
    """Tell the person, not the program that reads our data."""
    click.echo(clean(line), err=True)


def moment(seconds: float) -> str:
    """Give a Unix time as local date and time, to the second."""
    from chatctl.common.times import local

    return local("%Y-%m-%d %H:%M:%S", seconds)


def message_start(entry: Msg) -> str:
    """Give what stands before an entry's text: when it was said, and by whom."""
    nick = clean(entry.nick)
    return f"{moment(entry.time)} * {nick} " if entry.action else f"{moment(entry.time)} {nick}: "


def message_lines(entry: Msg) -> list[str]:
    """Give what ``tail`` prints for an entry: each line of it under its author's name."""
    start = message_start(entry)
    return [start + line for line in clean(entry.text, lines=True).split("\n")]

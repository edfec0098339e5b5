"""Output of commands: data on stdout, flushed line by line, notes on stderr; text of other people is cleaned."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import click

from chatctl.common.text import clean, escape_json
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec import Struct

    from chatctl.protocol import Msg


def emit(line: str, end: str = "\n") -> None:
    """Write a line of data and flush it. A closed pipe is no error: the command ends quietly, with 0."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _emit_bytes((line + end).encode(encoding, "backslashreplace"))


def emit_given(text: str) -> None:
    """Write a value that came from the user, a path or a choice, unchanged: a program compares it or opens it.

    On a terminal it is cleaned as any other line.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        emit(clean(text))
    else:
        _emit_bytes(os.fsencode(text) + b"\n")


def emit_json(line: str, end: str = "\n") -> None:
    """Write a line of JSON and flush it: in UTF-8, whatever the locale."""
    _emit_bytes((line + end).encode())


def emit_lines(lines: Iterable[str], *, as_json: bool) -> None:
    """Write lines of JSON as ``emit_json``, or others as ``emit``."""
    for line in lines:
        emit_json(line) if as_json else emit(line)


def _emit_bytes(data: bytes) -> None:
    if not write_stdout(data):
        raise SystemExit(0)


def write_stdout(data: bytes) -> bool:
    """Write all of ``data`` to stdout, unbuffered. Return whether somebody still reads it.

    Raises:
        ChatError: it can't be written, as on a full disk.
    """
    if sys.stdout is None:
        return False
    try:
        sys.stdout.flush()
        write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        quiet_stdout()
        return False
    except OSError as error:
        quiet_stdout()
        raise ChatError(f"cannot write to stdout: {reason_of(error)}") from None
    return True


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``, also to a non-blocking descriptor. Raises OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:  # a process that shares the descriptor made it non-blocking
            import select

            select.select([], [descriptor], [])


def quiet_stdout() -> None:
    """Redirect stdout to /dev/null, so that the interpreter's flush at exit does not fail too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def hush_python() -> None:
    """Keep Python from warning of a coroutine that a signal's exception leaves before its first step.

    stderr is for a line of ours, and this one would be about the inside of a program that ends anyway.
    """
    import warnings

    warnings.simplefilter("ignore", RuntimeWarning)


def json_line(frame: Struct | dict[str, object]) -> str:
    """Return a frame, or a dict like one, as compact JSON.

    JSON escapes C0 controls by itself; the other characters that act on a terminal are escaped here.
    """
    from msgspec.json import encode

    return escape_json(encode(frame).decode())


def json_text(value: object) -> str:
    """Return a value as JSON with spaces after its separators, escaped like ``json_line``. It loads no msgspec."""
    from json import dumps

    return escape_json(dumps(value, ensure_ascii=False))


def fault(error: Exception) -> str:
    """Return the message for an unexpected exception, whose traceback is written to the crash log."""
    from chatctl.common.crash_log import record

    if isinstance(error, StdoutFailed):  # Click's own printing, of a help text for one
        return f"cannot write to stdout: {reason_of(error)}"
    return record(error)


def open_standard_streams() -> None:
    """Open /dev/null as 0, 1 and 2 where the caller closed them: no socket or pipe of ours may get such a number.

    What is printed there would go to the server, and uvloop refuses to close it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest free number: this one
            os.set_inheritable(number, True)


class StdoutFailed(OSError):
    """What was printed could not be written, and somebody may want to read it."""


class _Stdout(io.FileIO):
    """The file behind ``sys.stdout``: takes all that is printed at once, or fails.

    Python's own keeps what a full disk did not take, and fails once more at exit; or, told not to buffer
    (``PYTHONUNBUFFERED``, usual in containers), leaves out what was not taken, and nobody learns of it.
    """

    def write(self, data: Any, /) -> int:
        try:
            write_all(self.fileno(), data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        except OSError as error:
            raise StdoutFailed(error.errno, error.strerror) from None
        return len(data)


def prepare_stdout() -> None:
    """Have stdout write everything or fail, and a character that its encoding lacks as an escape.

    ``PYTHONIOENCODING=latin-1`` and the like come with a handler that raises: any emoji of anybody would end us. A
    handler that the user chose stays.
    """
    stdout = sys.stdout
    if type(stdout) is not io.TextIOWrapper:
        return
    errors = "backslashreplace" if stdout.errors in ("strict", "surrogateescape") else stdout.errors
    whole = _Stdout(stdout.fileno(), "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(cast("io.BufferedWriter", whole), stdout.encoding, errors, write_through=True)


def note(line: str) -> None:
    """Print a line for the person on stderr, cleaned. If that can't be, nobody is there to read it."""
    try:
        click.echo(clean(line), err=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # or the flush at exit fails as well, and makes the exit code 120


def warn(text: str) -> None:
    """Print a warning or an error on stderr, under the program's name."""
    note(f"chatctl: {text}")


def moment(seconds: float, *, zone: bool = False) -> str:
    """Return a Unix time as local date and time, to the second; ``zone`` puts the offset from UTC behind it."""
    from chatctl.common.times import local

    return local("%Y-%m-%d %H:%M:%S %z" if zone else "%Y-%m-%d %H:%M:%S", seconds)


def message_start(entry: Msg, *, zone: bool = False, number: bool = False) -> str:
    """Return the prefix of a message: its local date and time, as ``moment`` returns it, its number, and its author."""
    nick, when = clean(entry.nick), _when(entry, zone=zone, number=number)
    return f"{when} * {nick} " if entry.action else f"{when} {nick}: "


def message_lines(entry: Msg, *, zone: bool = False, number: bool = False) -> list[str]:
    """Return the lines of a message, each with the prefix: no line can pass for another author's message."""
    if entry.redacted:
        return [f"{_when(entry, zone=zone, number=number)} (redacted)"]
    start = message_start(entry, zone=zone, number=number)
    return [start + line for line in clean(entry.text, lines=True).split("\n")]


def _when(entry: Msg, *, zone: bool, number: bool) -> str:
    when = moment(entry.time, zone=zone)
    return f"{when} #{entry.seq}" if number else when

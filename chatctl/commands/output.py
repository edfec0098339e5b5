"""What commands print: data on stdout, flushed a line, and nothing raw of what others typed."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import click

from chatctl.text import clean

if TYPE_CHECKING:
    from msgspec import Struct

    from chatctl.protocol import Msg


def emit(line: str) -> None:
    """Print a line of data at once. Nobody reading it any more is no error: the command ends quietly."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        quiet_stdout()
        raise SystemExit(0) from None


def quiet_stdout() -> None:
    """Keep the interpreter's own last flush from complaining about a closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit_json(frame: Struct) -> None:
    """Print a frame as one JSON object on one line.

    JSON escapes C0 controls by itself; the other characters that act on a terminal are escaped here.
    """
    from chatctl.protocol import encode
    from chatctl.text import escape_json

    emit(escape_json(encode(frame).decode().rstrip("\n")))


def note(line: str) -> None:
    """Tell the person, not the program that reads our data."""
    click.echo(clean(line), err=True)


def moment(seconds: float) -> str:
    """Give a Unix time as local date and time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def message_lines(entry: Msg) -> list[str]:
    """Give what ``tail`` prints for an entry: each line of it under its author's name."""
    nick = clean(entry.nick)
    start = f"{moment(entry.time)} * {nick} " if entry.action else f"{moment(entry.time)} {nick}: "
    return [start + line for line in clean(entry.text, lines=True).split("\n")]

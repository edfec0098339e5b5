"""``chatctl password``: make the SCRAM verifier of a password, which a server may keep."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import file_option
from chatctl.cli.output import emit
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 64 * 1024
"""Bytes of a password that are read: a pipe may have no end."""


class PasswordCommand(Command):
    """Its usage errors do not repeat what may be a password."""

    def refuse_extra(self, ctx: click.Context, word: str) -> NoReturn:
        """Refuse an argument. Raises UsageError."""
        ctx.fail("a password is no argument, which every user of this machine can read: type it when asked, or pipe it")


@click.command(cls=PasswordCommand)
@file_option("--out", "file", help="Make this file, readable by you only, instead of printing.")
def password(file: Path | None) -> None:
    """Turn a password into a line for 'serve --password-file'.

    Asks for the password twice on the terminal, or reads the first line of a pipe. With the line that it prints a
    server can check the password (SCRAM-SHA-256), but nobody can read the password from it. Store it in a file that
    only the server's user may read, as --out does. Short passwords can be guessed from it: choose a long one. Clients
    need the password itself.

    \b
    Examples:
      chatctl password --out room.password
      chatctl serve --password-file room.password

    \b
    Exit codes:
      0 done   2 usage
      1 the two differ, it is not allowed, the file exists already, or it
        can't be written
      130 interrupted

    \b
    Environment:
      CHATCTL_CONFIG
    """
    from chatctl.core.passwords import Verifier

    if file is not None and os.path.lexists(file):  # before anybody types a password
        raise _taken(file)
    password = _read_password()
    if password.startswith("SCRAM-SHA-256$"):
        raise ChatError("this is a verifier already")
    try:
        verifier = str(Verifier.of(password))
    except ValueError as error:
        raise ChatError(str(error)) from None
    if file is None:
        emit(verifier)
    else:
        _keep(verifier, file)


def _keep(verifier: str, path: Path) -> None:
    """Make a file (0600) of a verifier. Raises ChatError."""
    from chatctl.common.files import create_file

    try:
        create_file(path, f"{verifier}\n".encode(), durable=True)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise ChatError(f"cannot write {path}: {reason_of(error)}") from None


def _taken(path: Path) -> ChatError:
    return ChatError(f"{path} already exists, and is not overwritten: name another file")


def _read_password() -> str:
    """Read the password, twice from a terminal or the first line of stdin. Raises ChatError."""
    from chatctl.client.security.key_files import ask_on_terminal

    if sys.stdin is None or not sys.stdin.isatty():
        line = sys.stdin.buffer.readline(_LONGEST + 1) if sys.stdin is not None else b""
        if len(line) > _LONGEST:  # cut, it would be another one
            raise ChatError(f"this password has more than {_LONGEST} bytes")
        try:
            return line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ChatError("this password is not UTF-8") from None
    first = ask_on_terminal("Password: ")
    if ask_on_terminal("The same again: ") != first:
        raise ChatError("the two are not the same")
    return first

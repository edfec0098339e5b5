"""``chatctl password``: make the SCRAM verifier of a password, which a server may keep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.options import file_option
from chatctl.cli.output import emit
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST = 64 * 1024
"""Bytes of a password that are read: a pipe may have no end."""


@click.command()
@file_option("--out", "file", help="Write it to this file, which then only you can read, instead of printing it.")
def password(file: Path | None) -> None:
    """Make the line that a server checks a password with.

    Asks for the password twice, on the terminal; from a pipe its first line is it. What is printed lets a server
    check the password (SCRAM-SHA-256), and nobody say it: keep it in the file of 'serve --password-file', which nobody
    else may read: --out makes it so. It can be guessed at, so choose a long one. Clients need the password itself.

    \b
    Examples:
      chatctl password --out room.password
      chatctl serve --password-file room.password

    \b
    Exit codes:
      0 done   2 usage
      1 the two are not the same, it can't be one, or not be written
      130 interrupted

    \b
    Environment:
      CHATCTL_CONFIG
    """
    from chatctl.core.passwords import Verifier

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
    """Write a verifier to a file (0600). Raises ChatError."""
    from chatctl.common.files import replace_file

    try:
        replace_file(path, f"{verifier}\n".encode(), durable=True)
    except OSError as error:
        raise ChatError(f"cannot write {path}: {reason_of(error)}") from None


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

"""``chatctl password``: make the SCRAM verifier of a password, which a server may keep."""

from __future__ import annotations

import sys

import click

from chatctl.cli.output import emit
from chatctl.errors import ChatError


@click.command()
def password() -> None:
    """Make the line that a server checks a password with.

    Asks for the password twice, on the terminal; from a pipe its first line is it. What is printed lets a server
    check the password (SCRAM-SHA-256), and nobody say it: keep it in the file of 'serve --password-file'. It can be
    guessed at, so choose a long one. Clients need the password itself.

    \b
    Examples:
      chatctl password > room.password
      chatctl serve --password-file room.password

    \b
    Exit codes:
      0 done   1 the two are not the same, or it can't be one   2 usage
      130 interrupted

    \b
    Environment:
      None counts.
    """
    from chatctl.core.passwords import Verifier

    password = _read_password()
    if password.startswith("SCRAM-SHA-256$"):
        raise ChatError("this is a verifier already")
    try:
        emit(str(Verifier.of(password)))
    except ValueError as error:
        raise ChatError(str(error)) from None


def _read_password() -> str:
    """Read the password, twice from a terminal or the first line of stdin. Raises ChatError."""
    from chatctl.client.security.key_files import ask_on_terminal

    if sys.stdin is None or not sys.stdin.isatty():
        line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
        try:
            return line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ChatError("this password is not UTF-8") from None
    first = ask_on_terminal("Password: ")
    if ask_on_terminal("The same again: ") != first:
        raise ChatError("the two are not the same")
    return first

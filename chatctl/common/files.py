"""Files that hold a secret, which nobody else may be able to read: passwords, keys.

Both ends read them. Does not live here: what the secret is good for, files that we write ourselves (client/files.py).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from chatctl.errors import ChatError, reason_of

_MOST = 64 * 1024
"""Bytes of a file that are read: a secret is short, and a pipe may have no end."""


def read_private(path: Path, what: str, option: str) -> bytes:
    """Read a secret file, or a pipe as a shell's ``<(...)`` makes one.

    Args:
        path: the file.
        what: what it holds, for the error: ``key``.
        option: the one that names the file, for the error.

    Raises:
        ChatError: it can't be read, or others can read it.
    """
    try:
        with path.open("rb") as file:
            _insist(path, os.fstat(file.fileno()))
            return file.read(_MOST)
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why} (name another file with {option})") from None


def _insist(path: Path, found: os.stat_result) -> None:
    """Raise ChatError for a file that others can read. What systemd hands over is the group root's, for its ACL."""
    others = stat.S_IRWXO | stat.S_IWGRP | (stat.S_IRGRP if found.st_gid != 0 else 0)
    if stat.S_ISREG(found.st_mode) and found.st_mode & others:
        raise ChatError(f"{path} holds a secret, and others can read or change it: chmod 600 it")


def read_password(path: Path) -> str:
    """Give the first line of a password file. Raises ChatError as ``read_private``, and for one that is empty."""
    try:
        line = read_private(path, "password", "--password-file").decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise ChatError(f"the password in {path} is not UTF-8") from None
    if not line:
        raise ChatError(f"there is no password in the first line of {path}")
    return line

"""Reading files that somebody names, within bounds: no device, no pipe that nobody writes to, nothing without an end.

Lives here: every read of the project but the journal's database, and who may read or change a file that holds a secret
or that we act on. Does not live here: writing (files.py), what a secret is good for.
"""

from __future__ import annotations

import errno
import math
import os
import select
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatctl.common.files import is_trusted
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.common.files import StrPath

_SECRET_BYTES = 64 * 1024
"""Bytes of a secret file that are read: a secret is short."""

_MOST = 64 * 1024 * 1024
"""Bytes of any other file."""

NO_PIPE = 0.0
"""As ``wait``: only a regular file will do."""

_LONGEST_WAIT = 0.5
"""Seconds of one wait for a pipe: Python's handler of a signal that came right before the wait runs after it."""


def absence(path: StrPath) -> OSError | None:
    """Return why nothing is seen at a path: FileNotFoundError if nothing is there, else that we may not look; or None.

    ``Path.exists`` raises for some of these.
    """
    try:
        os.stat(path)
    except NotADirectoryError as error:
        return FileNotFoundError(error.errno, error.strerror)
    except OSError as error:
        return error
    return None


def read_file(
    path: StrPath,
    *,
    most: int = _MOST,
    wait: float | None = NO_PIPE,
    check: Callable[[os.stat_result], None] | None = None,
) -> bytes:
    """Return the content of a regular file, or of a pipe as a shell's ``<(...)`` makes one.

    Args:
        path: the file. ``/dev/null`` is an empty one.
        most: the most bytes that it may have.
        wait: seconds for a pipe to end; None for no limit.
        check: called with the status of what was opened, before it is read; may raise.

    Raises:
        OSError: it can't be read, is something else, is longer, or did not end in time.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        found = os.fstat(fd)
        if check is not None:
            check(found)
        if stat.S_ISFIFO(found.st_mode) and wait != NO_PIPE:
            return _read(fd, most, None if wait is None else time.monotonic() + wait, pipe=True)
        if stat.S_ISREG(found.st_mode) or os.path.samestat(found, os.stat(os.devnull)):
            return _read(fd, most, None, pipe=False)
        raise OSError(errno.EINVAL, "it is not a regular file")
    finally:
        os.close(fd)


def _read(fd: int, most: int, deadline: float | None, *, pipe: bool) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        if pipe:
            _wait_for(fd, deadline)
        piece = os.read(fd, min(1 << 20, most + 1 - size))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise OSError(errno.EFBIG, f"it has more than {most} bytes")


def _wait_for(fd: int, deadline: float | None) -> None:
    """Return when a pipe can be read. Raises OSError at the deadline; None: there is none."""
    while True:
        left = math.inf if deadline is None else max(0.0, deadline - time.monotonic())
        if select.select([fd], [], [], min(left, _LONGEST_WAIT))[0]:
            return
        if not left:
            raise OSError(errno.ETIMEDOUT, "it did not end in time")


def insist_only_we_change(path: StrPath, found: os.stat_result) -> None:
    """Return if nobody but us, root and a group can change a file that we act on. Raises OSError.

    Args:
        path: its name, whose folder is looked at: who can write to that can put another file there.
        found: the status of what was opened there.
    """
    if not stat.S_ISREG(found.st_mode):
        return  # a pipe is whose it is that names it
    if found.st_mode & stat.S_IWOTH:
        raise OSError(errno.EPERM, f"others can change it: chmod o-w {os.fspath(path)}")
    _insist_on_folder(path)


def _insist_on_folder(path: StrPath) -> None:
    folder = os.path.dirname(path) or "."
    mode = os.stat(folder).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise OSError(errno.EPERM, f"others can put another file there: chmod o-w {folder}")


def read_trusted(path: StrPath, *, wait: float | None = NO_PIPE) -> bytes:
    """Return the content of a file that we act on. Raises OSError: as ``read_file`` and ``insist_only_we_change``."""
    return read_file(path, wait=wait, check=lambda found: insist_only_we_change(path, found))


def read_own(path: StrPath, *, most: int = _MOST) -> bytes:
    """Return the content of a file that chatctl made for this account. Raises OSError, also if others can change it."""

    def check(found: os.stat_result) -> None:
        if os.geteuid() != 0 and not is_trusted(found):
            raise OSError(errno.EPERM, "it is another user's")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise OSError(errno.EPERM, f"others can change it: chmod 600 {os.fspath(path)}")
        _insist_on_folder(path)

    return read_file(path, most=most, check=check)


def read_private(path: Path, what: str, option: str, wait: float | None = None) -> bytes:
    """Read a secret file, or a pipe as a shell's ``<(...)`` makes one.

    Args:
        path: the file.
        what: what it holds, for the error: ``key``.
        option: the one that names the file, for the error.
        wait: seconds for a pipe to end; None for no limit.

    Raises:
        ChatError: it can't be read, or others can read it.
    """
    try:
        return read_file(path, most=_SECRET_BYTES, wait=wait, check=lambda found: insist_private(path, found))
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why} (name another file with {option})") from None


def insist_private(path: StrPath, found: os.stat_result) -> None:
    """Return if nobody else can read or change a secret file; systemd hands one over to group root, by its ACL.

    Raises:
        ChatError: somebody can.
        OSError: its folder is one in which others can replace it.
    """
    if not stat.S_ISREG(found.st_mode):
        return
    others = stat.S_IRWXO | stat.S_IWGRP | (stat.S_IRGRP if found.st_gid != 0 else 0)
    if found.st_mode & others:
        raise ChatError(f"{os.fspath(path)} holds a secret, and others can read or change it: chmod 600 it")
    _insist_on_folder(path)


def read_password(path: Path, wait: float | None = None) -> str:
    """Return the first line of a password file.

    Raises:
        ChatError: as ``read_private``; or the line is empty, or not UTF-8.
    """
    data = read_private(path, "password", "--password-file", wait)
    try:
        line = data.decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise ChatError(f"the password in {path} is not UTF-8") from None
    if not line:
        raise ChatError(f"there is no password in the first line of {path}")
    return line

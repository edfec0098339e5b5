"""Small files: written whole or not at all, made for this user alone, and secrets read only where others can't.

Lives here: every atomic write, private folders, reading a password or a key. Does not live here: the journal's
database (journal/), what a secret is good for, where files lie (common/paths.py).

A write goes to a draft beside the file, under a random name, and is then renamed (or linked) into place: a reader sees
the old content or the new, whatever fails. ``durable`` says whether it also survives a power cut; it costs a few
milliseconds for the two fsyncs, so files that can be made anew do without it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    StrPath = str | os.PathLike[str]

_SECRET_BYTES = 64 * 1024
"""Bytes of a secret file that are read: a secret is short, and a pipe may have no end."""


def replace_file(path: StrPath, data: bytes, *, durable: bool, private: bool = True) -> None:
    """Replace the content of a file, or make it.

    A symbolic link at ``path`` is replaced, not followed.

    Args:
        path: the file; its folder has to exist.
        data: its new content.
        durable: return only when the file and its name are on the disk.
        private: mode 0600; otherwise 0666 less the umask.

    Raises:
        OSError: ``path`` is no regular file, or can't be written. What was there then still is.
    """
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path).st_mode
        if not (stat.S_ISREG(found) or stat.S_ISLNK(found)):  # root could put a file in the place of /dev/null
            raise OSError(errno.EINVAL, "it is no regular file")
    _write(path, data, os.replace, 0o600 if private else 0o666, durable=durable)


def create_file(path: StrPath, data: bytes, *, durable: bool) -> None:
    """Make a file (0600) that is not there yet. Of several callers at once one wins.

    Args:
        path: the file; its folder has to exist.
        data: its content.
        durable: return only when the file and its name are on the disk.

    Raises:
        FileExistsError: something is there already; it was not touched.
        OSError: it can't be written. Then there is no file.
    """
    _write(path, data, publish, 0o600, durable=durable)


def _write(path: StrPath, data: bytes, put: Callable[[str, StrPath], None], mode: int, *, durable: bool) -> None:
    folder = os.path.dirname(path) or "."
    # No part of the file's own name: that may be as long as a name can be, or end in what a collector picks up.
    draft = os.path.join(folder, f".chatctl-{os.urandom(8).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(draft, flags, mode), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        put(draft, path)
        if durable:
            sync_folder(folder)
    finally:  # also when a signal's exception ends this
        with contextlib.suppress(OSError):
            os.unlink(draft)


def publish(draft: StrPath, path: StrPath) -> None:
    """Move a finished file to its name without replacing anything: unlike a rename, a link never does.

    The draft may still be there afterwards.

    Raises:
        FileExistsError: the name is taken.
        OSError: it can't be given.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(draft, path)


def private_folder(folder: StrPath, *, durable: bool = False) -> None:
    """Make a folder and its missing parents with mode 0700. Folders that exist stay as they are.

    Args:
        folder: its path.
        durable: return only when the new names are on the disk.

    Raises:
        OSError: one of them can't be made.
    """
    folder = os.fspath(folder)
    if os.path.isdir(folder or "."):
        return
    parent = os.path.dirname(folder)
    private_folder(parent, durable=durable)
    with contextlib.suppress(FileExistsError):  # made meanwhile; if it is a file, the next use of the folder fails
        os.mkdir(folder, 0o700)
    if durable:
        sync_folder(parent or ".")


def sync_folder(folder: StrPath) -> None:
    """Return only when the names in a folder are on the disk. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing, as network ones may be
            raise
    finally:
        os.close(fd)


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
            _check_private(path, os.fstat(file.fileno()))
            return file.read(_SECRET_BYTES)
    except OSError as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why} (name another file with {option})") from None


def _check_private(path: Path, found: os.stat_result) -> None:
    """Raise ChatError for a file that others can read. systemd hands one over to group root, by its ACL."""
    others = stat.S_IRWXO | stat.S_IWGRP | (stat.S_IRGRP if found.st_gid != 0 else 0)
    if stat.S_ISREG(found.st_mode) and found.st_mode & others:
        raise ChatError(f"{path} holds a secret, and others can read or change it: chmod 600 it")


def read_password(path: Path) -> str:
    """Return the first line of a password file.

    Raises:
        ChatError: as ``read_private``; or the line is empty, or not UTF-8.
    """
    try:
        line = read_private(path, "password", "--password-file").decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise ChatError(f"the password in {path} is not UTF-8") from None
    if not line:
        raise ChatError(f"there is no password in the first line of {path}")
    return line

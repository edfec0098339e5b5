"""Writing files: whole or not at all, for this user alone, and never through what somebody else has put there.

Lives here: every write of the project but the journal's database (journal/) and sockets (server/unix_socket.py), and
private folders. Does not live here: reading (file_reads.py), where files lie (paths.py).

A write goes to a draft beside the file, under a random name or under its caller's lock, and is then renamed (or linked)
into place: a reader sees the old content or the new, whatever fails. ``durable`` says whether it also survives a power
cut; it costs a few milliseconds for the two fsyncs, so files that can be made anew do without it.

In a folder that others can write to, anything may lie at a name. Symbolic links are followed where they are ours or
root's; another user's is an error, on the whole way. The folder that was found so is held open and written in, whatever
is renamed meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    StrPath = str | os.PathLike[str]

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
_MOST_LINKS = 40
"""As in the kernel."""


def replace_file(path: StrPath, data: bytes, *, durable: bool, private: bool = True, alone: bool = False) -> None:
    """Replace the content of a file, or make it.

    A symbolic link of ours or of root's is followed to its target.

    Args:
        path: the file; its folder has to exist.
        data: its new content.
        durable: return only when the file and its name are on the disk.
        private: mode 0600; otherwise 0666 less the umask.
        alone: the caller has a lock, so nobody else replaces the file meanwhile. Then the draft is ``PATH.new``, and
            one that a killed process has left is used up by the next write.

    Raises:
        OSError: ``path`` is not a regular file, can't be written, or leads through another user's link. What was there
            then still is.
    """
    with _found(path, follow=True) as (folder, name):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(
                os.lstat(name, dir_fd=folder).st_mode
            ):  # root could put a file in the place of /dev/null
                raise _no_file()

        def put(draft: str) -> None:
            os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)

        draft = None
        if alone:
            draft = f"{name}.new"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)
        _write(folder, data, put, 0o600 if private else 0o666, durable=durable, draft=draft)


@contextlib.contextmanager
def locked_folder(folder: StrPath) -> Iterator[None]:
    """Keep other processes that lock the same folder from writing in it meanwhile; wait for one that does.

    Raises:
        OSError: it is not there, or can't be locked.
    """
    import fcntl

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def create_file(path: StrPath, data: bytes, *, durable: bool) -> None:
    """Make a file (0600) that is not there yet. Of several callers at once one wins.

    Args:
        path: the file; its folder has to exist.
        data: its content.
        durable: return only when the file and its name are on the disk.

    Raises:
        FileExistsError: something is there already, be it a link; it was not touched.
        OSError: it can't be written. Then there is no file.
    """
    with _found(path, follow=False) as (folder, name):
        _write(folder, data, lambda draft: publish(draft, name, folder), 0o600, durable=durable)


def _write(
    folder: int, data: bytes, put: Callable[[str], None], mode: int, *, durable: bool, draft: str | None = None
) -> None:
    # No part of the file's own name: that may be as long as a name can be, or end in what a collector picks up.
    draft = draft or f".chatctl-{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(draft, flags, mode, dir_fd=folder), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        put(draft)
        if durable:
            sync_folder(".", folder)
    finally:  # also when a signal's exception ends this
        with contextlib.suppress(OSError):
            os.unlink(draft, dir_fd=folder)


def publish(draft: StrPath, path: StrPath, folder: int | None = None) -> None:
    """Move a finished file to its name without replacing anything: unlike a rename, a link never does.

    The draft may still be there afterwards. Both are in ``folder``, a descriptor, if it is given.

    Raises:
        FileExistsError: the name is taken.
        OSError: it can't be given.
    """
    try:
        os.link(draft, path, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        with contextlib.suppress(FileNotFoundError):
            os.lstat(path, dir_fd=folder)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(draft, path, src_dir_fd=folder, dst_dir_fd=folder)


def open_own(path: StrPath, flags: int) -> int:
    """Open a file that is changed in place; make it (0600) if it is not there. Returns its descriptor.

    Args:
        path: the file; its folder has to exist.
        flags: as for ``os.open``, which none but these few have to be given: the access, ``O_APPEND``.

    Raises:
        OSError: it can't be opened, or ``is_own`` says no.
    """
    with _found(path, follow=True) as (folder, name):
        more = os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            fd = os.open(name, flags | more, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a pipe that nobody reads
                raise _not_own() from None
            raise
        if not is_own(os.fstat(fd), os.stat(".", dir_fd=folder)):
            os.close(fd)
            raise _not_own()
        return fd


def insist_on_own(path: StrPath) -> None:
    """Return if a file that a library opens is missing or is as ``open_own`` would take it. Raises OSError."""
    with _found(path, follow=True) as (folder, name), contextlib.suppress(FileNotFoundError):
        if not is_own(os.lstat(name, dir_fd=folder), os.stat(".", dir_fd=folder)):
            raise _not_own()


def is_own(file: os.stat_result, folder: os.stat_result) -> bool:
    """Return whether a file may be changed in place: nobody else can have put it there.

    It is a regular file of ours, of root's or of the folder's owner. A hard link to a file elsewhere may have been made
    by whoever can write to the folder.
    """
    if not stat.S_ISREG(file.st_mode) or not (is_trusted(file) or file.st_uid == folder.st_uid):
        return False
    return file.st_nlink == 1 or not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_trusted(found: os.stat_result) -> bool:
    """Return whether a file, folder or link is ours or root's."""
    return found.st_uid in (0, os.geteuid())


def _no_file() -> OSError:
    return OSError(errno.EINVAL, "it is not a regular file")


def _not_own() -> OSError:
    return OSError(errno.EPERM, "it is not a regular file, or another user has put it there")


@contextlib.contextmanager
def _found(path: StrPath, *, follow: bool) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder that a file is in, and its name there. ``follow`` is for a link at that name."""
    text = os.fspath(path)
    left = _parts(text)
    folder = os.open("/" if text.startswith("/") else ".", _FOLDER)
    links = 0
    try:
        while len(left) > 1 or follow:
            if (target := _link(folder, left[-1], last=len(left) == 1)) is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                left[-1:] = _parts(target)
                step = "/" if target.startswith("/") else "."
            elif len(left) == 1:
                break
            else:
                step = left.pop()
            behind, folder = folder, os.open(step, _FOLDER, dir_fd=folder)
            os.close(behind)  # never closed twice, wherever a signal's exception ends this
        yield folder, left[-1]
    finally:
        os.close(folder)


def _parts(path: str) -> list[str]:
    """Return the names of a path, the last one first; ``.`` if it has none."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")] or ["."]


def _link(folder: int, name: str, *, last: bool) -> str | None:
    """Return the target of a symbolic link; None if the name is none. Raises OSError for another user's."""
    try:
        found = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        if last:
            return None
        raise
    if not stat.S_ISLNK(found.st_mode):
        return None
    if found.st_dev == _proc_device():  # /dev/stdout: what is open there is to be written to, not replaced
        raise _no_file()
    if not is_trusted(found):
        raise OSError(errno.EPERM, f"'{name}' on the way is another user's symbolic link")
    return os.readlink(name, dir_fd=folder)


def _proc_device() -> int | None:
    with contextlib.suppress(OSError):
        return os.stat("/proc/self/").st_dev
    return None


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


def draft_folder(folder: StrPath) -> None:
    """Make a folder (0700) for files that a library writes by their names, where nobody else can put any.

    One of ours that a killed process has left is emptied. The folder around it has to exist.

    Raises:
        FileExistsError: something else is there; it was not touched.
        OSError: it can't be made, or others could rename it.
    """
    with _found(folder, follow=False) as (parent, name):
        mode = os.stat(".", dir_fd=parent).st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise OSError(errno.EPERM, "others can rename what is in that folder")
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(name, dir_fd=parent)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
                _remove_folder(name, parent)
        os.mkdir(name, 0o700, dir_fd=parent)


def remove_draft_folder(folder: StrPath) -> None:
    """Remove what ``draft_folder`` made, with the files in it. Raises OSError."""
    with _found(folder, follow=False) as (parent, name):
        _remove_folder(name, parent)


def _remove_folder(name: str, parent: int) -> None:
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        for file in os.listdir(fd):
            os.unlink(file, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=parent)


def sync_folder(folder: StrPath, parent: int | None = None) -> None:
    """Return only when the names in a folder are on the disk. Raises OSError.

    Args:
        folder: its path.
        parent: a descriptor of the folder that the path is relative to; None: the working directory.
    """
    # Opened anew, whatever the caller has: a descriptor for paths alone can't be synced.
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing, as network ones may be
            raise
    finally:
        os.close(fd)

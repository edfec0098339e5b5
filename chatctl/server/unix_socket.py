"""Unix sockets of the server: at a path where nobody else listens, and removed at the end if it is still ours.

Lives here: taking a path and giving it back, for ``--unix`` and the admin socket. Does not live here: accepting
(listener.py, admin_socket.py).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from chatctl.common.paths import reachable_socket
from chatctl.errors import ChatError, reason_of

BACKLOG = 4096
"""Connections that wait for their accept; the kernel's ``net.core.somaxconn`` may allow fewer."""

_PROBE_SECONDS = 1.0
_LOCK_SECONDS = 5.0
_STARTING_SECONDS = 0.05
"""Between its bind and its listen a socket that comes up refuses, as a dead one does."""


class UnixSocket(socket.socket):
    """A listening unix socket. Closing it removes its file, unless another one has taken that place."""

    def __init__(self, path: Path, option: str, mask: int) -> None:
        """Listen at ``path``; the file that a killed server left there is replaced.

        Args:
            path: where.
            option: the one that names the path, for the error.
            mask: the umask that decides who may connect.

        Raises:
            ChatError: somebody listens there, something that is not a socket is there, or it can't be made.
        """
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.path = path
        self._absolute = path.absolute()
        self._file: tuple[int, int] | None = None
        try:
            with _alone_in(self._absolute.parent):
                _remove_dead(self._absolute)
                with umask(mask), reachable_socket(self._absolute) as name:
                    self.bind(name)
                self._file = _identity(self._absolute)
                self.listen(BACKLOG)
        except OSError as error:
            self.close()
            why = "another server is there" if error.errno == errno.EADDRINUSE else reason_of(error)
            raise ChatError(f"cannot listen on {path}: {why} (choose another path with {option})") from None

    def close(self) -> None:
        """Stop listening, and remove the file."""
        super().close()
        with contextlib.suppress(OSError):
            if self._file == _identity(self._absolute):
                self._absolute.unlink()
        self._file = None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one server at a time look at a folder's sockets and make its own. Raises OSError.

    A lock that somebody else holds for long, in a folder that they can read as well, is not waited for.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + _LOCK_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(_STARTING_SECONDS / 5)
        yield
    finally:
        os.close(descriptor)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _remove_dead(path: Path) -> None:
    """Remove the file of a socket on which nobody listens. Raises OSError for anything else that is there."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "a file that is not a socket is there")
        dead = _identity(path)
        if not _is_dead(path):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        # Aside first: of two servers that start at once, neither may remove the socket that the other has made since.
        aside = path.with_name(f".chatctl-{os.urandom(8).hex()}")
        path.rename(aside)
        if _identity(aside) != dead:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(aside)
            aside.unlink()
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        aside.unlink()


def _is_dead(path: Path) -> bool:
    """Return whether nobody listens at a socket's file. Raises OSError if that can't be known."""
    if _is_listening(path):
        return False
    time.sleep(_STARTING_SECONDS)
    return not _is_listening(path)


def _is_listening(path: Path) -> bool:
    with reachable_socket(path) as name, contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            return False
        except (TimeoutError, BlockingIOError):
            pass  # its backlog is full
        return True


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    """Set this process's umask for the block: it decides the mode of a unix socket."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)

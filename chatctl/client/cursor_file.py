"""The file that keeps a reader's position in a room's log between two runs, and the lock that it is used under."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from pathlib import Path

import msgspec

from chatctl.common.file_reads import read_file
from chatctl.common.files import insist_on_own, open_own, private_folder, replace_file
from chatctl.common.nesting import decode_kept
from chatctl.errors import ChatError, reason_of
from chatctl.protocol import Resume

_FLOCK = "hhqqi4x"
"""Linux's ``struct flock``: type, whence, start, length, pid (fcntl(2))."""


class _Kept(Resume, frozen=True, omit_defaults=True):
    """What the file holds. An earlier chatctl kept no room and no server; it ignores them."""

    room: str = ""
    server: str = ""


_IN_USE: set[str] = set()
"""The paths of the locks that this process has."""

_decoder = msgspec.json.Decoder(_Kept)


class CursorFile:
    """A file (0600, replaced as a whole) that holds a ``Resume``, and which room of which server it is of.

    One reader at a time: ``lock`` comes first.
    """

    def __init__(self, path: Path, server: str) -> None:
        """Use ``path`` for a reader of ``server``, its address. Nothing is read yet."""
        self._path = path
        self._server = server
        self._room = ""
        self._locked: int | None = None
        self._found: _Kept | None = None

    def lock(self) -> None:
        """Keep every other reader off the file until ``release`` or this process's end, with a lock on ``PATH.lock``.

        The file itself can't be locked: each save puts another one in its place. The system's locks are a process's,
        and closing any descriptor of the file ends them: readers of this process are told apart by ``_IN_USE``.

        Raises:
            ChatError: another process has it; it is not a regular file, or can't be locked.
        """
        try:
            private_folder(self._path.parent)
            insist_on_own(self._path)
            path = os.path.realpath(self._path) + ".lock"
            if path in _IN_USE:
                raise self._in_use(f" by pid {os.getpid()}")
            lock = open_own(path, os.O_RDWR)
        except OSError as error:
            raise self._not_kept(error) from None
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            by = _by(lock)
            os.close(lock)
            if isinstance(error, BlockingIOError | PermissionError):  # EAGAIN or EACCES: POSIX has both
                raise self._in_use(by) from None
            raise self._not_kept(error) from None
        self._locked, self._lock_path = lock, path
        _IN_USE.add(path)

    def release(self) -> None:
        """Let other readers have the file."""
        lock, self._locked = self._locked, None
        if lock is not None:
            _IN_USE.discard(self._lock_path)
            os.close(lock)

    def _in_use(self, by: str) -> ChatError:
        return ChatError(f"the cursor file {self._path} is in use{by}: two readers need two files")

    def load(self) -> Resume | None:
        """Return what was saved last; None if the file is missing or empty, as mktemp leaves it.

        Raises:
            ChatError: the file can't be read, or holds something else.
        """
        try:
            data = read_file(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ChatError(f"cannot read the cursor file {self._path}: {reason_of(error)}") from None
        if not data.strip():
            return None
        try:
            self._found = decode_kept(_decoder, data)
        except ValueError:
            raise ChatError(f"{self._path} is not a cursor file: name another file") from None
        return Resume(self._found.epoch, self._found.after)

    def enter(self, room: str, *, lost: bool) -> None:
        """Check that what was loaded is of this room, and save it as of this one from now on.

        A server may have got another address: it is another server if it does not know our position's log either.

        Args:
            room: its name, as the server has it.
            lost: the position does not exist in the room's log.

        Raises:
            ChatError: it is of another room, or of another server.
        """
        self._room, found = room, self._found
        if found is None:
            return
        if (found.room or room) != room or (lost and (found.server or self._server) != self._server):
            raise ChatError(
                f"the cursor file {self._path} is of room {found.room} on {found.server}, and this is room {room} "
                f"on {self._server}: name another file, or remove it to start anew"
            )

    def save(self, position: Resume) -> None:
        """Replace the file's position. Raises ChatError."""
        kept = _Kept(position.epoch, position.after, room=self._room, server=self._server)
        try:
            private_folder(self._path.parent)
            # Not durable: there is one write for each message.
            replace_file(self._path, msgspec.json.encode(kept) + b"\n", durable=False, alone=self._locked is not None)
        except OSError as error:
            raise self._not_kept(error) from None

    def _not_kept(self, error: OSError) -> ChatError:
        return ChatError(f"cannot keep the cursor in {self._path}: {reason_of(error)}")


def _by(lock: int) -> str:
    """Return `` by pid N`` for the process that has the lock, as far as the system tells."""
    if sys.platform != "linux":
        return ""
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    pid = struct.unpack(_FLOCK, fcntl.fcntl(lock, fcntl.F_GETLK, asked))[4]
    return f" by pid {pid}" if pid > 0 else ""  # 0: in another container, or gone meanwhile

"""What ``join`` keeps between two runs: draft, outbox, cursor and input history, for one nickname in one room.

Everything is in one folder of the state directory, readable by nobody else. One process at a time uses it; a second
one with the same nickname keeps nothing until the first has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message, Outbox
from chatctl.common.file_reads import read_file
from chatctl.common.files import open_own, private_folder, replace_file
from chatctl.common.names import fold_nick
from chatctl.common.nesting import decode_kept
from chatctl.common.paths import state_dir
from chatctl.errors import reason_of
from chatctl.protocol import Resume, Say

_resume = msgspec.json.Decoder(Resume)
_says = msgspec.json.Decoder(list[Say])


def saved_outbox(path: Path | None) -> Outbox:
    """Return the outbox at ``path``, with what an earlier run left; a message is on disk before it is sent."""
    return Outbox(*_kept_at(path)) if path is not None else Outbox()


def _kept_at(path: Path) -> tuple[list[Message], Callable[[list[Message]], None]]:
    """Return what an earlier run left in the file, and what keeps messages there."""

    def save(messages: list[Message]) -> None:
        with contextlib.suppress(OSError):
            data = msgspec.json.encode([message.frame for message in messages])
            replace_file(path, data, durable=False, alone=True)  # the folder is locked

    try:
        left = decode_kept(_says, read_file(path))
    except (OSError, ValueError):
        left = []
    return [Message(say) for say in left if say.id], save


def kept_path(address: Address, path_of: Callable[[str], Path]) -> Path:
    """Return the path of the first of an address's servers for which it exists; else that of the first.

    They have the same rooms: the order in which they are named does not matter. ``path_of`` gets a server's file name.
    """
    paths = [path_of(one.file_name) for one in address.each]
    return next((path for path in paths if os.path.exists(path)), paths[0])  # noqa: PTH110 — it raises nothing


class SavedState:
    """The saved state for one server, room and nickname."""

    def __init__(self, folder: Path | None) -> None:
        """Use ``folder``, or keep nothing if it is None."""
        self._folder = folder
        self._wanted = folder
        self._lock: int | None = None
        self._saved: dict[str, bytes] = {}
        self.why_not = ""
        """Why nothing is kept that should be."""
        self.adopted: list[Message] = []
        """What the process that had the folder before left in its outbox, once ``try_again`` has got it."""
        self.found_draft = ""
        """That process's unfinished line."""
        self.draft_time = 0.0
        """When the draft was saved that ``draft`` returned last, in Unix seconds."""
        self.outbox = saved_outbox(self._path("outbox.json"))

    @classmethod
    def open(cls, address: Address, room: str, nick: str) -> SavedState:
        """Lock and return the saved state of a nickname in a room; if that fails, one that keeps nothing for now."""
        saved = cls(None)
        try:
            rooms = state_dir() / "rooms"
            saved._wanted = kept_path(address, lambda server: rooms / server / room / fold_nick(nick))
        except OSError as error:
            saved.why_not = reason_of(error)
        saved.try_again()
        return saved

    @property
    def kept(self) -> bool:
        """Whether anything is kept."""
        return self._folder is not None

    def try_again(self) -> bool:
        """Lock the folder, if it was another process's so far. Return whether it has just been got."""
        if self._wanted is None or self.kept:
            return False
        try:
            private_folder(self._wanted)
            lock = open_own(self._wanted / "lock", os.O_RDWR)
        except OSError as error:
            self.why_not = reason_of(error)
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until the process ends, however it ends
        except OSError:
            os.close(lock)
            self.why_not = "another chatctl has this nickname's files open"
            return False
        self._lock = lock
        self._folder, self.why_not = self._wanted, ""
        self.found_draft = self.draft()
        self.adopted = self.outbox.adopt(*_kept_at(self._wanted / "outbox.json"))
        return True

    def close(self) -> None:
        """Give the folder up: nothing is kept any more, and another one may have it."""
        if self._lock is not None:
            os.close(self._lock)
        self._folder = self._wanted = self._lock = None

    def _path(self, name: str) -> Path | None:
        return self._folder / name if self._folder is not None else None

    @property
    def history_file(self) -> Path | None:
        """The path of the input history, made private first; None if nothing is kept."""
        path = self._path("history")
        if path is not None:
            try:
                os.close(open_own(path, os.O_WRONLY))
            except OSError:
                return None
        return path

    def draft(self) -> str:
        """Return the unfinished line of the last run. Saving the same again leaves the file as it is."""
        path, data = self._path("draft"), self._read("draft")
        if path is not None and data:
            self._saved["draft"] = data
            with contextlib.suppress(OSError):
                self.draft_time = path.stat().st_mtime
        return data.decode("utf-8", "replace")

    def save_draft(self, text: str) -> None:
        """Keep the unfinished line."""
        self._write("draft", text.encode("utf-8", "replace"))

    def cursor(self) -> Resume | None:
        """Return the last run's position in the room's log; None if there is none."""
        try:
            return decode_kept(_resume, self._read("cursor.json"))
        except ValueError:
            return None

    def save_cursor(self, cursor: Resume) -> None:
        """Keep the position in the room's log."""
        self._write("cursor.json", msgspec.json.encode(cursor))

    def _read(self, name: str) -> bytes:
        path = self._path(name)
        try:
            return read_file(path) if path is not None else b""
        except OSError:
            return b""

    def _write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        if path is not None and self._saved.get(name) != data:
            with contextlib.suppress(OSError):
                replace_file(path, data, durable=False, alone=True)  # the folder is locked
                self._saved[name] = data

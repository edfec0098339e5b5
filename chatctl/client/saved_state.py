"""What is kept of a room between two runs of ``join``: draft, outbox, cursor and history, for one nickname.

Everything is in one folder of the state directory, readable by nobody else. One process at a time has it; a second
one under the same name keeps nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message, Outbox
from chatctl.common.files import private_folder, replace_file
from chatctl.common.names import fold_nick
from chatctl.common.paths import state_dir
from chatctl.protocol import Resume, Say, decode_kept

_resume = msgspec.json.Decoder(Resume)
_says = msgspec.json.Decoder(list[Say])


def kept_outbox(path: Path | None) -> Outbox:
    """Give what an earlier run left unsent at ``path``; what is added is on disk before it is sent."""
    if path is None:
        return Outbox()

    def save(messages: list[Message]) -> None:
        with contextlib.suppress(OSError):
            replace_file(path, msgspec.json.encode([message.frame for message in messages]), durable=False)

    try:
        left = decode_kept(_says, path.read_bytes())
    except (OSError, ValueError):
        left = []
    return Outbox((Message(say) for say in left if say.id), save)


class SavedState:
    """The kept things of (server, room, nickname)."""

    def __init__(self, folder: Path | None) -> None:
        """Use ``folder``, or keep nothing if it is None."""
        self._folder = folder
        self._saved: dict[str, bytes] = {}
        self.outbox = kept_outbox(self._path("outbox.json"))

    @classmethod
    def open(cls, address: Address, room: str, nick: str) -> SavedState:
        """Give the keep of a nickname in a room, locked for this process; an empty one if that can't be had."""
        folder = state_dir() / "rooms" / address.file_name / room / fold_nick(nick)
        try:
            private_folder(folder)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until the process ends, however it ends
        except OSError:
            return cls(None)
        return cls(folder)

    def _path(self, name: str) -> Path | None:
        return self._folder / name if self._folder is not None else None

    @property
    def history_file(self) -> Path | None:
        """Where what was typed is kept; made private before anybody else makes it."""
        path = self._path("history")
        if path is not None:
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            except OSError:
                return None
        return path

    def draft(self) -> str:
        """Give the line that was being typed when the last run ended."""
        return self._read("draft").decode("utf-8", "replace")

    def save_draft(self, text: str) -> None:
        """Keep the line that is being typed."""
        self._write("draft", text.encode("utf-8", "replace"))

    def cursor(self) -> Resume | None:
        """Give where the last run stood in the room's log."""
        try:
            return decode_kept(_resume, self._read("cursor.json"))
        except ValueError:
            return None

    def save_cursor(self, cursor: Resume) -> None:
        """Keep where we stand in the room's log."""
        self._write("cursor.json", msgspec.json.encode(cursor))

    def _read(self, name: str) -> bytes:
        path = self._path(name)
        try:
            return path.read_bytes() if path is not None else b""
        except OSError:
            return b""

    def _write(self, name: str, data: bytes) -> None:
        path = self._path(name)
        if path is not None and self._saved.get(name) != data:
            with contextlib.suppress(OSError):
                replace_file(path, data, durable=False)
                self._saved[name] = data

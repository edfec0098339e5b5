"""The file that keeps a reader's position in a room's log between two runs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chatctl.common.file_reads import read_file
from chatctl.common.files import private_folder, replace_file
from chatctl.errors import ChatError, reason_of
from chatctl.protocol import Resume, decode_kept

_decoder = msgspec.json.Decoder(Resume)


class CursorFile:
    """A file (0600, replaced as a whole) that holds a ``Resume``. One reader at a time."""

    def __init__(self, path: Path) -> None:
        """Use ``path``. Nothing is read yet."""
        self._path = path

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
            return decode_kept(_decoder, data)
        except ValueError:
            raise ChatError(f"{self._path} is no cursor file: remove it to start anew") from None

    def save(self, position: Resume) -> None:
        """Replace the file's position. Raises ChatError."""
        try:
            private_folder(self._path.parent)
            replace_file(self._path, msgspec.json.encode(position) + b"\n", durable=False)  # one for each message
        except OSError as error:
            raise ChatError(f"cannot keep the cursor in {self._path}: {reason_of(error)}") from None

"""A reader's place in a room's log: which frames are news to it, and the file that remembers it between two runs.

Lives here: the one rule by which every entry is shown once. Does not live here: connecting again (follow.py, link.py).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from chatctl.common.files import private_folder, replace_file
from chatctl.errors import ChatError, reason_of
from chatctl.protocol import Gap, Msg, Resume, ServerFrame, Welcome, decode_kept

_decoder = msgspec.json.Decoder(Resume)


class Cursor:
    """Where a reader stands, as ``resume`` for the next hello; None before it has ever been let in."""

    def __init__(self, resume: Resume | None = None) -> None:
        """Start where an earlier reader stood, or nowhere."""
        self.resume = resume
        self._instead: Resume | None = None

    @property
    def after(self) -> int:
        """The seq of the last entry that was taken."""
        return self.resume.after if self.resume is not None else 0

    @property
    def here(self) -> Resume | None:
        """Where we stand in the log that is there now, whether or not we were told that ours is lost."""
        return self._instead or self.resume

    @property
    def lost(self) -> bool:
        """Whether our place is none here, and the gap that says so is still to come."""
        return self._instead is not None

    def enter(self, welcome: Welcome, history: int = 0) -> None:
        """We were let in. Without a place of our own we start ``history`` entries before the log's end.

        A place in another log, or behind this one's end, is none: the server tells so with a gap, and goes on at the
        end. Until that gap came we keep it, or a connection that breaks before would hide the loss.
        """
        here, end = self.resume, Resume(welcome.epoch, welcome.last)
        self._instead = None
        if here is None:
            past = min(history, welcome.limits.backlog)
            self.resume = Resume(welcome.epoch, max(welcome.last - past, welcome.first - 1))
        elif here.epoch != welcome.epoch or here.after > welcome.last:
            self._instead = end

    def take(self, frame: ServerFrame) -> Msg | Gap | None:
        """Give an entry that was not given before, or a gap; None for every other frame. The cursor moves past it."""
        if not isinstance(frame, Msg | Gap):
            return None
        if self._instead is not None:
            self.resume, self._instead = self._instead, None
        if isinstance(frame, Msg):
            if frame.seq <= self.after:
                return None
            self._move(frame.seq)
        elif frame.why != "lost":
            self._move(max(self.after, frame.to))
        return frame

    def _move(self, seq: int) -> None:
        assert self.resume is not None, "a frame of the log before the welcome"
        self.resume = Resume(self.resume.epoch, seq)


class CursorFile:
    """A file (0600, replaced whole) that holds a ``Resume``. One reader at a time."""

    def __init__(self, path: Path) -> None:
        """Use ``path``. Nothing is read yet."""
        self._path = path

    def load(self) -> Resume | None:
        """Give what was saved last; None if there is no file, or an empty one (as mktemp makes them).

        Raises:
            ChatError: it can't be read, or holds something else.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ChatError(f"cannot read the cursor file {self._path}: {_why(error)}") from None
        if not data.strip():
            return None
        try:
            return decode_kept(_decoder, data)
        except ValueError:
            raise ChatError(f"{self._path} is no cursor file: remove it to start anew") from None

    def save(self, place: Resume) -> None:
        """Keep a place. Raises ChatError."""
        try:
            private_folder(self._path.parent)
            replace_file(self._path, msgspec.json.encode(place) + b"\n", durable=False)  # one for each message
        except OSError as error:
            raise ChatError(f"cannot keep the cursor in {self._path}: {_why(error)}") from None


def _why(error: OSError) -> str:
    return reason_of(error)

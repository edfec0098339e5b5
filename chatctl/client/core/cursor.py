"""A reader's position in a room's log, and the one rule by which each entry is shown once.

Does not live here: reconnecting (subscription.py, membership.py), the file that keeps a position (cursor_file.py).
"""

from __future__ import annotations

import msgspec

from chatctl.protocol import Gap, Msg, Resume, ServerFrame, Welcome


class Cursor:
    """A position, as ``resume`` for the next hello; None before the first connection."""

    def __init__(self, resume: Resume | None = None) -> None:
        """Start where an earlier reader stopped, or at no position."""
        self.resume = resume
        self._instead: Resume | None = None
        self._is_cut = False
        self.skipped = False
        """Whether the last gap ended in another log, or one that went back: what is new in it may be before us."""

    @property
    def ask(self) -> Resume | None:
        """The position for the next hello."""
        return msgspec.structs.replace(self.resume, cut=True) if self.resume is not None else None

    @property
    def after(self) -> int:
        """The seq of the last entry that was taken."""
        return self.resume.after if self.resume is not None else 0

    @property
    def here(self) -> Resume | None:
        """The position in the log that exists now, even before the gap that reports ours as lost."""
        return self._instead or self.resume

    @property
    def lost(self) -> bool:
        """Whether our position does not exist here, and the gap that says so is still to come."""
        return self._instead is not None and not self._is_cut

    @property
    def awaits_gap(self) -> bool:
        """Whether the gap is still to come that says what of our position is gone: all of it, or its last entries."""
        return self._instead is not None

    def enter(self, welcome: Welcome, history: int = 0) -> None:
        """Note a new connection. Without a position, start ``history`` entries before the log's end.

        A position in another log, or behind this one's end, is lost: the server reports that with a gap, and continues
        at the end. Until the gap has come the old position is kept, or a connection that breaks before it would hide
        the loss. A server that knows our log as the beginning of its own says where we stand in it (``cut``); what we
        took behind that is lost, and reported in the same way.
        """
        here, end = self.resume, Resume(welcome.epoch, welcome.last)
        self._instead, self._is_cut = None, False
        if here is None:
            past = min(history, welcome.limits.backlog)
            self.resume = Resume(welcome.epoch, max(welcome.last - past, welcome.first - 1))
        elif here.epoch != welcome.epoch and welcome.cut is not None:
            self._is_cut = welcome.cut < here.after
            if self._is_cut:
                self._instead = Resume(welcome.epoch, welcome.cut)
            else:
                self.resume = Resume(welcome.epoch, here.after)
        elif here.epoch != welcome.epoch or here.after > welcome.last:
            self._instead = end

    def take(self, frame: ServerFrame) -> Msg | Gap | None:
        """Return a gap, or an entry that was not returned before, and move past it; None for any other frame."""
        if not isinstance(frame, Msg | Gap):
            return None
        self.skipped = self._instead is not None and self._instead.after > 0 and not self._is_cut
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

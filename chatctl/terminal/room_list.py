"""The rooms that one ``join`` is in: their order, which one is shown, and what is unread in the others.

Lives here: decisions, without a screen or a connection. Does not live here: what they are made of (rooms.py), the lines
that wait (room_screen.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unread:
    """What has come in a room since it was shown last."""

    messages: int = 0
    for_you: int = 0
    """Those that mention the user, and whispers."""

    def __bool__(self) -> bool:
        return self.messages > 0

    def __str__(self) -> str:
        return f"{self.messages:,} unread{f', {self.for_you:,} for you' if self.for_you else ''}"

    @property
    def short(self) -> str:
        """The same behind a room's name."""
        return f"{self.messages:,}{f' ({self.for_you:,} for you)' if self.for_you else ''}"


class RoomList:
    """Rooms, numbered from 1 in the order in which they were joined. The first one is shown first."""

    def __init__(self) -> None:
        """Start with none."""
        self._unread: dict[str, Unread] = {}
        self._seen: list[str] = []
        """The rooms, the one that is shown last, before it the one that was shown before."""

    def __len__(self) -> int:
        return len(self._unread)

    def __contains__(self, name: object) -> bool:
        return name in self._unread

    @property
    def names(self) -> list[str]:
        """The rooms in order."""
        return list(self._unread)

    @property
    def shown(self) -> str | None:
        """The room that is shown; None if there is none."""
        return self._seen[-1] if self._seen else None

    def add(self, name: str) -> None:
        """Add a room, behind the others. ValueError if it is there."""
        if name in self._unread:
            raise ValueError(f"{name} is joined already")
        self._unread[name] = Unread()
        self._seen.insert(0 if self._seen else len(self._seen), name)

    def remove(self, name: str) -> Unread:
        """Remove a room. If it was shown, the one is that was shown before it; return what was unread there."""
        del self._unread[name]
        self._seen.remove(name)
        return self._read()

    def show(self, name: str) -> Unread:
        """Show a room, and return what was unread there: now it is read."""
        self._seen.remove(name)
        self._seen.append(name)
        return self._read()

    def _read(self) -> Unread:
        shown = self.shown
        before = self._unread[shown] if shown is not None else Unread()
        if shown is not None:
            self._unread[shown] = Unread()
        return before

    def said(self, name: str, *, for_you: bool) -> None:
        """Note a message of somebody else's. In the room that is shown it is read at once."""
        before = self._unread[name]
        if name != self.shown:
            self._unread[name] = Unread(before.messages + 1, before.for_you + for_you)

    def numbered(self, number: int) -> str | None:
        """Return the room of that number; None if there is none."""
        names = self.names
        return names[number - 1] if 0 < number <= len(names) else None

    def next(self) -> str | None:
        """Return where to go on reading: a room with something for the user, else with news, else the next one."""
        names, shown = self.names, self.shown
        if shown is None:
            return None
        at = names.index(shown)
        others = names[at + 1 :] + names[:at]
        for_you = [name for name in others if self._unread[name].for_you]
        news = [name for name in others if self._unread[name]]
        return next(iter([*for_you, *news, *others]), None)

    def unread(self, name: str) -> Unread:
        """Return what is unread in a room."""
        return self._unread[name]

    @property
    def all_unread(self) -> Unread:
        """What is unread in all rooms together."""
        counts = self._unread.values()
        return Unread(sum(one.messages for one in counts), sum(one.for_you for one in counts))

    @property
    def activity(self) -> str:
        """What is unread where, in a few words; empty if nothing is."""
        numbered = enumerate(self._unread.items(), 1)
        return ", ".join(f"{number} {name}: {unread.short}" for number, (name, unread) in numbered if unread)

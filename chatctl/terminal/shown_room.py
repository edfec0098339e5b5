"""What a Conversation in several rooms tells of the one that is shown.

Does not live here: which one that is (rooms.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from chatctl.client.saved_state import SavedState
from chatctl.terminal.joined_room import JoinedRoom


class ShownRoom(ABC):
    """The part of a Conversation that is about one room."""

    @property
    @abstractmethod
    def _shown(self) -> JoinedRoom:
        """The room that is shown."""

    @property
    def name(self) -> str:
        """The room that is shown."""
        return self._shown.name

    @property
    def nick(self) -> str:
        """Our nickname in the room that is shown."""
        return self._shown.controller.nick

    @property
    def operator(self) -> bool | None:
        """Whether we have proved an operator's key there; None if the server has not told."""
        return self._shown.controller.operator

    @property
    def addressee(self) -> str:
        """Who alone is told what is typed; empty: the room."""
        return self._shown.controller.view.whispering.addressee

    @property
    def is_private(self) -> Callable[[str], bool]:
        """What tells whether a line of this room is for one member alone."""
        return self._shown.controller.is_private

    @property
    def saved(self) -> SavedState:
        """What is saved of the room that is shown."""
        return self._shown.saved

    @property
    def count(self) -> int | None:
        """The number of members in the room that is shown."""
        return self._shown.controller.count if self._shown.was_entered and not self._shown.out else None

    @property
    def status(self) -> str:
        """What is wrong with the room that is shown."""
        return self._shown.status

    @property
    def is_entering(self) -> bool:
        """Whether the server has yet to let us into the room that is shown."""
        return not self._shown.was_entered and not self._shown.out

    @property
    def limit(self) -> int:
        """The bytes of UTF-8 that one message may have."""
        return self._shown.controller.limit

    def unsent(self) -> list[str]:
        """Return the texts in the outbox of the room that is shown."""
        return self._shown.controller.unsent()

    def nicks(self) -> Iterable[str]:
        """Return the nicknames that are known in the room that is shown."""
        return self._shown.controller.nicks()

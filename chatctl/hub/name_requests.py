"""Name requests: look, decide, commit if nothing has changed meanwhile, else look again.

Lives here: that loop, once, for all that takes or changes a name, and the peer that waits for its end. Does not live
here: the decision (core/name_ownership.py), the commit (directory/), what follows from it (login.py, hub.py,
presence.py). Source: docs/design.md, "One place decides about names".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from chatctl.core.peer import Peer
from chatctl.directory import Changed, Directory, Given, Place, Verdict, Wish
from chatctl.errors import ChatError, NickTaken, StorageFailed
from chatctl.hub.waiting import Waiting

MAX_LOOKS = 100
"""Somebody else was faster each time: a client that asks again is no worse off."""

_T = TypeVar("_T")


def commit_name(
    directory: Directory,
    peer: Peer,
    decide: Callable[[], tuple[_T, Wish | None]],
    given: Callable[[_T, Place | None], None],
    refused: Callable[[ChatError], None],
) -> None:
    """Commit what is decided, at once or later. Until then the peer's session gives no further effect.

    Args:
        directory: commits.
        peer: whose name it is about; it may be leaving when the answer comes.
        decide: looks at who is here; returns what was decided, and the wish for it, or None if nothing has to be
            committed. Raises ChatError. Called again whenever something has changed.
        given: gets what was decided last, and the new place, if the wish was for one.
        refused: gets the error: of ``decide``, or StorageFailed.
    """
    with Waiting(peer) as wait:
        _Request(directory, peer, decide, given, refused, wait).look()


@dataclass(eq=False, slots=True)
class _Request(Generic[_T]):
    directory: Directory
    peer: Peer
    decide: Callable[[], tuple[_T, Wish | None]]
    given: Callable[[_T, Place | None], None]
    refused: Callable[[ChatError], None]
    wait: Waiting
    looks: int = 0

    def look(self) -> None:
        self.looks += 1
        try:
            if self.looks > 1 and self.peer.leaving is not None:
                raise NickTaken("its connection is gone")
            if self.looks > MAX_LOOKS:
                raise StorageFailed("too many names change at once: try again")
            decided, wish = self.decide()
        except ChatError as error:
            self._refuse(error)
            return
        if wish is None:
            self._give(decided, None)
            return

        def judged(verdicts: Sequence[Verdict]) -> None:
            match verdicts[0]:
                case Given(place):
                    self._give(decided, place)
                case Changed():
                    self.look()
                case StorageFailed() as error:
                    self._refuse(error)

        self.directory.claim([wish], judged)

    def _give(self, decided: _T, place: Place | None) -> None:
        self.given(decided, place)
        self.wait.over()

    def _refuse(self, error: ChatError) -> None:
        self.refused(error)
        self.wait.over()

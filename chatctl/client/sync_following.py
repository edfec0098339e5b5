"""The blocking form of following a room. Its public name is ``chatctl.client.Following``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generic, Protocol, Self, TypeVar, cast

from chatctl.client.core.following import FollowCore
from chatctl.client.core.place import Place

E = TypeVar("E")
T = TypeVar("T")


class Run(Protocol):
    """Runs a coroutine of the core to its end, and returns its result."""

    def __call__(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Run it."""
        ...


class Following(Generic[E]):
    """An iterator over a room's entries: ``Msg``, and ``Gap`` where some can't be shown; events, if asked for.

    It connects for the first entry, or at once in a ``with`` block, and hangs up at its own end or the room's.
    """

    def __init__(self, core: FollowCore, run: Run) -> None:
        """Call ``Room.follow`` instead."""
        self._core = core
        self._run = run

    def __enter__(self) -> Self:
        self._run(self._core.open())
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._run(self._core.close(handled=kind is None))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        event = self._run(self._core.next())
        if event is None:
            raise StopIteration
        return cast(E, event)

    @property
    def place(self) -> Place | None:
        """The position: ``follow(resume=place)`` continues after it, also in another process. None at first.

        ``str(place)`` is one line, and ``Place.parse`` reads it.
        """
        return self._core.place

    def close(self) -> None:
        """Hang up. Whoever waits for an entry gets none any more."""
        self._run(self._core.close())

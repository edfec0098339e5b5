"""The places of a directory in memory: given if nothing changed that was looked at, and freed.

Lives here: what ``Directory.claim`` promises of one wish. Does not live here: when it is judged, and who is told.
"""

from __future__ import annotations

from itertools import count

from chatctl.directory import Place, Wish


class Table:
    """All places, and the skeletons of each."""

    def __init__(self) -> None:
        """Start empty."""
        self._looks: dict[Place, frozenset[str]] = {}
        self._alike: dict[str, tuple[Place, ...]] = {}  # by skeleton: one place, nearly always
        self._numbers = count(1)

    def __contains__(self, place: Place) -> bool:
        return place in self._looks

    def alike(self, look: str) -> tuple[Place, ...]:
        """Return all that have a skeleton."""
        return self._alike.get(look, ())

    def fits(self, wish: Wish) -> bool:
        """Return whether all is still as it was when it was looked at."""
        alike = {place for look in wish.looks for place in self.alike(look)}
        return alike == wish.seen and (wish.place is None or wish.place in self._looks)

    def give(self, wish: Wish, server: str) -> Place:
        """Return a new place at a server, in the stead of the wish's own one."""
        if wish.place is not None:
            self.free(wish.place)
        place = Place(server, next(self._numbers))
        self._looks[place] = wish.looks
        for look in wish.looks:
            self._alike[look] = (*self._alike.get(look, ()), place)
        return place

    def free(self, place: Place) -> bool:
        """Remove a place; return whether there was one."""
        looks = self._looks.pop(place, None)
        for look in looks or ():
            if others := tuple(other for other in self._alike[look] if other != place):
                self._alike[look] = others
            else:
                del self._alike[look]
        return looks is not None

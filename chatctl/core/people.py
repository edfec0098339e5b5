"""People: which connections are one person's.

Whose a nickname is: name_ownership.py. Who is banned with somebody: bans.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from chatctl.core.name_ownership import Owner

_T = TypeVar("_T")


def people(connections: Iterable[_T], owner: Callable[[_T], Owner]) -> list[list[_T]]:
    """Return the connections of each person, in their order.

    Those that have proved one key, or brought one token, are one person's, also by way of a third one: a laptop and a
    phone have tokens of their own and the same key. Who has neither is one person for each connection.
    """
    listed = [(one, _marks(owner(one))) for one in connections]
    parent: dict[object, object] = {}  # of marks; those of one person have one root

    def root(mark: object) -> object:
        while (above := parent.setdefault(mark, mark)) != mark:
            parent[mark] = parent[above]
            mark = above
        return mark

    for _, marks in listed:
        for mark in marks:
            parent[root(mark)] = root(marks[0])
    groups: dict[object, list[_T]] = {}
    for one, marks in listed:
        groups.setdefault(root(marks[0]), []).append(one)
    return list(groups.values())


def _marks(owner: Owner) -> list[object]:
    return [mark for mark in (owner.key, owner.token) if mark is not None] or [object()]

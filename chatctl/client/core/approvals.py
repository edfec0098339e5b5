"""Approvals: how many different owners have said yes.

An owner is recognised by the marks that the server has for what it proved: an owner with two connections may have them
in common by way of a third one. Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

from collections.abc import Iterable

from chatctl.protocol import Msg


class Approvals:
    """The entries that approve, one group for each owner."""

    def __init__(self) -> None:
        """Start with none."""
        self._groups: list[tuple[set[str], list[Msg]]] = []

    def add(self, entry: Msg, marks: Iterable[str]) -> bool:
        """Count an entry; return whether it is by somebody who had not approved. ``marks`` is not empty."""
        merged, entries = set(marks), [entry]
        apart = []
        for others, before in self._groups:
            if merged & others:
                merged |= others
                entries += before
            else:
                apart.append((others, before))
        self._groups = [*apart, (merged, entries)]
        return len(entries) == 1

    @property
    def entries(self) -> list[Msg]:
        """The first entry of each owner, in the order in which they were said."""
        firsts = (min(entries, key=lambda entry: entry.seq) for _, entries in self._groups)
        return sorted(firsts, key=lambda entry: entry.seq)

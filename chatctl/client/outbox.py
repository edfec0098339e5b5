"""The outbox: what was said and is not acknowledged yet, in order, kept across connections and crashes.

Each message keeps its id, so that saying it again never says it twice. Lives here: the list and its file. Does not
live here: when to send (aio.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chatctl.client.files import write_private
from chatctl.protocol import Say

_MAX_KEPT = 1000
"""Unsent messages that are kept; more is somebody pasting a log into a dead connection."""

_decoder = msgspec.json.Decoder(list[Say])


class OutboxFull(ValueError):
    """There are too many unsent messages already."""


class Outbox:
    """Messages by id, oldest first. With a ``path`` they are on disk before they are sent."""

    def __init__(self, path: Path | None = None) -> None:
        """Take what an earlier run left at ``path``."""
        self._path = path
        self._says: dict[str, Say] = {say.id: say for say in _load(path) if say.id}

    def __len__(self) -> int:
        return len(self._says)

    def __iter__(self) -> Iterator[Say]:
        return iter(list(self._says.values()))

    def add(self, text: str, *, action: bool = False) -> Say:
        """Keep a message until it is acknowledged, and give it its id. Raises OutboxFull."""
        if len(self._says) >= _MAX_KEPT:
            raise OutboxFull(f"{_MAX_KEPT} messages wait to be sent already")
        say = Say(text, id=os.urandom(8).hex(), action=action)
        assert say.id is not None
        self._says[say.id] = say
        self._save()
        return say

    def settle(self, ident: str | None) -> Say | None:
        """Forget a message whose outcome is known, and give it; None if it is none of ours."""
        say = self._says.pop(ident, None) if ident else None
        if say is not None:
            self._save()
        return say

    def _save(self) -> None:
        if self._path is not None:
            write_private(self._path, msgspec.json.encode(list(self._says.values())))


def _load(path: Path | None) -> list[Say]:
    try:
        return _decoder.decode(path.read_bytes()) if path is not None else []
    except (OSError, ValueError):
        return []

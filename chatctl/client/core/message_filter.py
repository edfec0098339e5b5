"""Which messages somebody waits for: who said them, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Collection

from chatctl.common.names import fold_any
from chatctl.protocol import Msg


class MessageFilter:
    """Accepts messages of ``nicks`` (folded; of everybody if empty) whose text ``match`` accepts."""

    def __init__(self, nicks: Collection[str] = (), match: Callable[[str], bool] | None = None) -> None:
        self._nicks = frozenset(nicks)
        self._match = match

    def __call__(self, entry: Msg) -> bool:
        """Tell whether the filter accepts this message; a redacted one, if it leaves none out. Raises as ``match``."""
        if entry.redacted:
            return not self._nicks and self._match is None
        if self._nicks and fold_any(entry.nick) not in self._nicks:
            return False
        return self._match is None or self._match(entry.text)

"""Which messages somebody waits for: of whom, and what they say."""

from __future__ import annotations

import re
from collections.abc import Collection

from chatctl.common.names import fold_any
from chatctl.protocol import Msg


class MessageFilter:
    """A test of messages: said by one of ``nicks`` (folded; any if empty), and ``match`` found in their text."""

    def __init__(self, nicks: Collection[str] = (), match: re.Pattern[str] | None = None) -> None:
        """Want everything unless told otherwise."""
        self._nicks = frozenset(nicks)
        self._match = match

    def __call__(self, entry: Msg) -> bool:
        """Tell whether this is one."""
        if self._nicks and fold_any(entry.nick) not in self._nicks:
            return False
        return self._match is None or self._match.search(entry.text) is not None

"""A paste: what stands between the two marks that a terminal puts around it, kept up to a bound.

Lives here: collecting it, however it is cut. Does not live here: what becomes of it (key_bindings.py).
"""

from __future__ import annotations

from chatctl.terminal.broken_bytes import replaced

END = "\x1b[201~"

MAX_KEPT = 256 * 1024
"""Characters that are kept; no message is so long. The rest is counted, so that a paste of any size can be refused."""


class PastedText(str):
    """The text of a paste, with LF as line ends; cut if it is longer than what is kept."""

    size: int
    """Bytes of UTF-8 that the whole paste has."""
    __slots__ = ("size",)


class PasteCollector:
    """Collects one paste."""

    def __init__(self) -> None:
        """Start behind the mark that begins it."""
        self._parts: list[str] = []
        self._kept = 0
        self._size = 0
        self._tail = ""
        """The last characters, which may be the beginning of the end mark."""

    def feed(self, data: str) -> str | None:
        """Take more of it. Return what follows the end mark, None if that is still to come."""
        data = self._tail + data
        inside, mark, rest = data.partition(END)
        self._tail = "" if mark else inside[len(inside) - len(END) + 1 :] if len(inside) >= len(END) else inside
        self._take(inside[: len(inside) - len(self._tail)])
        return rest if mark else None

    def _take(self, text: str) -> None:
        self._size += len(text.encode("utf-8", "surrogateescape"))
        if room := MAX_KEPT - self._kept:
            self._parts.append(text[:room])
            self._kept += len(self._parts[-1])

    def text(self, broken: bytearray) -> PastedText:
        """Return all of it. Bytes that are no text are added to ``broken``; U+FFFD stands for each."""
        whole = "".join(self._parts)
        whole, found = replaced(whole)
        broken += found
        pasted = PastedText(whole.replace("\r\n", "\n").replace("\r", "\n"))
        pasted.size = self._size if self._kept == MAX_KEPT else len(pasted.encode("utf-8", "replace"))
        return pasted

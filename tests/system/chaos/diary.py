"""A client's diary: what happened to it, in order, as JSON lines. The form is described in verifier.py."""

from __future__ import annotations

import json
from pathlib import Path


class Diary:
    """Written by one thread. A line is in it before what it tells of is done."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._file = path.open("w", encoding="utf-8")

    def note(self, do: str, **what: object) -> None:
        self._file.write(json.dumps({"do": do} | what, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()

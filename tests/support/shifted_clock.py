"""A wall clock that a test sets, for the programs that it starts; their monotonic clock is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.environment import ROOT

_SHIFT = """
import pathlib, time
_real, _ahead = time.time, pathlib.Path(__file__).with_name("ahead")
time.time = lambda: _real() + float(_ahead.read_text())
"""


class ShiftedClock:
    """What Python programs see that run with ``env``."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Keep its state in ``folder``, which has to be there."""
        self.env = {**env, "PYTHONPATH": f"{folder}:{ROOT}"}
        self._folder = folder
        (folder / "sitecustomize.py").write_text(_SHIFT)
        self.set(0)

    def set(self, ahead: float) -> None:
        """Set it so many seconds ahead of the true time."""
        new = self._folder / "new"
        new.write_text(str(ahead))
        new.replace(self._folder / "ahead")  # never empty

"""The server of a soak: its process, its log, which is not read at times, and its clock, which is set."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.environment import CHATCTL, DEADLINE, ROOT
from tests.support.shifted_clock import ShiftedClock

TROUBLE = ("Traceback", "internal error in chatctl", "Task exception was never retrieved")
_KEPT = 50


class Serving:
    """A ``chatctl serve`` with a journal in ``folder``."""

    def __init__(self, folder: Path, env: Mapping[str, str], *options: str) -> None:
        """Start it."""
        (folder / "clock").mkdir()
        self.folder = folder
        self.journal = folder / "rooms.db"
        self.clock = ShiftedClock(folder / "clock", env)
        self.trouble: list[str] = []
        self.lines = 0
        self.last: list[str] = []
        self.reads = threading.Event()
        self.reads.set()
        self.process = subprocess.Popen(
            [*CHATCTL, "serve", "--port", "0", "--journal", str(self.journal), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.clock.env,
            cwd=ROOT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        assert self.process.stdout is not None
        found = re.search(r":(\d+)$", self.process.stdout.readline().strip())
        assert found is not None, self.last
        self.port = int(found[1])

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines += 1
            self.last = [*self.last[1 - _KEPT :], line]
            if any(word in line for word in TROUBLE):
                self.trouble.append(line)
            self.reads.wait()

    def command(self, *words: str, to_server: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the operator's to its end."""
        where = ("--journal", str(self.journal)) if to_server else ()
        return subprocess.run(
            [*CHATCTL, *words, *where],
            env=self.clock.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def stop(self) -> int:
        """End it; return its exit code."""
        self.reads.set()
        self.process.terminate()
        try:
            return self.process.wait(DEADLINE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._reader.join(DEADLINE)
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()

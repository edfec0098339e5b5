"""The server under torment: a real ``chatctl serve`` in a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent.parent.parent
PLANTED = str(Path(__file__).parent / "planted.py")
CHATCTL = (sys.executable, "-m", "chatctl")
_DEADLINE = 20.0


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program of chatctl's: this one, with no settings but these."""
    return (
        {key: value for key, value in os.environ.items() if not key.startswith("CHATCTL_")}
        | {"PYTHONPATH": str(ROOT)}
        | more
    )


class NotStarted(Exception):
    """It ended before it listened."""


class Child:
    """One run of the server; ``listening`` waits until it can be talked to."""

    port: int

    def __init__(self, journal: Path | str, log: Path, *options: str, command: Sequence[str] = CHATCTL) -> None:
        """Start it. What it logs is added to ``log``."""
        self._log = log
        env = environment(CHATCTL_STATE_DIR=str(log.parent))
        arguments = ("serve", "--port", "0", "--journal", str(journal), "--rate", "off", "-q", *options)
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [*command, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=env
            )

    def listening(self) -> Self:
        """Wait for the line that names its port. Raises NotStarted."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(rb":(\d+)$", line.strip())
        if match is None:
            code = self._reap()
            raise NotStarted(f"{line!r}, exit code {code}: {self._log.read_text()[-500:]}")
        self.port = int(match[1])
        return self

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> bool:
        """End it without a word. False if it had ended before, by itself."""
        alive = self.process.poll() is None
        self.process.kill()
        self._reap()
        return alive

    def stop(self) -> int:
        """End it in order; give its exit code."""
        self.process.terminate()
        return self._reap()

    def _reap(self) -> int:
        code = self.process.wait(_DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

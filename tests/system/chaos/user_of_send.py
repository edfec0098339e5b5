"""A script that says things with ``chatctl send --id``, and has a list of the servers."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from math import inf

from tests.system.chaos.child import CHATCTL, environment
from tests.system.chaos.diary import Diary

_DEADLINE = 60.0


class UserOfSend(threading.Thread):
    """Says one thing after the other, each again until it is done. Ends when it is told to, after the current one."""

    def __init__(self, addresses: Sequence[str], diary: Diary, first: int) -> None:
        """``first`` is the index of the server that it asks first."""
        super().__init__(name=diary.name, daemon=True)
        self._addresses = list(addresses)
        self._diary = diary
        self._turn = first
        self._giving_up = threading.Event()
        self._until = inf

    def give_up(self) -> None:
        """Begin nothing new."""
        self._until = time.monotonic() + _DEADLINE
        self._giving_up.set()

    def run(self) -> None:
        count = 0
        while not self._giving_up.wait(0.2):
            count += 1
            ident, text = f"{count}", f"{self._diary.name} says {count}"
            self._diary.note("attempt", id=ident, text=text)
            while (code := self._send(text, ident)) not in (0, None) and time.monotonic() < self._until:
                self._diary.note("again", id=ident)
            if code == 0:
                self._diary.note("stored", id=ident)
        self._diary.close()

    def _send(self, text: str, ident: str) -> int | None:
        """Return the exit code; None: what came of it stays unknown."""
        self._turn += 1
        here = self._turn % len(self._addresses)
        servers = ",".join(self._addresses[here:] + self._addresses[:here])
        env = environment(CHATCTL_CONFIG=os.devnull, CHATCTL_TOKEN="5" * 32)
        command = [*CHATCTL, "send", text, "--id", ident, "--nick", self._diary.name, "--server", servers]
        try:
            return subprocess.run(command, env=env, capture_output=True, check=False, timeout=_DEADLINE).returncode
        except subprocess.TimeoutExpired:
            return None

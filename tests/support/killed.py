"""A process that is killed in the middle of replacing a file."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable


def killed_at_the_rename(write: Callable[[], object]) -> None:
    """Run ``write`` in a child that gets SIGKILL where it would rename its draft into place."""
    if not (child := os.fork()):
        os.replace = lambda *_names, **_folders: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        write()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

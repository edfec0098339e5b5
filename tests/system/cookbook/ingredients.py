"""What recipes work on: programs of the person who cooks, and a log that grows while somebody watches it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from tests.support.environment import DEADLINE
from tests.system.cookbook.kitchen import Kitchen


def executable(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text)
    path.chmod(0o755)


def wait_until_at_end(path: Path, group: int) -> None:
    """Wait until a process of that group has read a file to its end: nothing else tells that ``tail`` is there.

    That it has it open is not enough: it goes to the end a moment later, past what was written meanwhile.
    """
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getpgid(int(process.name)) == group and stands_at(process, path) == path.stat().st_size:
                    return
    raise AssertionError(f"nobody reads {path}")


def stands_at(process: Path, path: Path) -> int | None:
    """Return a process's offset in a file, in bytes; None if it has not opened it."""
    for link in (process / "fd").iterdir():
        if link.readlink() == path:
            info = (process / "fdinfo" / link.name).read_text()
            return int(info.split()[1])  # "pos:\t0"
    return None


def append(path: Path, line: str) -> None:
    """Write a line at the end."""
    with path.open("a") as out:
        out.write(f"{line}\n")


def watched(kitchen: Kitchen, **env: str) -> tuple[Path, subprocess.Popen[bytes]]:
    """Start the watch of a log that has an error already, and wait until it stands behind it."""
    log = kitchen.home / "app.log"
    append(log, "ERROR of yesterday")
    watch = kitchen.start(kitchen.recipe.take("sh").text, **env)
    wait_until_at_end(log, watch.pid)
    return log, watch

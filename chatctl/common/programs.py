"""Starting programs as execvp(3) does: a file that is no program is a shell script."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SHELL = "/bin/sh"


def start(command: Sequence[str], **more: Any) -> subprocess.Popen[bytes]:
    """Start a program.

    Args:
        command: its name, which is looked for in PATH if it has no slash, and its arguments.
        more: for ``Popen``.

    Raises:
        OSError: there is none, it can't be run, or its arguments and environment are too long.
    """
    path = shutil.which(command[0])  # Popen would try the next one of that name where this is a script
    try:
        return subprocess.Popen(command, executable=path, **more)  # noqa: S603 — to run what it is told is its purpose
    except OSError as error:
        if error.errno != errno.ENOEXEC or path is None or not _is_text(path):
            raise
    # A relative path may begin with a dash.
    return subprocess.Popen([_SHELL, str(Path(path).absolute()), *command[1:]], **more)  # noqa: S603 — as execvp(3) does


def _is_text(path: str) -> bool:
    """Return whether a file may be a script, and no program for another kind of machine."""
    with Path(path).open("rb") as file:
        return b"\0" not in file.read(4096)

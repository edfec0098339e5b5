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
    try:
        return subprocess.Popen(command, **more)  # noqa: S603 — to run what it is told is its purpose; no shell
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        path = script_of(command[0])
        if path is None:
            raise
    return subprocess.Popen([_SHELL, path, *command[1:]], **more)  # noqa: S603 — as execvp(3) does


def script_of(name: str) -> str | None:
    """Return the path of a script without a first line that names its interpreter; None for what is no text."""
    path = shutil.which(name)
    if path is None:
        return None
    with Path(path).open("rb") as file:
        if b"\0" in file.read(4096):
            return None  # a program for another kind of machine
    return str(Path(path).absolute())  # a relative one may begin with a dash

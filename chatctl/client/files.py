"""Private files: small ones, replaced whole so that a reader never sees half of one, and the log of our own faults."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from chatctl.common.paths import state_dir


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing, that nobody else can look into; give it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, data: bytes) -> bool:
    """Replace ``path`` (0600, its folder 0700) by ``data``; tell whether that was possible."""
    try:
        replace_private(path, data)
    except OSError:
        return False
    return True


def replace_private(path: Path, data: bytes) -> None:
    """Replace ``path`` (0600, its folder 0700) by ``data``. Raises OSError; what was there then still is."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private_folder(path.parent)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def write_down(error: BaseException) -> Path:
    """Keep the traceback of a fault of ours, and give the file it is in."""
    import time
    import traceback

    path = private_folder(state_dir()) / "crash.log"
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        traceback.print_exception(error, file=file)
    path.chmod(0o600)
    return path

"""Small private files that are replaced whole: a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def private_folder(path: Path) -> Path:
    """Make a folder, and those above it that are missing, that nobody else can look into; give it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, data: bytes) -> bool:
    """Replace ``path`` (0600, its folder 0700) by ``data``; tell whether that was possible."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private_folder(path.parent)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        return False
    return True

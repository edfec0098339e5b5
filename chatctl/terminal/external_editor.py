"""An editor of the user's own for the line: which one, its file, and what became of the text.

Lives here: the program and its file. Does not live here: who has the terminal meanwhile (terminal_loan.py), what the
line may be (prompt_screen.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from chatctl.common.file_reads import read_file
from chatctl.common.files import create_file, draft_folder, remove_draft_folder
from chatctl.common.programs import start

END_SECONDS = 1.0
"""What an editor that is to end is given before it is killed."""

MOST_BYTES = 1 << 20
"""Of the file, when it is read again."""

_USUAL = ("editor", "nano", "vi")


class Edited(NamedTuple):
    """What became of the text."""

    text: str
    """The text in the file. Where there is a ``failure``, only what was changed before it; else empty."""
    failure: str = ""
    """How the editor ended, if that was no success."""
    killed: bool = False
    """Whether a signal ended it, so that it may have left the terminal in any state."""


class ExternalEditor:
    """Runs an editor on one file, which is readable by this user alone and is removed afterwards."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take the editor and the folder for its file from ``environ``, when they are needed."""
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._file: Path | None = None
        self.stopped = False
        """Whether ``stop`` has ended an editor."""

    def _words(self) -> list[str]:
        """Return the command. Raises ValueError for an unclosed quote."""
        for name in ("VISUAL", "EDITOR"):
            if words := shlex.split(self._environ.get(name, "")):
                return words
        return [next(filter(shutil.which, _USUAL), _USUAL[-1])]

    async def edit(self, text: str) -> Edited:
        """Have ``text`` edited, or what an earlier call has kept, and wait for the end.

        The file stays until ``done`` is called, and the next call opens it again.

        Raises:
            OSError: there is no such editor, or the file can't be made or read.
            ValueError: the command has an unclosed quote.
        """
        words = self._words()
        before = text if self._file is None else self._read()
        if self._file is None:
            self._make_file(text)
        try:
            self._process = start([*words, self.kept])
        except OSError:
            self.done()
            raise
        code = await asyncio.to_thread(self._process.wait)
        self._process = None
        after = self._read()
        if not code:
            return Edited(after)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return Edited("" if after == before else after, f"{words[0]} {how}", killed=code < 0)

    def _make_file(self, text: str) -> None:
        folder = Path(self._environ.get("TMPDIR") or "/tmp") / f"chatctl-{os.urandom(8).hex()}"  # noqa: S108 — 0700
        draft_folder(folder)
        self._file = folder / "message.txt"
        create_file(self._file, f"{text}\n".encode("utf-8", "replace"), durable=False)

    def _read(self) -> str:
        """Return the file's text without the line ends behind it; empty if the editor has removed it."""
        try:
            data = read_file(self.kept, most=MOST_BYTES)
        except FileNotFoundError:
            return ""
        return data.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")

    @property
    def kept(self) -> str:
        """The file that is edited or kept; empty if there is none."""
        return str(self._file or "")

    def done(self) -> None:
        """Remove the file: its text is in the line, or nobody wants it."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                remove_draft_folder(file.parent)

    def stop(self) -> None:
        """End a running editor: the program is to end."""
        if self._process is not None:
            process, self.stopped = self._process, True
            process.terminate()
            asyncio.get_running_loop().call_later(END_SECONDS, process.kill)

"""Our stdout, as one that writes everything.

Where Python is told not to buffer (``PYTHONUNBUFFERED``, usual in containers), ``sys.stdout`` hands a text to write(2)
once and takes what that took for all of it. On a terminal that lags, a signal ends the call early (a change of the
window's size is one), and the rest of the text is lost.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO


def whole_stdout() -> TextIO:
    """Give stdout with a buffer of its own, which goes on until all is written. Closing it leaves stdout open."""
    stdout = sys.stdout
    if stdout is None:  # it was closed before we began
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123
    return os.fdopen(stdout.fileno(), "w", encoding=stdout.encoding, errors=stdout.errors, closefd=False)

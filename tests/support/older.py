"""A server of another version beside those of this one, for the tests of several servers.

    CHATCTL_TEST_OLDER=NUMBER:PYTHON .venv/bin/python -m pytest tests/system/commands/test_serve_shared.py

Of the servers that a test starts, the one of that number (0: the first one) is chatctl as PYTHON has it installed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def older_program(number: int) -> Sequence[str]:
    """Return what a test's server of this number is started with; nothing: with this version."""
    wanted, _, python = os.environ.get("CHATCTL_TEST_OLDER", "").partition(":")
    return installed(python) if python and int(wanted) == number else ()


def installed(python: str) -> Sequence[str]:
    """Return how the chatctl of an interpreter is started: -I, or it would find the one of this folder first."""
    return python, "-I", "-m", "chatctl"

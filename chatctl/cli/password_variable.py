"""``CHATCTL_PASSWORD``: taken out of the environment when chatctl starts.

A program that we run (``run``, ``tail --exec``, an editor) inherits the environment, and its output may go to the room.
``CHATCTL_PASSWORD_FILE`` stays: it names a file that keeps its own permissions.
"""

from __future__ import annotations

import os

PASSWORD = "CHATCTL_PASSWORD"  # noqa: S105 — the variable's name

_taken: str | None = None


def take_password() -> None:
    """Remove the variable from the environment, so that no child inherits it; ``password`` has its value."""
    global _taken
    _taken = os.environ.pop(PASSWORD, None) or _taken


def password() -> str | None:
    """Return the variable's value; None if it is empty or not set."""
    return os.environ.get(PASSWORD) or _taken

"""Where the program is, the environment that tests run it in, and how long they wait for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEADLINE = 20.0
"""Seconds after which something that should have happened will not. Every wait of a test ends with it."""

ROOT = Path(__file__).parent.parent.parent
CHATCTL = (sys.executable, "-m", "chatctl")


def clean_env(state: Path, **more: str) -> dict[str, str]:
    """Return an environment in which no setting of the person who runs the tests counts, and no message is kept."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CHATCTL_", "PYTHON"))}
    return (
        env
        | {
            "CHATCTL_STATE_DIR": str(state),
            "CHATCTL_JOURNAL": "none",
            "XDG_CONFIG_HOME": str(state / "config"),
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
        }
        | more
    )

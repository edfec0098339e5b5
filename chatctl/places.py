"""Where chatctl keeps things between runs."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """Give the directory for what is kept: ``CHATCTL_STATE_DIR``, or the platform's."""
    if chosen := os.environ.get("CHATCTL_STATE_DIR"):
        return Path(chosen)
    from platformdirs import user_state_path

    return user_state_path("chatctl")

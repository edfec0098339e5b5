"""What commands print, whatever stdout is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.environment import CHATCTL, ROOT, clean_env


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_json_is_utf8_whatever_the_locale(tmp_path: Path, encoding: str) -> None:
    """A backslash escape of the locale's, as plain text has it, is no JSON."""
    env = clean_env(tmp_path, PYTHONIOENCODING=encoding, CHATCTL_ROOM="Zoë's")
    shown = [*CHATCTL, "config", "show", "send", "--json"]
    done = subprocess.run(shown, capture_output=True, check=True, env=env, cwd=ROOT)
    values = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert {row["option"]: row["value"] for row in values}["room"] == "Zoë's"

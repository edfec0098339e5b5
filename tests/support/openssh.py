"""Keys that OpenSSH makes, and its agent."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.needs import need


def openssh_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    need("ssh-keygen")
    more = ("-b", "2048") if kind == "rsa" else ("-a", "1")
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *more, "-N", passphrase, "-f", path], check=True)
    return path


def add_to_agent(key: Path) -> str:
    """Add a key to the agent; return its fingerprint."""
    subprocess.run(["ssh-add", "-q", key], check=True)
    return subprocess.check_output(["ssh-keygen", "-l", "-f", key]).decode().split()[1]

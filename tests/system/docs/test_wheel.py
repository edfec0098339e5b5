"""The wheel brings the man pages and the completions to where ``man`` and the shells look for them."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import chatctl
from tests.support.environment import ROOT

COMPLETIONS = {
    "share/bash-completion/completions/chatctl": "chatctl.bash",
    "share/zsh/site-functions/_chatctl": "_chatctl",
    "share/fish/vendor_completions.d/chatctl.fish": "chatctl.fish",
}


def test_pages_and_completions_are_in_it(tmp_path: Path) -> None:
    """Built as pip builds it. What lies below ``.data/data`` is what pip puts below its prefix."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    data = f"chatctl-{chatctl.__version__}.data/data/"
    with zipfile.ZipFile(wheel) as archive:
        page = {Path(name).name for name in archive.namelist() if name.startswith("chatctl/server/web/page/")}
        found = {name.removeprefix(data): archive.read(name) for name in archive.namelist() if name.startswith(data)}
    pages = {f"share/man/man1/{page.name}": page.read_bytes() for page in (ROOT / "docs" / "man").iterdir()}
    scripts = {place: (ROOT / "completions" / name).read_bytes() for place, name in COMPLETIONS.items()}
    assert "share/man/man1/chatctl-send.1" in pages
    assert found == pages | scripts
    assert page == {file.name for file in (ROOT / "chatctl/server/web/page").iterdir()}
    assert "index.html" in page

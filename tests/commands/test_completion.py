"""The files in ``completions/`` are what Click generates, and what ``chatctl completion`` prints."""

from __future__ import annotations

import pytest
from click.shell_completion import get_completion_class

from chatctl.main import cli
from tests.support.environment import ROOT
from tests.support.fixture_types import Run

FILES = {"bash": "chatctl.bash", "zsh": "_chatctl", "fish": "chatctl.fish"}


@pytest.mark.parametrize("shell", FILES)
def test_the_file_is_fresh(run: Run, shell: str) -> None:
    kind = get_completion_class(shell)
    assert kind is not None
    generated = kind(cli, {}, "chatctl", "_CHATCTL_COMPLETE").source()
    kept = (ROOT / "completions" / FILES[shell]).read_text()
    assert kept.rstrip("\n") == generated.rstrip("\n")
    done = run("completion", shell)
    assert (done.returncode, done.stdout.decode()) == (0, kept)


def test_an_unknown_shell_is_wrong_usage(run: Run) -> None:
    assert run("completion", "tcsh").returncode == 2

"""Running a command in the tests' own process: what it prints and its code, without 0.1 s for an interpreter each time.

For commands that set no signal handlers and close nothing. The others run as ``conftest.run`` runs them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatctl import main
from tests.support.server_pair import option_of


class InProcess:
    """Runs a command to its end; called as ``conftest.Run`` is."""

    def __init__(
        self, env: Mapping[str, str], cwd: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self._env = env
        self._cwd = cwd
        self._monkeypatch = monkeypatch
        self._capfd = capfd

    def __call__(
        self, *arguments: str, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command; return its exit code and output."""
        if port is not None:
            arguments = (*arguments, *option_of(port))
        with self._monkeypatch.context() as patch:
            patch.chdir(self._cwd)
            for name in [name for name in os.environ if name not in (env or self._env)]:
                patch.delenv(name)
            for name, value in (env or self._env).items():
                patch.setenv(name, value)
            self._capfd.readouterr()
            try:
                code = main._run(arguments)
            except SystemExit as done:
                code = done.code if isinstance(done.code, int) else 1
        out, err = self._capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out.encode(), err.encode())


def wrong_usage(*arguments: str) -> str:
    """Return the stderr of a wrong usage; check that it ends with 2 and prints nothing else."""
    done = CliRunner().invoke(main.cli, [*arguments, "--port", "1"])
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    return done.stderr

"""Programs start as a shell starts them."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from chatctl.common.programs import start


@pytest.mark.parametrize("name", ["script", "-script"])
@pytest.mark.parametrize("path", ["./{}", "{}", "{here}/{}"])
def test_a_file_that_is_no_program_is_a_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    """By any path, also one that looks like an option to the shell."""
    script = tmp_path / name
    script.write_text('echo "$1 in a shell"; exit 3\n')
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".:{Path('/bin')}:/usr/bin")
    command = path.format(name, here=tmp_path)
    with start([command, "one"], stdout=subprocess.PIPE) as process:
        assert process.communicate()[0] == b"one in a shell\n"
    assert process.returncode == 3


def test_a_program_for_another_machine_is_none(tmp_path: Path) -> None:
    """A shell would take its bytes for commands."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0\0")
    program.chmod(0o755)
    with pytest.raises(OSError, match="Exec format error") as error:
        start([str(program)])
    assert error.value.errno == errno.ENOEXEC


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("echo")
    with pytest.raises(PermissionError):
        start([str(tmp_path / "file")])
    with pytest.raises(FileNotFoundError):
        start(["no-such-program"])

"""Secrets: where they may come from, and that they go nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.environment import DEADLINE, clean_env
from tests.support.server_process import Server
from tests.system.security.conftest import WORD, Chatctl


@pytest.fixture
def word_file(tmp_path: Path) -> Path:
    """Return a file with the password that only we can read."""
    file = tmp_path / "word"
    file.touch(0o600)
    file.write_text(f"{WORD}\n")
    return file


@pytest.mark.parametrize("words", [("send", "hi"), ("probe",), ("tail", "--no-follow")], ids=" ".join)
def test_a_variable_names_the_file_with_the_password(
    words: tuple[str, ...], guarded: Server, chatctl: Chatctl, word_file: Path
) -> None:
    """A service or a container has its secrets as files. That each command has the variable, its help says."""
    done = chatctl(*words, port=guarded.port, more={"CHATCTL_PASSWORD_FILE": str(word_file)})
    assert done.returncode == 0, done


def test_the_server_takes_that_variable_too(env: dict[str, str], chatctl: Chatctl, word_file: Path) -> None:
    server = Server(env=env | {"CHATCTL_PASSWORD_FILE": str(word_file)})
    try:
        assert chatctl("send", "hi", port=server.port).returncode == 5
        assert chatctl("send", "hi", port=server.port, more={"CHATCTL_PASSWORD": WORD}).returncode == 0
    finally:
        server.stop()


def test_no_program_that_we_run_is_told_the_password(guarded: Server, chatctl: Chatctl) -> None:
    """What it prints may stand in the room, for good."""
    more = {"CHATCTL_PASSWORD": WORD}
    done = chatctl("run", "--", "env", port=guarded.port, more=more)
    assert done.returncode == 0, done
    assert b"PATH=" in done.stdout
    assert WORD.encode() not in done.stdout
    done = chatctl("tail", "--no-follow", "-n", "1", "--exec", "env", port=guarded.port, more=more)
    assert b"CHATCTL_AUTHOR=" in done.stdout, done
    assert WORD.encode() not in done.stdout


def test_the_password_is_in_no_output_and_in_no_file_of_ours(chatctl: Chatctl, tmp_path: Path) -> None:
    """Not even where a command fails, or has a fault of its own and keeps the traceback."""
    state = tmp_path / "state"
    more = {"CHATCTL_PASSWORD": WORD, "CHATCTL_STATE_DIR": str(state), "CHATCTL_PORT": "1"}
    code = "import chatctl.main as m; m.cli.commands['who'].callback = lambda **given: given['x']; m.main(['who'])"
    crashed = subprocess.run(
        [sys.executable, "-c", code], env=clean_env(state) | more, capture_output=True, timeout=DEADLINE, check=False
    )
    assert b"internal error in chatctl" in crashed.stderr, crashed
    assert (state / "crash.log").exists()
    outputs = [crashed.stdout + crashed.stderr]
    for words in (("config", "show"), ("config", "show", "--json"), ("send", "hi"), ("probe", "-v")):
        done = chatctl(*words, more=more)
        outputs.append(done.stdout + done.stderr)
    outputs += [path.read_bytes() for path in state.rglob("*") if path.is_file()]
    assert not [output for output in outputs if WORD.encode() in output]


def test_a_made_verifier_is_kept_where_only_we_read_it(
    chatctl: Chatctl, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """A shell's ``>`` gives it the mode that the umask leaves, and serve takes no file that others can read."""
    file = tmp_path / "kept"
    before = os.umask(0o022)
    try:
        done = chatctl("password", "--out", str(file), stdin=f"{WORD}\n".encode())
    finally:
        os.umask(before)
    assert (done.returncode, done.stdout) == (0, b""), done
    assert file.stat().st_mode & 0o777 == 0o600
    server = serve("--password-file", str(file))
    assert chatctl("send", "hi", port=server.port, more={"CHATCTL_PASSWORD": WORD}).returncode == 0


def test_a_file_that_is_there_is_not_replaced(chatctl: Chatctl, tmp_path: Path) -> None:
    """Not even with another verifier: nobody may have the password of a room but in that file."""
    for file in (tmp_path / "room.password", tmp_path / "link"):
        file.symlink_to("nowhere") if file.name == "link" else file.write_text("the clients' password\n")
        done = chatctl("password", "--out", str(file), stdin=b"a long one\n")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == f"chatctl: {file} already exists, and is not overwritten: name another file\n".encode()
    assert (tmp_path / "room.password").read_text() == "the clients' password\n"


def test_a_verifier_that_can_not_be_kept(chatctl: Chatctl, tmp_path: Path) -> None:
    done = chatctl("password", "--out", str(tmp_path / "no" / "kept"), stdin=b"a long one\n")
    assert done.returncode == 1
    assert b"cannot write" in done.stderr

"""``join`` on a terminal where something has to be proved: the password is asked for, once, and never shown."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.needs import need
from tests.support.server_process import Server
from tests.system.terminal.term import Start, wait_kept

WORD = "correct horse"


@pytest.fixture
def guarded(serve: Callable[..., Server], tmp_path: Path) -> Server:
    """Return a server that wants the password."""
    file = tmp_path / "room.password"
    file.touch(0o600)
    file.write_text(f"{WORD}\n")
    return serve("--password-file", str(file))


@pytest.mark.parametrize("how", [(), ("--plain",)], ids=["prompt", "plain"])
def test_a_person_is_asked_for_the_password_and_nothing_of_it_is_shown(
    how: tuple[str, ...], join: Start, guarded: Server, state: Path
) -> None:
    """Drafts are kept then, too: the attempt without a password has given the files back."""
    term = join(*how, port=guarded.port, ready=False)
    term.wait_for("password of the room:")
    term.keys(f"{WORD}\r")
    if how:
        guarded.wait_for_log("Nickname is nadia")  # what is typed while a password is asked for is thrown away
        term.keys("hello\r")
        term.wait_for("nadia: hello")
    else:
        term.wait_ready()
        term.keys("half a li")
        wait_kept(term, state, "draft", "half a li")
        term.keys("\x15")
    assert WORD not in term.text()
    assert WORD.encode() not in bytes(term.raw)
    term.keys("\x04")
    assert term.wait_end() == 0


def test_a_key_with_a_passphrase_is_opened_before_the_screen_is_drawn(
    join: Start, serve: Callable[..., Server], tmp_path: Path
) -> None:
    need("ssh-keygen")
    key, server = tmp_path / "key", serve("--claim-names")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "open sesame", "-f", key], check=True)
    term = join("--key", str(key), port=server.port, ready=False)
    term.wait_for("passphrase of")
    term.keys("open sesame\r")
    term.wait_ready()
    fingerprint = subprocess.check_output(["ssh-keygen", "-l", "-f", key]).decode().split()[1]
    term.keys("/whois nadia\r")
    term.wait_for(f"key {fingerprint}", "this name is bound to it since")
    term.keys("/status\r")
    term.wait_for("this name is bound to your key")
    term.keys("\x04")
    assert term.wait_end() == 0
    server.wait_for_log(f"bound nick=nadia key={fingerprint}")

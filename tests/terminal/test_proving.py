"""``join`` on a terminal where something has to be proved: the password is asked for, once, and never shown."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.client.security import key_files
from chatctl.client.security.credentials import Credentials
from chatctl.errors import ChatError, PasswordWanted, PasswordWrong, Unreachable
from chatctl.terminal import nick_prompt
from chatctl.terminal.nick_prompt import MAX_WAIT, MOST_TRIES, enter
from tests.needs import need
from tests.support import Server
from tests.terminal.conftest import Start

WORD = "correct horse"


@pytest.fixture
def guarded(serve: Callable[..., Server], tmp_path: Path) -> Server:
    """Give a server that wants the password."""
    file = tmp_path / "room.password"
    file.touch(0o600)
    file.write_text(f"{WORD}\n")
    return serve("--password-file", str(file))


@pytest.mark.parametrize("how", [(), ("--plain",)], ids=["prompt", "plain"])
def test_a_person_is_asked_for_the_password_and_nothing_of_it_is_shown(
    how: tuple[str, ...], join: Start, guarded: Server
) -> None:
    term = join(*how, port=guarded.port, ready=False)
    term.wait_for("password of the room:")
    term.keys(f"{WORD}\r")
    if how:
        guarded.wait_for_log("Nickname is nadia")  # what is typed while a password is asked for is thrown away
        term.keys("hello\r")
        term.wait_for("nadia: hello")
    else:
        term.wait_ready()
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
    assert f"bound nick=nadia key={fingerprint}" in server.stderr_text()


# --- the asking, without a terminal


class TlsHandshake:
    """Lets in who has the password; ``asked`` counts how often somebody came."""

    def __init__(self, credentials: Credentials, word: str, retry_after: float = 5) -> None:
        self.came = 0
        self._credentials = credentials
        self._word = word
        self._retry_after = retry_after

    def __call__(self) -> int:
        self.came += 1
        if self._credentials.password is None:
            raise PasswordWanted("a password, please")
        if self._credentials.password != self._word:
            raise PasswordWrong("this is not the password", retry_after=self._retry_after)
        return 0


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait; give how long it would have been."""
    waits: list[float] = []
    monkeypatch.setattr(nick_prompt.time, "sleep", waits.append)
    return waits


def test_who_mistypes_it_is_asked_again_after_the_wait(waited: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    credentials, typed = Credentials(key="none"), iter(["wrong", WORD])
    assert enter(credentials, TlsHandshake(credentials, WORD), lambda _: next(typed)) == 0
    assert len(waited) == 1
    assert 4 < waited[0] <= 5
    assert "this is not the password" in capsys.readouterr().err


def test_no_server_makes_a_person_wait_for_years(waited: list[float]) -> None:
    """Nor for longer than the clock can count, which would be a fault of ours."""
    credentials, typed = Credentials(key="none"), iter(["wrong", WORD])
    assert enter(credentials, TlsHandshake(credentials, WORD, 1e300), lambda _: next(typed)) == 0
    assert 0 < waited[0] <= MAX_WAIT


def test_three_wrong_ones_are_enough(waited: list[float]) -> None:
    credentials = Credentials(key="none")
    door = TlsHandshake(credentials, WORD)
    with pytest.raises(PasswordWrong):
        enter(credentials, door, lambda _: "wrong")
    assert door.came == 1 + MOST_TRIES
    assert len(waited) == MOST_TRIES - 1


def test_a_wrong_password_that_nobody_typed_is_told_and_not_asked_for() -> None:
    credentials = Credentials(password="of the environment", key="none")
    door = TlsHandshake(credentials, WORD)
    with pytest.raises(PasswordWrong):
        enter(credentials, door, lambda _: pytest.fail("asked"))
    assert door.came == 1


def test_what_is_no_matter_of_passwords_is_not_asked_about() -> None:
    def talk() -> int:
        raise Unreachable("nobody there")

    with pytest.raises(Unreachable):
        enter(Credentials(key="none"), talk, lambda _: pytest.fail("asked"))


def test_without_a_terminal_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files.sys, "stdin", None)
    with pytest.raises(ChatError, match="no terminal to ask for the passphrase of x"):
        key_files.ask_on_terminal("passphrase of x: ")

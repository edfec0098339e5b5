"""Entering a room from a terminal: how often a password is asked for, and when it is not."""

from __future__ import annotations

import io

import pytest

from chatctl.client.core.address import Address
from chatctl.client.security import key_files
from chatctl.client.security.credentials import Credentials
from chatctl.common.fingerprints import shown
from chatctl.errors import ChatError, PasswordWanted, PasswordWrong, Unreachable
from chatctl.terminal import login_prompts
from chatctl.terminal.login_prompts import MAX_ATTEMPTS, MAX_WAIT, with_password

WORD = "correct horse"


class FakeLogin:
    """Lets in whoever has the password; ``came`` counts the attempts."""

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
            raise PasswordWrong("wrong password", retry_after=self._retry_after)
        return 0


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait; return the seconds that each wait would have taken."""
    waits: list[float] = []
    monkeypatch.setattr(login_prompts.time, "sleep", waits.append)
    return waits


def test_who_mistypes_it_is_asked_again_after_the_wait(waited: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    credentials, typed = Credentials(key="none"), iter(["wrong", WORD])
    assert with_password(credentials, FakeLogin(credentials, WORD), lambda _: next(typed)) == 0
    assert len(waited) == 1
    assert 4 < waited[0] <= 5
    assert "wrong password" in capsys.readouterr().err


def test_no_server_makes_a_person_wait_for_years(waited: list[float]) -> None:
    """Nor for longer than the clock can count, which would be a fault of ours."""
    credentials, typed = Credentials(key="none"), iter(["wrong", WORD])
    assert with_password(credentials, FakeLogin(credentials, WORD, 1e300), lambda _: next(typed)) == 0
    assert 0 < waited[0] <= MAX_WAIT


def test_three_wrong_ones_are_enough(waited: list[float]) -> None:
    credentials = Credentials(key="none")
    login = FakeLogin(credentials, WORD)
    with pytest.raises(PasswordWrong):
        with_password(credentials, login, lambda _: "wrong")
    assert login.came == 1 + MAX_ATTEMPTS
    assert len(waited) == MAX_ATTEMPTS - 1


def test_a_wrong_password_that_nobody_typed_is_told_and_not_asked_for() -> None:
    credentials = Credentials(password="of the environment", key="none")
    login = FakeLogin(credentials, WORD)
    with pytest.raises(PasswordWrong):
        with_password(credentials, login, lambda _: pytest.fail("asked"))
    assert login.came == 1


def test_what_is_no_matter_of_passwords_is_not_asked_about() -> None:
    def talk() -> int:
        raise Unreachable("nobody there")

    with pytest.raises(Unreachable):
        with_password(Credentials(key="none"), talk, lambda _: pytest.fail("asked"))


def test_without_a_terminal_there_is_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_files.sys, "stdin", None)
    with pytest.raises(ChatError, match="no terminal to ask for the passphrase of x"):
        key_files.ask_on_terminal("passphrase of x: ")


OTHER_PIN = shown(bytes(32))


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ("y\n", True), ("Y\n", True), ("yes\n", True), ("YES\n", True), (" y \n", True), (f"{OTHER_PIN}\n", True),
        ("", False), ("\n", False), ("n\n", False), ("no\n", False), ("yess\n", False), ("SHA256:short\n", False),
    ],
)  # fmt: skip
def test_who_agrees_to_a_certificate(monkeypatch: pytest.MonkeyPatch, answer: str, agrees: bool) -> None:
    """The question is asked once: what is neither y, yes nor the right fingerprint refuses."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert login_prompts._confirms(OTHER_PIN) is agrees


def test_each_server_of_a_list_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is away can't be looked at, and is no reason not to begin; where all are away, there is one."""
    asked: list[Address] = []

    def confirm(one: Address) -> Address:
        asked.append(one)
        if one.host == "away":
            raise Unreachable("away is away")
        return one._replace(pin=f"of {one.host}")

    monkeypatch.setattr(login_prompts, "_confirm_one", confirm)
    away, here, there = (Address(name, 5501, tls=True) for name in ("away", "here", "there"))
    confirmed = login_prompts.confirm_server(away._replace(others=(here, there)))
    assert asked == [away, here, there]
    assert [one.pin for one in confirmed.each] == [None, "of here", "of there"]
    with pytest.raises(Unreachable):
        login_prompts.confirm_server(away._replace(others=(away,)))

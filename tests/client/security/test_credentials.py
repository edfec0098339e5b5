"""Which password and which key are used, and that nothing is read before it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import make_key
from chatctl.common.paths import own_key
from chatctl.errors import ChatError


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))


def password_file(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


def test_a_password_in_a_file_is_read_once_and_when_it_is_needed(tmp_path: Path) -> None:
    credentials = Credentials(password_file=tmp_path / "password")
    with pytest.raises(ChatError, match="password"):
        _ = credentials.password
    file = password_file(tmp_path / "password", "correct horse\n")
    assert credentials.password == "correct horse"
    file.write_text("another\n")
    assert credentials.password == "correct horse"


def test_a_password_that_was_given_goes_over_the_file(tmp_path: Path) -> None:
    assert Credentials(password="mine", password_file=tmp_path / "missing").password == "mine"
    assert Credentials(password="").password is None
    assert Credentials().password is None


def test_a_servers_verifier_is_no_password(tmp_path: Path) -> None:
    file = password_file(tmp_path / "password", "SCRAM-SHA-256$16384:c2FsdA==$a:b\n")
    with pytest.raises(ChatError, match="holds a server's verifier"):
        _ = Credentials(password_file=file).password


def test_the_accounts_own_key_is_used_where_there_is_one(tmp_path: Path) -> None:
    assert Credentials().signer is None
    own, other = make_key(Path(own_key())), make_key(tmp_path / "other")
    for credentials, wanted in ((Credentials(), own), (Credentials(key=str(tmp_path / "other")), other)):
        assert credentials.signer is not None
        assert credentials.signer.public == wanted.public
    assert Credentials(key="none").signer is None


def test_a_key_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ChatError, match="missing"):
        _ = Credentials(key=str(tmp_path / "missing")).signer


def test_an_own_key_that_is_a_dangling_link_is_not_passed_over(tmp_path: Path) -> None:
    """To come without it would be to come as somebody else."""
    own = Path(own_key())
    own.parent.mkdir(parents=True)
    own.symlink_to(tmp_path / "missing")
    with pytest.raises(ChatError):
        _ = Credentials().signer


def test_a_copy_keeps_what_is_not_replaced(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key")
    first = Credentials(password="one", key=str(tmp_path / "key"))
    other = first.but(password="two", key=None)
    assert other.password == "two"
    assert other.signer is not None
    assert other.signer.public == key.public
    assert first.but(password=None, key="none").signer is None
    assert first.but(password=None, key="none").password == "one"

"""The token by which a server knows this account again."""

from __future__ import annotations

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.identity import login_nick, post_hello, token_for
from chatctl.errors import ChatError

HERE, THERE = Address("a.example", 5500), Address("b.example", 5500)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def token_file(state: Path) -> Path:
    return state / "tokens" / HERE.file_name


def test_there_is_one_for_each_server_and_it_is_kept(state: Path) -> None:
    """One server must not be able to come to another as us."""
    token = token_for(HERE)
    assert token is not None
    assert re.fullmatch("[0-9a-f]{32}", token)
    assert token_for(HERE) == token
    assert token_for(THERE) not in (token, None)
    assert stat.S_IMODE(token_file(state).stat().st_mode) == 0o600


@pytest.mark.parametrize("cut_short", [b"", b"abc\n", b"\xff" * 32])
def test_one_that_was_cut_short_is_made_anew(state: Path, cut_short: bytes) -> None:
    token_for(HERE)
    token_file(state).write_bytes(cut_short)
    token = token_for(HERE)
    assert token is not None
    assert token_file(state).read_text().strip() == token


def test_where_none_can_be_kept_there_is_none(state: Path) -> None:
    """A hello has one all the same: within this process a message is still said once."""
    state.mkdir()
    (state / "tokens").write_text("in the way")
    assert token_for(HERE) is None
    first, second = post_hello(HERE, "lobby", "ci"), post_hello(HERE, "lobby", "ci")
    assert first.token is not None
    assert first.token != second.token


def test_all_that_start_at_once_have_the_same_one() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: token_for(HERE), range(40)))) == 1


@pytest.mark.parametrize("known", [HERE, THERE])
def test_servers_of_the_same_rooms_have_the_same_one(known: Address) -> None:
    """That of the one that is known already, in whatever order they are named."""
    token = token_for(known)
    assert token_for(HERE._replace(others=(THERE,))) == token
    assert token_for(THERE._replace(others=(HERE,))) == token
    assert (token_for(HERE), token_for(THERE)) == (token, token)


def test_one_that_can_be_kept_for_one_server_alone_is_used_all_the_same(state: Path) -> None:
    token = token_for(HERE)
    os.mkfifo(state / "tokens" / THERE.file_name, 0o600)
    assert token_for(HERE._replace(others=(THERE,))) == token


def test_a_hello_to_post() -> None:
    hello = post_hello(HERE, "ops", "ci")
    assert (hello.mode, hello.room, hello.nick, hello.token) == ("post", "ops", "ci", token_for(HERE))
    assert post_hello(HERE, "ops", "ci", "given").token == "given"


def test_an_account_without_a_name_is_a_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", lambda: "rajat")
    assert login_nick() == "rajat"
    monkeypatch.setattr("getpass.getuser", nobody)
    assert login_nick() == "guest"


def test_one_that_others_can_read_is_no_longer_ours_alone(state: Path) -> None:
    token_for(HERE)
    token_file(state).chmod(0o644)
    with pytest.raises(ChatError, match="chmod 600"):
        token_for(HERE)


def test_a_pipe_in_its_place_keeps_nobody_waiting(state: Path) -> None:
    token_for(HERE)
    token_file(state).unlink()
    os.mkfifo(token_file(state), 0o600)
    assert token_for(HERE) is None

"""Containers: no home directory, no account. Nothing is written where nobody wants it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatctl.common.paths import state_folder
from chatctl.errors import NoHome
from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.wire import log_of

NO_HOME = "there is no home directory for chatctl's files: set CHATCTL_STATE_DIR"


@pytest.fixture
def nobody(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment of a UID that has no account. ``pwd`` knows none, and nothing else says where home is."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text("import pwd\ndef nobody(uid): raise KeyError(uid)\npwd.getpwuid = nobody\n")
    (tmp_path / "work").mkdir()
    kept = ("HOME", "CHATCTL_STATE_DIR", "CHATCTL_JOURNAL", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
    without = {name: value for name, value in env.items() if name not in kept}
    return without | {"PYTHONPATH": str(site)}


@pytest.mark.parametrize("more", [{}, {"HOME": ""}, {"HOME": "somewhere"}, {"XDG_STATE_HOME": "state"}])
def test_a_message_is_said_without_state(
    house: Server, run: Run, room: str, nobody: dict[str, str], tmp_path: Path, more: dict[str, str]
) -> None:
    """In one line it says what is missing; nothing is left in the folder where it ran."""
    command = ("send", "hello", "--nick", "ci", "--room", room)
    done = run(*command, port=house.port, env=nobody | more, cwd=tmp_path / "work")
    assert (done.returncode, err_line(done)) == (0, f"chatctl: {NO_HOME}; nothing is remembered")
    assert list((tmp_path / "work").iterdir()) == []
    assert log_of(house.member("", room, mode="watch")) == ["hello"]


@pytest.mark.parametrize(
    ("command", "code", "why"),
    [
        (("key",), 1, NO_HOME),
        (("serve", "--port", "0"), 1, "there is no home directory to keep messages in: name a --journal"),
        (("config", "path"), 1, NO_HOME),
        (("backup", "there.db"), 1, NO_HOME),
        (("admin", "claims"), 1, NO_HOME),
    ],
)
def test_what_is_nothing_without_state_fails(
    run: Run, nobody: dict[str, str], tmp_path: Path, command: tuple[str, ...], code: int, why: str
) -> None:
    done = run(*command, env=nobody, cwd=tmp_path / "work")
    assert done.returncode == code
    assert err_line(done).startswith(f"chatctl: {why}")
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("command", ["who", "tail --no-follow", "probe", "config show", "ask q --timeout 1s"])
def test_what_needs_none_does_without(
    house: Server, run: Run, room: str, nobody: dict[str, str], tmp_path: Path, command: str
) -> None:
    where = nobody | {"CHATCTL_PORT": str(house.port), "CHATCTL_ROOM": room}
    done = run(*command.split(), env=where, cwd=tmp_path / "work")
    assert done.returncode in (0, 8)
    assert b"Traceback" not in done.stderr
    assert b"a fault" not in done.stderr
    assert list((tmp_path / "work").iterdir()) == []


def test_the_state_directory_that_is_named_is_used(
    house: Server, run: Run, room: str, nobody: dict[str, str], tmp_path: Path
) -> None:
    where = nobody | {"CHATCTL_STATE_DIR": str(tmp_path / "state")}
    done = run("send", "hello", "--nick", "ci", "--room", room, port=house.port, env=where)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list((tmp_path / "state" / "tokens").iterdir())) == 1


def test_an_account_s_home_serves_where_home_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    for name in ("HOME", "CHATCTL_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(["x", "", 1, 1, "", "/home/x", ""]))
    assert state_folder() == "/home/x/.local/state/chatctl"
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(["x", "", 1, 1, "", "", ""]))
    with pytest.raises(NoHome):
        state_folder()

"""Where things are kept, and sockets with long paths."""

import os
import re
import socket
from pathlib import Path

import platformdirs
import pytest

from chatctl.common.paths import admin_socket, config_file, default_journal, parse_journal, reachable_socket, state_dir


@pytest.mark.parametrize("base", [None, "", "/elsewhere"])
def test_they_are_where_platformdirs_says(monkeypatch: pytest.MonkeyPatch, base: str | None) -> None:
    """Without its import, which costs more than a whole command may."""
    monkeypatch.delenv("CHATCTL_STATE_DIR", raising=False)
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        if base is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, base)
    assert state_dir() == platformdirs.user_state_path("chatctl")
    assert config_file() == str(platformdirs.user_config_path("chatctl") / "config.toml")


def test_a_chosen_state_directory_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", "/chosen")
    assert state_dir() == Path("/chosen")


def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path) -> None:
    """A name of a unix socket has about a hundred bytes; a path has four thousand."""
    folder = tmp_path / ("x" * 120) / ("y" * 120)
    folder.mkdir(parents=True)
    path = admin_socket(folder / "rooms.db")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with reachable_socket(path) as name:
            server.bind(name)
        server.listen()
        with reachable_socket(path) as name:
            client.connect(name)
    assert path.exists()
    assert len(os.fsencode(path)) > 107


def test_a_journal_behind_a_link_is_the_file_that_the_link_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What lies beside it has to be found by whoever names the link, and by whoever names the file."""
    (tmp_path / "disk").mkdir()
    real, link, folder = tmp_path / "disk" / "rooms.db", tmp_path / "rooms.db", tmp_path / "folder"
    link.symlink_to(real)  # of a file that is still to be made
    folder.symlink_to(tmp_path / "disk")
    assert parse_journal(str(link)) == parse_journal(str(folder / "rooms.db")) == str(real)
    assert admin_socket(link) == real.with_name("rooms.db.sock")
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    assert default_journal() == real
    monkeypatch.chdir(tmp_path)
    assert parse_journal("rooms.db") == str(real)


@pytest.mark.parametrize("scheme", ["valkey", "mysql", "postgresql+psycopg", "sqlite", "file"])
def test_a_journal_is_no_url(scheme: str) -> None:
    """It would be taken for a path, and make a folder of that name; nor is the password in it shown."""
    with pytest.raises(ValueError, match=re.escape(f"{scheme}:// is neither")) as caught:
        parse_journal(f"{scheme}://chat:secret@db/0")
    assert "secret" not in str(caught.value)

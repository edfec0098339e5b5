"""Where things are kept, and sockets with long paths."""

import os
import socket
from pathlib import Path

import platformdirs
import pytest

from chatctl.common.paths import admin_socket, config_file, reachable_socket, state_dir


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

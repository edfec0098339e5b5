"""Which socket the options name: what is typed counts, or is refused."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from chatctl.commands.admin.socket_path import socket_path

URI = "postgresql:///chat"


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", "/state")


@pytest.mark.parametrize(
    ("path", "journal", "typed", "found"),
    [
        (None, None, (), "/state/rooms.db.sock"),
        (None, Path("/kept/rooms.db"), (), "/kept/rooms.db.sock"),
        (None, URI, (), "/state/admin-5501.sock"),
        (None, "none", (), "/state/admin-5501.sock"),
        ("/run/it", URI, (), "/run/it"),
        (None, None, ("port",), "/state/admin-5501.sock"),
        (None, URI, ("port", "journal"), "/state/admin-5501.sock"),
        (None, Path("/kept/rooms.db"), ("port",), "/state/admin-5501.sock"),
        ("/run/it", None, ("port",), "/state/admin-5501.sock"),
    ],
)
def test_where_it_is(path: str | None, journal: Path | str | None, typed: tuple[str, ...], found: str) -> None:
    """A port in the command line counts for more than a journal or a socket in the environment."""
    assert socket_path(path, journal, 5501, typed) == Path(found)


@pytest.mark.parametrize(
    ("typed", "why"),
    [(("port", "journal"), "leave --port out"), (("port", "admin_socket"), "give one of them")],
)
def test_a_port_that_could_not_count_is_refused(typed: tuple[str, ...], why: str) -> None:
    with pytest.raises(click.UsageError, match=why):
        socket_path("/run/it", Path("/kept/rooms.db"), 5501, typed)

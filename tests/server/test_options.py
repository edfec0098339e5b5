"""What an operator sets: defaults that depend on the machine, and where the journal is."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from chatctl.server.options import TlsOptions, default_max_clients, journal_path


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to", "clients"),
    [
        (1024, 4096, 4096, 3276),
        (1024, 1_000_000, 13_000, 10_000),
        (1024, resource.RLIM_INFINITY, 13_000, 10_000),
        (50_000, 1_000_000, None, 10_000),
        (1, 1, None, 1),
    ],
)
def test_as_many_clients_as_there_may_be_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised_to: int | None, clients: int
) -> None:
    """A fifth of the files is kept for the journal, for those who are refused, and for who is just leaving."""
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert default_max_clients() == clients
    assert raised == ([] if raised_to is None else [(raised_to, hard)])


def test_a_limit_that_can_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 4096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert default_max_clients() == 800


def test_where_the_journal_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert journal_path("none") is None
    assert journal_path("rooms.db") == tmp_path / "rooms.db"
    default = journal_path(None)
    assert default is not None
    assert default.is_relative_to(tmp_path)


def test_without_a_certificate_one_is_made_and_a_named_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    made = TlsOptions(5501, None, None).open("localhost")
    assert made.path.is_relative_to(tmp_path / "state")
    named = tmp_path / "named.pem"
    made.path.rename(named)
    assert TlsOptions(5501, named, None).open("localhost").current.digest == made.current.digest
    assert not made.path.exists()

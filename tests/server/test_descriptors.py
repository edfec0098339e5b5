"""How many clients the limit of open files allows, and what is held back of it."""

from __future__ import annotations

import io
import resource

import pytest

from chatctl.hub.event_log import Log
from chatctl.server.descriptors import RESERVED, connection_places, max_clients, warn_if_too_few


class Files:
    """Stands for the system's limit of open files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, *, fixed: bool = False) -> None:
        self.limits = (soft, hard)
        self.fixed = fixed
        monkeypatch.setattr(resource, "getrlimit", lambda _: self.limits)
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def set(self, _: int, limits: tuple[int, int]) -> None:
        if self.fixed:
            raise ValueError("not allowed to raise maximum limit")
        self.limits = limits


ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "chosen", "raised_to", "clients"),
    [
        (1024, 4096, None, 4096, 3276),
        (1024, 1_000_000, None, 13_000, 10_000),
        (1024, ENDLESS, None, 13_000, 10_000),
        (ENDLESS, ENDLESS, None, ENDLESS, 10_000),
        (50_000, 1_000_000, None, 50_000, 10_000),
        (64, 64, None, 64, 24),
        (1, 1, None, 1, 1),
        (1024, 1_000_000, 20_000, 20_000 + 64 + RESERVED, 20_000),
        (1024, 4096, 20_000, 4096, 20_000),
        (1024, 4096, 5, 1024, 5),
    ],
)
def test_as_many_clients_as_there_may_be_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, chosen: int | None, raised_to: int, clients: int
) -> None:
    """A part of the files is kept for the journal, for operators, and for those who are refused."""
    files = Files(monkeypatch, soft, hard)
    assert max_clients(chosen) == clients
    assert files.limits == (raised_to, hard)


def test_a_limit_that_can_not_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    Files(monkeypatch, 1000, 4096, fixed=True)
    assert max_clients(None) == 800


@pytest.mark.parametrize("files", [1, 8, 40, 64, 256, 1024, 13_000])
def test_the_default_is_never_warned_of(monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    Files(monkeypatch, files, files)
    log = io.StringIO()
    clients = max_clients(None)
    warn_if_too_few(clients, Log(write=lambda _, line: print(line, file=log)))
    assert log.getvalue() == ""
    assert connection_places() > clients, "nobody could be told that it is full"


def test_more_clients_than_files_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    Files(monkeypatch, 64, 64)
    log = io.StringIO()
    warn_if_too_few(25, Log(write=lambda _, line: print(line, file=log)))
    assert "warning: --max-clients is more than the limit of open files allows" in log.getvalue()
    assert log.getvalue().endswith("clients=25 limit=64 allowed=24\n")

"""The limits that the options of ``serve`` set."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from chatctl.commands.serve.limits import limit_options, limits_of
from chatctl.core.limits import ServerLimits


def limits(*arguments: str) -> ServerLimits:
    found: list[ServerLimits] = []

    @click.command()
    @limit_options
    def command(**chosen: Any) -> None:
        found.append(limits_of(chosen))

    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return found[0]


def test_without_options_they_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written down twice: where a person reads them in ``--help``, and where the tests and the core take them."""
    monkeypatch.setattr("chatctl.server.descriptors.max_clients", lambda _: ServerLimits().clients)
    monkeypatch.setattr("chatctl.server.machine_memory.default_memory", lambda: ServerLimits().memory)
    assert limits() == ServerLimits()


def test_the_machine_bounds_the_memory_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.machine_memory.default_memory", lambda: 17 << 20)
    assert limits().memory == 17 << 20
    assert limits("--memory", "512M").memory == 512 << 20
    assert limits("--memory", "2GiB").memory == 2 << 30
    with pytest.raises(AssertionError, match="less than 16M"):
        limits("--memory", "15M")


def test_the_number_of_files_bounds_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.descriptors.max_clients", lambda chosen: chosen or 17)
    assert limits().clients == 17
    assert limits("--max-clients", "5").clients == 5


def test_options_of_several_numbers() -> None:
    found = limits("--rate", "7:9", "--max-greeting", "1:2:3")
    assert (found.rate, found.burst) == (7, 9)
    assert (found.greeting_start, found.greeting_percent, found.greeting_full) == (1, 2, 3)

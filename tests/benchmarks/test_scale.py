"""``benchmarks/scale.py`` with few members: every message arrives everywhere, and every name is there once."""

from __future__ import annotations

import contextlib

import pytest
import scale

from chatctl.bench.load import Load
from tests.support.engine import Engine
from tests.support.needs import need


def test_two_servers_are_measured(engine: Engine) -> None:
    """All of it, with few members: it must not rot between two releases."""
    found = scale.measure(engine, 2, scale.Size(seconds=0.1, members=10))
    assert set(found) >= set(scale.ROWS)
    assert all(value > 0 for value in found.values())


def test_linked_servers_of_ngircd_are_measured_beside_them() -> None:
    """What they can't do has no figure, and none is made up for it."""
    need("ngircd")
    found = scale.measure_linked(2, scale.Size(seconds=0.1, members=5))
    assert set(found) < set(scale.ROWS) | {"paced rate", "paced load"}
    assert found["paced server"] > 0
    assert found["all in"] > 0
    *_, back = scale.table({"SQLite": [dict.fromkeys(scale.ROWS, 1.0)], "ngIRCd": [found]}, members=5)
    assert back == "| a server is killed: its 5 members are in again, s | 1.00 | – |"


def test_one_server_alone_is_started_again() -> None:
    with scale.house(None, 1) as ours:
        assert ours.cpu()[1] == 0, "no engine"
        assert scale.come_back(ours, 5)["back"] > 0


def test_a_name_that_is_there_twice_ends_the_run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does a message that is missing."""
    with scale.house(None, 1) as ours, contextlib.closing(Load(ours.workload("room", members=3))) as load:
        load.join()
        scale.check_names(ours, load)
        monkeypatch.setattr(scale, "names_at", lambda *_: ["m0", "m1", "m2", "m1"])
        with pytest.raises(SystemExit, match="4 names, 3 different, for 3 members"):
            scale.check_names(ours, load)
    with pytest.raises(SystemExit, match="message 3 never came"):
        scale.check(["message 3 never came"])


def test_ratios_are_those_of_the_same_turn() -> None:
    """The machine is another one in each turn; a ratio holds."""
    row = dict.fromkeys(scale.ROWS, 1.0)
    file = [row | {"one rate": rate, "one engine": 0.0} for rate in (100.0, 1000.0, 300.0)]
    shared = [row | {"one rate": rate, "one engine": 5.0} for rate in (50.0, 500.0, 600.0)]
    head, line, rate, _, cpu, *_ = scale.table({"SQLite": file, "PostgreSQL, 1": shared}, members=1000)
    assert (head, line) == ("| | SQLite | PostgreSQL, 1 |", "|---|---|---|")
    assert rate == "| acknowledged a second, one under way at each server | 300 | 500 (0.50) |"
    assert cpu == "| CPU of the engine a message, µs | 0 | 5 |"

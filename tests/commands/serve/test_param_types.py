"""Types of the options of ``serve``: what each takes, and what it says of the rest."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import click
import pytest

from chatctl.commands.serve.param_types import LIMIT_DURATION, NET, PLACE, RATE, SIZE, STARTUPS


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        (RATE, "off", (0.0, 0)),
        (RATE, "10", (10.0, 30)),
        (RATE, "10:5", (10.0, 5)),
        (RATE, "0.1", (0.1, 1)),
        (STARTUPS, "100:30:1000", (100, 30, 1000)),
        (STARTUPS, "100:100:100", (100, 100, 100)),
        (STARTUPS, (1, 2, 3), (1, 2, 3)),
        (LIMIT_DURATION, "50ms", 0.05),
        (LIMIT_DURATION, "1d", 86_400),
        (NET, "10.0.0.0/8", ip_network("10.0.0.0/8")),
        (NET, "192.0.2.7", ip_network("192.0.2.7/32")),
        (NET, "@/etc/nets", Path("/etc/nets")),
        (SIZE, "1M", 1 << 20),
        (SIZE, "1048576", 1 << 20),
        (SIZE, "2GiB", 2 << 30),
        (SIZE, "500mb", 500 << 20),
        (PLACE, "203.0.113.7:5500", "tcp:203.0.113.7:5500"),
        (PLACE, "[2001:db8::1]:5500", "tcp:2001:db8::1:5500"),
        (PLACE, "tcp:203.0.113.7:5500", "tcp:203.0.113.7:5500"),
    ],
)
def test_what_is_one_is_converted(kind: click.ParamType[Any], value: object, converted: object) -> None:
    assert kind.convert(value, None, None) == converted


def test_a_file_of_networks_is_found_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again later, wherever the process is then."""
    monkeypatch.chdir(tmp_path)
    assert NET.convert("@nets", None, None) == tmp_path / "nets"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *((RATE, value) for value in ("", "0", "-1", "1e9", "x", "10:0", "10:x", "nan", "10:5:1", "inf")),
        *((STARTUPS, value) for value in ("", "0:30:1000", "100:101:1000", "101:30:100", "1:2", "1:2:3:4", "٣:1:5")),
        *((LIMIT_DURATION, value) for value in ("49ms", "86401s", "soon")),
        *((NET, value) for value in ("", "@", "10.0.0.1/8/8", "example.org")),
        *((SIZE, value) for value in ("", "0", "1023K", "-5M", "2X", "1.5G", "M", "١M", "999999999T")),
        *((PLACE, value) for value in ("", "5500", "example.org:5500", "203.0.113.7", "203.0.113.7:x")),
    ],
)
def test_what_is_none_is_told(kind: click.ParamType[Any], value: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(value, None, None)

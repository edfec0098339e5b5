"""What ``join`` says at its end: the command that comes back."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from chatctl.client.core.address import Address
from chatctl.main import cli
from chatctl.terminal.app import rejoin_command
from chatctl.terminal.interfaces import JoinOptions, ScreenOptions

PLAIN = Address("127.0.0.1", 5500)


@pytest.mark.parametrize(
    ("address", "rooms", "command"),
    [
        (PLAIN, ["lobby"], "chatctl join --nick amy"),
        (PLAIN._replace(port=5600), ["ops"], "chatctl join --nick amy --port 5600 --room ops"),
        (PLAIN._replace(unix="/run/a b"), ["lobby"], "chatctl join --nick amy --unix '/run/a b'"),
        (Address("a", 5501, tls=True), ["lobby"], "chatctl join --nick amy --host a --tls --port 5501"),
        (
            Address("a", 5500, others=(Address("::1", 6000),)),
            ["lobby", "ops"],
            "chatctl join --nick amy --server 'a:5500,[::1]:6000' --room lobby --room ops",
        ),
        (
            Address("a", 5501, tls=True, others=(Address("b", 5501, tls=True),)),
            ["lobby"],
            "chatctl join --nick amy --server a:5501,b:5501 --tls",
        ),
    ],
)
def test_the_command_that_comes_back(address: Address, rooms: list[str], command: str) -> None:
    for screen, more in (
        (ScreenOptions(), ""),
        (ScreenOptions(keys="vi"), " --keys vi"),
        (ScreenOptions(keys="vi", linear=True), " --linear"),
    ):
        whole = rejoin_command(JoinOptions(address, rooms[0], "amy", 0, "none"), rooms, screen)
        assert whole == command + more
        assert CliRunner().invoke(cli, [*shlex.split(whole)[1:], "--help"]).exit_code == 0

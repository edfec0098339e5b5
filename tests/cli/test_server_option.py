"""The forms of a server's address on the command line, and of several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chatctl.cli.config_defaults import Defaults
from chatctl.cli.options import ServerOptions, server_options
from chatctl.cli.server_option import parse_server
from chatctl.client.core.address import Address

Servers = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("chat.example.org", "chat.example.org", 5500),
        ("chat.example.org:7000", "chat.example.org", 7000),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("[::1]:5500", "::1", 5500),
        ("[fe80::1%eth0]", "fe80::1%eth0", 5500),
        ("::1", "::1", 5500),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_server(text) == {"host": host, "port": port, "unix": None}


def test_a_path_is_a_socket() -> None:
    assert parse_server("/run/chat.sock") == {"host": "127.0.0.1", "port": 5500, "unix": "/run/chat.sock"}


@pytest.mark.parametrize("text", ["", ":5500", "host:", "host:0", "host:65536", "host:x", "[::1", "a b", "h/x", "[]:1"])
def test_what_is_no_address(text: str) -> None:
    assert parse_server(text) is None


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    """Return which servers a command would try, in their order; what is wrong instead, if it is told."""

    def servers(*words: str, file: str = "") -> list[str]:
        (tmp_path / "config.toml").write_text(file)
        found: list[Address] = []

        @click.command("who")
        @server_options()
        def who(server: ServerOptions) -> None:
            found.extend(server.address().each)

        group = click.Group("chatctl", commands={"who": who})
        defaults = Defaults(group, str(tmp_path / "config.toml"))
        done = CliRunner().invoke(group, ["who", *words], default_map=defaults)
        assert done.exit_code in (0, 2), done.output
        return [f"{'tls ' * one.tls}{one}" for one in found] or [done.output.splitlines()[-1]]

    return servers


WORK = '[server.work]\nhost = "a"\nothers = "b, c:6000"\n'


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--server a", ["a:5500"]),
        ("--server a,b:6000,[::1]", ["a:5500", "b:6000", "[::1]:5500"]),
        ("--server a,/run/b", ["a:5500", "/run/b"]),
        ("--server /run/a,b", ["/run/a", "b:5500"]),
        ("--server a,b:6000 --port 7000", ["a:7000", "b:6000"]),
        ("--server a:6000,b --port 7000", ["a:7000", "b:7000"]),
        ("--server a,b:6000 --tls", ["tls a:5501", "tls b:6000"]),
        ("--server a:6000,b --tls", ["tls a:6000", "tls b:5501"]),
        ("--server a,b --host c", ["c:5500"]),
        ("--server a,b --unix /run/c", ["/run/c"]),
        ("--server work", ["a:5500", "b:5500", "c:6000"]),
        ("--server work --tls", ["tls a:5501", "tls b:5501", "tls c:6000"]),
        ("--server work --host c", ["c:5500"]),
    ],
)
def test_a_list_of_servers(servers: Servers, words: str, found: list[str]) -> None:
    """They differ in where they are, and share all other options."""
    assert servers(*words.split(), file=WORK) == found


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--server a,", "'' is not a server"),
        ("--server a,b:x", "'b:x' is not a server"),
        ("--server a,work", "'work' is a name, and a list has addresses: [server.work] may have 'others'"),
        ("--server a,/run/b --tls", "a unix socket has no TLS: /run/b can't be beside servers that have"),
    ],
)
def test_what_is_no_list(servers: Servers, words: str, why: str) -> None:
    [found] = servers(*words.split(), file=WORK)
    assert why in found


def test_a_file_whose_others_are_none(servers: Servers) -> None:
    [found] = servers("--server", "work", file='[server.work]\nothers = "b,"\n')
    assert "'' is not a server" in found

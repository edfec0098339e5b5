"""The forms of a server's address on the command line."""

from __future__ import annotations

import pytest

from chatctl.cli.server_option import parse_server


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

"""A server's address: how it is shown, and how files about it are called."""

from __future__ import annotations

import pytest

from chatctl.client.core.address import Address, names_port, parse_web


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (Address("a.example", 7), "a.example:7"),
        (Address("::1", 7), "[::1]:7"),
        (Address("a.example", 7, unix="/run/chat.sock"), "/run/chat.sock"),
        (Address("a.example", 443, tls=True, web="https://a.example/"), "https://a.example/"),
    ],
)
def test_it_is_shown_as_people_write_it(address: Address, shown: str) -> None:
    assert str(address) == shown


def test_files_of_two_servers_never_share_a_name() -> None:
    """And none of them is a path to somewhere else."""
    servers = [
        Address(host, port, unix)
        for host in ("a", "a_2f", "a/", "::1", "..")
        for port in (1, 11)
        for unix in (None, "/a", "/_2fa")
    ]
    names = {address.file_name for address in servers}
    assert len(names) == len({str(address) for address in servers})
    assert not any("/" in name or name in (".", "..") for name in names)


@pytest.mark.parametrize(
    ("text", "does"), [("a.example", False), ("a.example:7", True), ("[::1]", False), ("[::1]:7", True), ("::1", False)]
)
def test_a_port_that_was_written_is_told_from_the_usual_one(text: str, does: bool) -> None:
    """With TLS the usual one is another."""
    assert names_port(text) is does


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("https://chat.example.org", "chat.example.org", 443, True),
        ("http://chat.example.org/", "chat.example.org", 80, False),
        ("http://127.0.0.1:5580/", "127.0.0.1", 5580, False),
        ("https://[::1]:5580/chat/", "::1", 5580, True),
    ],
)
def test_the_url_of_a_page_is_an_address(url: str, host: str, port: int, *, tls: bool) -> None:
    assert parse_web(url) == Address(host, port, tls=tls, web=url)


@pytest.mark.parametrize(
    "text",
    [
        *("", "chat.example.org", "ftp://a", "http://", "http://a:0/", "http://a:70000/", "http://user:word@a/"),
        *("http://a/#b", "http://a/?b", "http://a b/", "http://a/b c", "http://a/\r\nHost: b", "HTTP:/a", "ws://a/"),
    ],
)
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a page"):
        parse_web(text)

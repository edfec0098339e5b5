from __future__ import annotations

import pytest

from chatctl.server.web.http_error import HttpError
from chatctl.server.web.origins import Origins, parse_origin

ORIGINS = Origins(["Chat.lan"], ["https://chat.example.org", "http://other.example.org:8080"])


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:5580", "[::1]:5580", "192.0.2.7", "localhost:1", "CHAT.LAN", "chat.lan.:80"),
        *("chat.example.org", "other.example.org", "127.0.0.1:", "[::1]:", "chat.lan:"),
    ],
)
def test_our_names_and_addresses_are_known(host: str) -> None:
    ORIGINS.check_host(host, "http")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((host, 421) for host in ("evil.example", "evil.example:5580", "127.0.0.1.evil.example", "1.2.3")),
        ("sub.chat.example.org", 421),
        ("evil.example:", 421),
        *((host, 400) for host in ("", ":", ":80", "a::", "a b", "a@b", "[::1", "x:y", "ü.example")),
    ],
)
def test_a_name_that_an_attacker_can_point_here_is_not(host: str, status: int) -> None:
    with pytest.raises(HttpError) as refused:
        ORIGINS.check_host(host, "http")
    assert refused.value.status == status
    assert status == 400 or refused.value.text.endswith(
        f"--web-origin and the address that browsers show, such as http://{host.removesuffix(':')}"
    )


def test_there_has_to_be_a_host() -> None:
    with pytest.raises(HttpError, match="no Host header"):
        ORIGINS.check_host(None, "http")


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://127.0.0.1:5580", "127.0.0.1:5580", "http"),
        ("https://127.0.0.1", "127.0.0.1:443", "https"),
        ("http://127.0.0.1", "127.0.0.1:", "http"),
        ("HTTP://Chat.LAN", "chat.lan", "http"),
        ("https://chat.example.org", "127.0.0.1:5580", "http"),
        ("http://other.example.org:8080", "127.0.0.1", "https"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_a_page_of_ours_may(origin: str, host: str, scheme: str, *, required: bool) -> None:
    ORIGINS.check_origin(origin, host, scheme, required=required)


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("http://evil.example", "--web-origin http://evil.example"),
        ("https://127.0.0.1:5580", "--web-origin https://127.0.0.1:5580"),
        ("http://127.0.0.1", "--web-origin http://127.0.0.1"),
        ("http://chat.example.org", "--web-origin http://chat.example.org"),
        ("https://chat.example.org:444", "--web-origin"),
        ("null", "has no origin of its own"),
        ("file://", "not an http or https origin"),
        ("chrome-extension://abc", "not an http or https origin"),
        ("", "not an http or https origin"),
        ("http://a http://127.0.0.1:5580", "not an http or https origin"),
        ("http://127.0.0.1:5580/x", "not an http or https origin"),
    ],
)
def test_a_page_of_others_may_not_and_is_told_what_to_set(origin: str, told: str, *, required: bool) -> None:
    with pytest.raises(HttpError, match=told) as refused:
        ORIGINS.check_origin(origin, "127.0.0.1:5580", "http", required=required)
    assert refused.value.status == 403


def test_a_program_needs_no_origin_but_a_websocket_does() -> None:
    ORIGINS.check_origin(None, "127.0.0.1", "http", required=False)
    with pytest.raises(HttpError, match="no Origin header"):
        ORIGINS.check_origin(None, "127.0.0.1", "http", required=True)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Chat.example.org/", "https://chat.example.org"),
        ("https://chat.example.org:443", "https://chat.example.org"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://chat.lan:5580", "http://chat.lan:5580"),
    ],
)
def test_an_origin_is_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["chat.example.org", "ftp://x", "https://", "https://a/b", "https://u@a", "https://a b"]
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse_origin(text)

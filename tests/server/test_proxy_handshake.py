"""Connections from a proxy at a real listener: the address in the header counts, and who has none is refused."""

from __future__ import annotations

import ssl

import pytest

from chatctl.common.ip_addresses import parse_network
from chatctl.core.bans import Sanction
from chatctl.core.ip_networks import Networks
from chatctl.core.limits import ServerLimits
from chatctl.core.moderation import Rules
from chatctl.server.certificates import Tls
from tests.support.environment import DEADLINE
from tests.support.in_process_server import in_process_server
from tests.support.proxy_headers import v1, v2
from tests.support.tls import Authority
from tests.support.wire import Wire

HERE = parse_network("127.0.0.1")
SOMEBODY = "203.0.113.7"
HELLO = b'{"type":"hello","v":1,"nick":"nadia"}\n'


def behind(**more: list[object]) -> Networks:
    """Return networks whose proxy is this machine."""
    return Networks(proxies=[HERE], **more)  # type: ignore[arg-type]


def proxied(port: int, header: bytes) -> Wire:
    return Wire(("127.0.0.1", port)).send(header)


@pytest.mark.parametrize("header", [v1(SOMEBODY, 4711), v2(SOMEBODY, 4711), v2(None), b"PROXY UNKNOWN\r\n"])
def test_a_header_is_read_byte_by_byte_and_what_follows_is_the_client_s(header: bytes) -> None:
    with in_process_server(ServerLimits(), networks=behind()) as port:
        wire = Wire(("127.0.0.1", port))
        for byte in header + HELLO:
            wire.send(bytes([byte]))
        assert wire.greeted().frame("welcome")["nick"] == "nadia"
        other = proxied(port, header + HELLO.replace(b"nadia", b"omar"))
        assert other.greeted().frame("welcome")["nick"] == "omar"


@pytest.mark.parametrize("header", [v1(SOMEBODY, 4711), v2(SOMEBODY, 4711)])
def test_limits_count_the_address_in_the_header(header: bytes) -> None:
    with in_process_server(ServerLimits(per_address=1), networks=behind()) as port:
        proxied(port, header).greeted().enter("nadia")
        refused = proxied(port, header).greeted().send(HELLO)
        assert "too many connections from 203.0.113.7" in refused.frame("error")["text"]
        proxied(port, v2("203.0.113.8", 1)).greeted().enter("omar")


def test_bans_hit_the_address_in_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def banning() -> Rules:
        rules = Rules()
        rules.bans.add(Sanction("ban", 0.0, network="203.0.113.0/24", reason="flood"))
        return rules

    monkeypatch.setattr("chatctl.hub.hub.Rules", banning)
    with in_process_server(ServerLimits(), networks=behind()) as port:
        assert b"your address is banned: flood" in proxied(port, v1(SOMEBODY, 1) + HELLO).rest()
        proxied(port, v1("203.0.114.7", 1)).greeted().enter("nadia")


def test_networks_let_in_the_address_in_the_header() -> None:
    networks = behind(allow=[parse_network("203.0.113.0/24")])
    with in_process_server(ServerLimits(), networks=networks) as port:
        proxied(port, v2(SOMEBODY, 1)).greeted().enter("nadia")
        assert proxied(port, v2("198.51.100.7", 1)).rest() == b""
        assert proxied(port, v2(None)).rest() == b"", "the proxy itself is not among them"


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (HELLO, b'"text":"this server accepts connections from your address through a proxy only"'),
        (b"nadia\n", b"! this server accepts connections from your address through a proxy only\n"),
        (b"PROXY TCP4 nonsense\r\n", b""),
        (v2(SOMEBODY, 1)[:14] + b"\xff\xff", b""),
    ],
    ids=["json", "text", "nonsense", "too long"],
)
def test_who_has_no_header_is_refused(first: bytes, told: bytes) -> None:
    with in_process_server(ServerLimits(), networks=behind()) as port:
        rest = Wire(("127.0.0.1", port)).send(first).rest()
        assert told in rest
        assert b"welcome" not in rest


def test_a_proxy_that_says_nothing_is_closed_in_time_and_one_that_only_looks_is_forgotten() -> None:
    with in_process_server(ServerLimits(hello_seconds=0.2), networks=behind()) as port:
        assert proxied(port, v2(SOMEBODY, 1)[:20]).rest() == b""
        for _ in range(5):
            Wire(("127.0.0.1", port)).close()
        proxied(port, v2(SOMEBODY, 1)).greeted().enter("nadia")


def test_no_time_is_too_short_for_it_to_be_closed() -> None:
    """A busy server may have used it up before the connection is made."""
    with in_process_server(ServerLimits(hello_seconds=0.0), networks=behind()) as port:
        assert proxied(port, b"").rest() == b""


def test_those_that_wait_are_counted_and_closed_at_the_end() -> None:
    with in_process_server(ServerLimits(clients=1), networks=behind()) as port:
        waiting = [proxied(port, b"PROXY ") for _ in range(3)]
    assert [wire.rest() for wire in waiting] == [b""] * 3


@pytest.mark.parametrize("header", [v1(SOMEBODY, 4711), v2(SOMEBODY, 4711)])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_header_stands_before_the_tls_handshake(
    header: bytes, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    trust = ssl.create_default_context(cafile=str(authority.path))
    with in_process_server(ServerLimits(), Tls(authority.sign("127.0.0.1")), networks=behind()) as port:
        wire = Wire(("127.0.0.1", port))
        for start in range(0, len(header), size):
            wire.send(header[start : start + size])
        wire.sock = trust.wrap_socket(wire.sock, server_hostname="127.0.0.1")
        wire.sock.settimeout(DEADLINE)
        wire.greeted().enter("nadia")
        assert wire.say("over TLS").frame("msg")["text"] == "over TLS"


def test_tls_without_a_header_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    trust = ssl.create_default_context(cafile=str(authority.path))
    with in_process_server(ServerLimits(), Tls(authority.sign("127.0.0.1")), networks=behind()) as port:
        wire = Wire(("127.0.0.1", port))
        with pytest.raises(OSError):
            trust.wrap_socket(wire.sock, server_hostname="127.0.0.1")


@pytest.mark.parametrize("header", [v1(SOMEBODY, 4711), v2(SOMEBODY, 4711)])
@pytest.mark.parametrize("size", [3, 1000])
def test_a_header_from_elsewhere_makes_nobody_a_member(header: bytes, size: int) -> None:
    """Nor is what follows it taken for a nickname."""
    with in_process_server(ServerLimits(), networks=Networks(proxies=[parse_network("192.0.2.0/24")])) as port:
        wire = Wire(("127.0.0.1", port))
        for start in range(0, len(header), size):
            wire.push(header[start : start + size])
        assert b"! a PROXY header from an address that --proxied-from does not name\n" in wire.rest()

"""PROXY headers of both versions: read whole however they are cut, bounded, and refused where they are wrong."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.server.proxy_header import MAX_V1, MAX_V2, NoProxyHeader, Proxied, ProxyHeader, ProxyHeaderError
from tests.support.proxy_headers import v1, v2

FOUR = Proxied(("203.0.113.7", 4711), ("192.0.2.1", 5500))
SIX = Proxied(("2001:db8::7", 4711), ("2001:db8::1", 5500))

GOOD = [
    (v1("203.0.113.7", 4711), FOUR),
    (v1("2001:db8::7", 4711, "2001:db8::1"), SIX),
    (b"PROXY UNKNOWN\r\n", Proxied()),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Proxied()),
    (v2("203.0.113.7", 4711), FOUR),
    (v2("203.0.113.7", 4711, more=b"\x04\x00\x02xx" * 100), FOUR),
    (v2("2001:db8::7", 4711, "2001:db8::1"), SIX),
    (v2(None), Proxied()),
    (v2("203.0.113.7", 4711, command=0x20), Proxied()),  # LOCAL: what it carries does not count
    (v2(None, family=0x00, command=0x21), Proxied()),
    (v2(None, family=0x31, command=0x21, more=b"/run/a".ljust(216, b"\0")), Proxied()),
]


@given(st.sampled_from(GOOD), st.binary(max_size=30), st.lists(st.integers(1, 40), max_size=20))
def test_any_split_means_the_same(case: tuple[bytes, Proxied], rest: bytes, cuts: list[int]) -> None:
    header, meant = case
    wire, reader, found = header + rest, ProxyHeader(), None
    for size in [*cuts, *[1] * len(wire)]:
        piece, wire = wire[:size], wire[size:]
        found = reader.feed(piece) if piece else found
        if found is not None:
            break
    assert found is not None
    assert found[0] == meant
    assert found[1] + wire == rest


@pytest.mark.parametrize(
    "wire",
    [
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n",
        b"PROXY TCP4 203.0.113.999 192.0.2.1 4711 5500\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 65536\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 4711 5500\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 5500\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.1 4711 5500\r\n",
        b"PROXY \xff\r\n",
        b"PROXY " + b"x" * MAX_V1,
        v2("203.0.113.7", 4711)[:14] + struct.pack("!H", 4) + b"abcd",
        v2("203.0.113.7", 4711, command=0x22),
        v2("203.0.113.7", 4711, command=0x11),
        v2(None)[:14] + struct.pack("!H", MAX_V2),
    ],
)
def test_a_header_that_is_none_is_refused(wire: bytes) -> None:
    with pytest.raises(ProxyHeaderError) as raised:
        ProxyHeader().feed(wire)
    assert not isinstance(raised.value, NoProxyHeader)


@pytest.mark.parametrize("wire", [b"{", b"PROXYA", b"\x16", b"\r\n\r\n\x00\r\nQUIX", b"\n"])
def test_what_does_not_begin_with_one_is_found_so_at_its_first_wrong_byte(wire: bytes) -> None:
    reader = ProxyHeader()
    for end in range(len(wire) - 1):
        assert reader.feed(wire[end : end + 1]) is None
    with pytest.raises(NoProxyHeader):
        reader.feed(wire[-1:])
    assert reader.bytes_so_far == wire


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", v2(None)[:12], v2(None)[:13]]))
def test_no_bytes_raise_anything_else(wire: bytes, start: bytes) -> None:
    try:
        found = ProxyHeader().feed(start + wire)
    except ProxyHeaderError:
        return
    if found is not None and found[0].source is not None:
        ip_address(found[0].source[0])

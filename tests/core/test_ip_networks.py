"""Which connections are taken, and what counts as one client."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.ip_addresses import parse_network
from chatctl.core.ip_networks import Networks, client_of, region_of


def nets(allow: str = "", deny: str = "") -> Networks:
    return Networks(*([parse_network(net) for net in some.split()] for some in (allow, deny)))


@pytest.mark.parametrize(
    ("some", "host", "in_"),
    [
        (nets(), "203.0.113.9", True),
        (nets("10.0.0.0/8 fd00::/8"), "10.1.2.3", True),
        (nets("10.0.0.0/8 fd00::/8"), "fd00::7", True),
        (nets("10.0.0.0/8 fd00::/8"), "fd00::7%eth0", True),
        (nets("10.0.0.0/8 fd00::/8"), "203.0.113.9", False),
        (nets("10.0.0.0/8"), "2001:db8::1", False),
        (nets("", "10.0.0.0/8"), "10.1.2.3", False),
        (nets("", "10.0.0.0/8"), "::ffff:10.1.2.3", False),
        (nets("", "10.0.0.0/8"), "192.0.2.1", True),
        (nets("10.0.0.0/8", "10.1.0.0/16"), "10.1.2.3", False),
        (nets("10.0.0.0/8", "10.1.0.0/16"), "10.2.2.3", True),
        (nets("10.1.0.0/16", "10.0.0.0/8"), "10.1.2.3", False),
        (nets("", "::ffff:10.0.0.0/104"), "10.1.2.3", False),
        (nets("", "::ffff:10.0.0.0/104"), "11.1.2.3", True),
        (nets("", "::/0"), "10.1.2.3", True),
        (nets("0.0.0.0/0"), "10.1.2.3", True),
    ],
)
def test_what_is_denied_stays_out_and_what_is_allowed_comes_in(some: Networks, host: str, in_: bool) -> None:
    assert some.lets_in(host) is in_


@given(st.data())
def test_it_says_what_each_network_says_by_itself(data: st.DataObject) -> None:
    """The index against the plain loop over all of them."""
    bits = data.draw(st.sampled_from([32, 128]))
    kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    near = st.integers(0, 255).map(lambda low: kind((0xFE80 << (bits - 16)) + low))
    address = data.draw(near)
    denied = data.draw(
        st.lists(
            st.tuples(near, st.integers(bits - 9, bits)).map(lambda net: ipaddress.ip_network(net, strict=False)),
            max_size=6,
        )
    )
    assert Networks((), denied).lets_in(str(address)) is not any(address in net for net in denied)


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1%eth0", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_what_counts_as_one_client(host: str, client: str) -> None:
    """Else whoever has 2^64 addresses has as many times every limit, or all of IPv4 shares one."""
    assert client_of(host) == client


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
    ],
)
def test_a_region_is_what_is_given_out_as_a_whole(host: str, region: str) -> None:
    assert region_of(client_of(host)) == region

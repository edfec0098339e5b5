"""Addresses and networks are read the same way everywhere."""

from __future__ import annotations

import pytest

from chatctl.common.ip_addresses import parse_address, parse_network


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("FE80::1%eth0", "fe80::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    """A ban of its IPv4 form has to hold for a socket that shows it as IPv6."""
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_has_one_form(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


@pytest.mark.parametrize("text", ["", "rajat", "1.2.3", "1.2.3.4/33", "::1/129"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_network(text)

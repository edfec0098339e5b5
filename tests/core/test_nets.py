"""nets.py: from where connections are taken."""

import ipaddress

import pytest

from chatctl.nets import Nets


def nets(allow: str = "", deny: str = "") -> Nets:
    return Nets(*([ipaddress.ip_network(net) for net in some.split()] for some in (allow, deny)))


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
    ],
)
def test_what_is_denied_stays_out_and_what_is_allowed_comes_in(some: Nets, host: str, in_: bool) -> None:
    assert some.lets_in(host) is in_

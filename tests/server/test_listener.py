"""Which sockets a host and a port become."""

from __future__ import annotations

import errno
import socket

import pytest

from chatctl.errors import ChatError
from chatctl.server import listener
from chatctl.server.listener import open_tcp
from tests.support.environment import DEADLINE
from tests.support.needs import need


def test_two_colons_are_every_address_of_both_families() -> None:
    """Each of them comes to its own socket, so that who is let in over IPv4 is known by that address."""
    need("IPv6")
    sockets = open_tcp("::", 0)
    port = sockets[0].getsockname()[1]
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        listener = next(sock for sock in sockets if sock.family == family)
        with socket.create_connection((host, port), DEADLINE), listener.accept()[0] as accepted:
            assert accepted.getpeername()[0] == host
    for sock in sockets:
        sock.close()


def test_without_ipv6_the_others_have_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that listens everywhere starts on a machine whose kernel knows no IPv6."""
    real = socket.socket

    def without_ipv6(family: int, kind: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, kind)

    monkeypatch.setattr(listener.socket, "socket", without_ipv6)
    (only,) = open_tcp("::", 0)
    assert only.getsockname()[0] == "0.0.0.0"
    only.close()


def test_a_port_that_is_not_for_everybody_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports below 1024 are root's; whether they are for who runs the tests depends on the machine."""

    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(listener.socket.socket, "bind", refuse)
    with pytest.raises(
        ChatError, match=r"127\.0\.0\.1:80: permission denied \(choose a port from 1024 up with --port\)"
    ):
        open_tcp("127.0.0.1", 80)

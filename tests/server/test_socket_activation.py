"""Which sockets are taken over from systemd, under which names, and which are refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.server.socket_activation import HandedOver, take_sockets

FIRST = 700
"""Descriptors that the tests hand over, far above those that pytest has open."""


@pytest.fixture
def hand_over() -> Iterator[Callable[..., dict[str, str]]]:
    """Give a function that hands sockets over to this process, and returns the variables that say so."""
    numbers: list[int] = []

    def hand(*sockets: socket.socket, names: str = "", pid: int | None = None) -> dict[str, str]:
        for number, sock in enumerate(sockets, FIRST):
            os.dup2(sock.fileno(), number)
            numbers.append(number)
            sock.close()
        environ = {"LISTEN_PID": str(pid or os.getpid()), "LISTEN_FDS": str(len(sockets)), "HOME": "x"}
        return environ | ({"LISTEN_FDNAMES": names} if names else {})

    yield hand
    for number in numbers:
        try:
            os.close(number)
        except OSError:
            continue  # the socket that took it over was closed


Hand = Callable[..., dict[str, str]]


def tcp() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def close(handed: HandedOver) -> None:
    for sock in (*handed.plain, *handed.tls):
        sock.close()


def test_sockets_go_by_their_names_and_the_variables_are_gone(hand_over: Hand, tmp_path: Path) -> None:
    path = socket.socket(socket.AF_UNIX)
    path.bind(str(tmp_path / "room.sock"))
    path.listen()
    first, second = tcp(), tcp()
    ports = [first.getsockname()[1], second.getsockname()[1]]
    environ = hand_over(first, second, path, names="tls:plain:plain")
    handed = take_sockets(environ, FIRST)
    assert [sock.getsockname()[1] for sock in handed.tls] == ports[:1]
    assert [sock.family for sock in handed.plain] == [socket.AF_INET, socket.AF_UNIX]
    assert not any(sock.get_inheritable() for sock in (*handed.tls, *handed.plain))
    assert environ == {"HOME": "x"}
    close(handed)
    assert (tmp_path / "room.sock").exists(), "systemd still listens there"


@pytest.mark.parametrize("names", ["", "unknown"])
def test_one_without_a_name_is_plain(hand_over: Hand, names: str) -> None:
    handed = take_sockets(hand_over(tcp(), names=names), FIRST)
    assert (len(handed.plain), len(handed.tls)) == (1, 0)
    close(handed)


@pytest.mark.parametrize("environ", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_FDS": "1"}])
def test_those_of_another_process_are_left_alone(environ: dict[str, str]) -> None:
    assert not take_sockets(environ, FIRST)
    assert environ == {}


@pytest.mark.parametrize("count", ["", "0", "-1", "x"])
def test_none_are_none(count: str) -> None:
    assert not take_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}, FIRST)


def test_a_name_that_means_nothing_is_refused(hand_over: Hand) -> None:
    name, told = "chatctl.socket", "call it plain, tls, web or metrics (FileDescriptorName=)"
    with pytest.raises(ChatError) as raised:
        take_sockets(hand_over(tcp(), names=name), FIRST)
    assert told in raised.value.text


def connected() -> socket.socket:
    one, other = socket.socketpair()
    other.close()
    return one


def datagram() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.mark.parametrize("make", [connected, datagram, lambda: socket.socket()])
def test_what_does_not_listen_is_refused(hand_over: Hand, make: Callable[[], socket.socket]) -> None:
    with pytest.raises(ChatError, match="is not a listening stream socket: use ListenStream= and Accept=no"):
        take_sockets(hand_over(make(), names="plain"), FIRST)


def test_a_descriptor_that_is_none_is_refused() -> None:
    with pytest.raises(ChatError, match="descriptor 999, which systemd hands over as tls, is not a socket"):
        take_sockets({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "tls"}, 999)

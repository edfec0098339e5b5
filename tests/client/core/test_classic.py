"""The client's end of the first version's protocol: unframed ASCII, no acknowledgements."""

from __future__ import annotations

import pytest

from chatctl.client.core.classic import ClassicCore
from chatctl.errors import PeerBroke, Rejected


def greeted() -> ClassicCore:
    core = ClassicCore("nadia", "a-server")
    core.receive(b"NAME")
    core.outgoing()
    return core


def test_the_nickname_goes_out_once_the_whole_greeting_is_there() -> None:
    core = ClassicCore("nadia", "a-server")
    assert core.receive(b"NA") == []
    assert core.outgoing() == b""
    assert core.receive(b"MEomar joined!") == ["omar joined!"]
    assert core.outgoing() == b"nadia"
    assert core.outgoing() == b""


@pytest.mark.parametrize("first", [b"HTTP/1.1 400", b"NAH", b"NB"])
def test_another_kind_of_server_is_told(first: bytes) -> None:
    with pytest.raises(PeerBroke, match="a-server is not a chatctl server"):
        ClassicCore("nadia", "a-server").receive(first)


def test_it_is_in_once_the_server_says_so_however_that_is_cut() -> None:
    core = greeted()
    core.receive(b"Connected to ")
    assert not core.connected
    core.receive(b"server!")
    assert core.connected
    core.receive(b"omar: hi")
    assert core.connected


def test_what_is_not_ascii_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Rejected, match="ASCII only, not 'é'"):
        ClassicCore("né", "a-server")
    core = greeted()
    for refuse in (core.say, core.check):
        with pytest.raises(Rejected, match="'é'"):
            refuse("é")
    assert core.outgoing() == b""


def test_a_message_has_arrived_when_it_comes_back() -> None:
    """What somebody said before is not ours, though it has the same words."""
    core = greeted()
    core.receive(b"omar: hello")
    core.say("hello\nand more")
    assert core.outgoing() == b"nadia: hello\nand more"
    assert not core.came_back("hello\nand more")
    core.receive(b"nadia: hel")
    assert not core.came_back("hello\nand more")
    core.receive(b"lo\nand more")
    assert core.came_back("hello\nand more")


def test_what_was_seen_is_bounded() -> None:
    core = greeted()
    core.say("hello")
    core.receive(b"nadia: hello")
    core.receive(b"x" * 64 * 1024)
    assert not core.came_back("hello")

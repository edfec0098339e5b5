from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from chatctl import protocol
from chatctl.core.dialects import JSON, WEB
from chatctl.core.websocket_frames import PING, text_frame
from tests.support.strategies import server_frames


def received(data: bytes) -> list[tuple[int, bytes]]:
    """Read frames as a browser does, by a library."""
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(data)
    assert client.parser_exc is None
    return [(frame.opcode, bytes(frame.data)) for frame in client.events_received() if frame.fin]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_each_size_has_its_header(size: int) -> None:
    assert received(text_frame(b"x" * size)) == [(Opcode.TEXT, b"x" * size)]


@given(server_frames)
def test_a_browser_gets_the_lines_of_json(frame: protocol.Frame) -> None:
    if isinstance(frame, protocol.Ping):
        assert received(WEB.render(frame)) == [(Opcode.PING, b"")]
    else:
        assert received(WEB.render(frame)) == [(Opcode.TEXT, JSON.render(frame)[:-1])]


@given(st.lists(server_frames, min_size=1, max_size=5))
def test_a_run_is_one_message_of_lines(frames: list[protocol.Frame]) -> None:
    assert received(WEB.render_run(frames)) == [(Opcode.TEXT, JSON.render_run(frames)[:-1])]


def test_a_ping_is_a_control_frame() -> None:
    """A browser answers it without its page, which may sleep."""
    assert received(PING) == [(Opcode.PING, b"")]

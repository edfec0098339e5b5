"""protocol.py: frames and encoding."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.errors import BadFrame
from chatctl.protocol import NotJson
from tests.support.client_lines import LINES
from tests.support.strategies import client_frames, server_frames

# --- frames


@given(client_frames)
def test_what_a_client_says_arrives_as_it_was_said(frame: p.ClientFrame) -> None:
    line = p.encode(frame)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert p.decode_client(line[:-1]) == frame


@given(st.lists(client_frames, max_size=5))
def test_a_run_of_frames_is_read_and_written_as_one_by_one(frames: list[p.ClientFrame]) -> None:
    wire = p.encode_run(frames)
    assert wire == b"".join(map(p.encode, frames))
    assert p.decode_run(wire.split(b"\n")[:-1]) == frames


@given(server_frames)
def test_what_a_server_says_arrives_as_it_was_said(frame: p.ServerFrame) -> None:
    line = p.encode(frame)
    assert b"\n" not in line[:-1]
    assert p.decode_server(line[:-1]) == frame


@given(client_frames | server_frames)
def test_a_frame_is_plain_json_for_every_other_program(frame: p.Frame) -> None:
    assert json.loads(p.encode(frame)) == msgspec.to_builtins(frame)


def test_the_types_on_the_wire_are_those_of_the_contract() -> None:
    def tags(union: object) -> list[str]:
        return sorted(cls.__struct_config__.tag for cls in union.__args__)  # type: ignore[attr-defined]

    assert tags(p.ClientFrame) == sorted(
        [
            "hello",
            "proof",
            "say",
            "whisper",
            "nick",
            "who",
            "whois",
            "rooms",
            "history",
            "search",
            "admin",
            "lease",
            "ping",
            "pong",
            "bye",
        ]
    )
    to_both = {"whisper", "whois", "rooms", "lease", "ping", "pong", "bye"}
    told = {
        "challenge",
        "welcome",
        "msg",
        "redacted",
        "join",
        "leave",
        "rename",
        "ack",
        "roster",
        "page",
        "found",
        "gap",
        "error",
        "notice",
        "room",
        "done",
    }
    assert tags(p.ServerFrame) == sorted(told | to_both)


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (p.Gap(from_=3, to=9, why="slow"), '{"type":"gap","from":3,"to":9,"why":"slow"}'),
        (p.Whispered(from_="a", time=1.5, text="x"), '{"type":"whisper","from":"a","time":1.5,"text":"x"}'),
        (p.Msg(1, 2.5, "a", "é"), '{"type":"msg","seq":1,"time":2.5,"nick":"a","text":"é"}'),
        (p.Msg(1, 2.5, "a", "é", True), '{"type":"msg","seq":1,"time":2.5,"nick":"a","text":"é","action":true}'),
        (p.Ack("i", 1.0, False, 7), '{"type":"ack","id":"i","time":1.0,"duplicate":false,"seq":7}'),
        (p.Who(), '{"type":"who"}'),
    ],
)
def test_the_names_of_the_fields_are_those_of_the_contract(frame: p.Frame, line: str) -> None:
    assert p.encode(frame) == line.encode() + b"\n"


def test_the_limits_are_those_of_the_contract() -> None:
    limits = p.Limits()
    assert (limits.line, limits.text, limits.nick, limits.nick_bytes) == (16384, 4096, 32, 64)
    assert (limits.hello_seconds, limits.hello_bytes, limits.ping_seconds, limits.stall_seconds) == (10, 8192, 60, 30)
    assert (limits.rate, limits.burst, limits.bytes_per_second) == (10, 30, 65536)
    assert (limits.clients, limits.per_address, limits.out_buffer) == (10_000, 64, 65536)
    assert (limits.ring_entries, limits.ring_bytes, limits.backlog, limits.page) == (100_000, 64 << 20, 100, 1000)


# --- what is no frame


@pytest.mark.parametrize(("line", "raised"), LINES, ids=[repr(line[:50]) for line, _ in LINES])
def test_a_line_is_a_frame_or_one_of_two_errors(line: bytes, raised: type[Exception] | None) -> None:
    if raised is None:
        assert isinstance(p.decode_client(line), p.Frame)
        return
    with pytest.raises(BadFrame) as caught:
        p.decode_client(line)
    assert isinstance(caught.value, NotJson) is (raised is NotJson), caught.value
    assert len(caught.value.text) < 300
    caught.value.text.encode()


@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda s: json.dumps(s).encode()))
@example(b'{"type":"who","x":"\xff"}')
def test_no_line_raises_anything_else(line: bytes) -> None:
    """Anything else would end the server's loop."""
    for decode in (p.decode_client, p.decode_server):
        with contextlib.suppress(BadFrame):
            decode(line)


@given(client_frames, st.binary(min_size=1, max_size=6), st.integers(0, 10**6))
def test_a_damaged_frame_is_a_frame_or_a_bad_one(frame: p.ClientFrame, junk: bytes, at: int) -> None:
    line = p.encode(frame)[:-1]
    at %= len(line)
    try:
        p.decode_client(line[:at] + junk + line[at + len(junk) :])
    except BadFrame as error:
        error.text.encode()


def test_an_unknown_type_is_told_from_a_known_one_that_is_wrong() -> None:
    """A client skips the first and breaks off at the second."""
    with pytest.raises(p.UnknownType):
        p.decode_server(b'{"type":"reaction","x":1}')
    with pytest.raises(BadFrame) as caught:
        p.decode_server(b'{"type":"msg","seq":"one"}')
    assert not isinstance(caught.value, p.UnknownType)


@pytest.mark.parametrize(("line", "raised"), LINES, ids=[repr(line[:50]) for line, _ in LINES])
def test_a_run_is_read_only_if_every_line_of_it_is_good(line: bytes, raised: type[Exception] | None) -> None:
    """Else it is read line by line, for each has its own answer."""
    run = [b'{"type":"who"}', line, b'{"type":"who"}']
    if raised is None:
        assert p.decode_run(run) == [p.Who(), p.decode_client(line), p.Who()]
    else:
        assert p.decode_run(run) is None


def test_two_lines_that_are_no_frames_do_not_make_one() -> None:
    """msgspec's decode_lines would take a line break for any other space."""
    assert p.decode_run([b'{"type":"say",', b'"text":"x"}']) is None

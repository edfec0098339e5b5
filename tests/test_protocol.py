"""protocol.py: frames, encoding, framing."""

import contextlib
import json
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.errors import BadFrame, TooLong
from chatctl.protocol import Framer, NotJson
from tests.support.client_lines import LINES, nested
from tests.support.strategies import client_frames, server_frames, splits, two_cuts

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


# --- how deep a line is nested

strings = st.text('[]{}"\\\\,:x\u00e9', max_size=6)
values = st.recursive(
    st.none() | st.integers(-9, 9) | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=12,
)


def depth_of(value: object) -> int:
    match value:
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
    return 0


def wrapped(value: object, levels: int, data: st.DataObject) -> object:
    """Put ``value`` that many levels deep, each an array or an object, with something beside it."""
    for _ in range(levels):
        beside = data.draw(strings)
        value = data.draw(st.sampled_from([[value], [beside, value], {beside: value}, {"": beside, "v": value}]))
    return value


@given(st.data(), values, st.sampled_from([0, 1, 28, 29, 30, 31, 32, 33, 36]), st.booleans())
def test_exactly_what_is_nested_deeper_than_32_levels_is_refused(
    data: st.DataObject, value: object, levels: int, spaced: bool
) -> None:
    """Whatever the strings in it are, and wherever it stands; one line alone and in a run are the same."""
    fields = [("type", "who"), ("x", wrapped(value, levels, data)), ("y", data.draw(strings))]
    frame = dict(data.draw(st.permutations(fields)))
    separators = (", ", " : ") if spaced else (",", ":")
    line = json.dumps(frame, ensure_ascii=data.draw(st.booleans()), separators=separators).encode()
    run = [b'{"type":"who"}', line, b'{"type":"who"}']
    if depth_of(frame) <= 32:
        assert p.decode_client(line) == p.Who()
        assert p.decode_run(run) == [p.Who()] * 3
        return
    assert p.decode_run(run) is None
    with pytest.raises(BadFrame, match="deeper than 32 levels") as caught:
        p.decode_client(line)
    assert not isinstance(caught.value, NotJson)


@given(
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b",", b'"]"', b"[" * 16]), max_size=60).map(b"".join)
)
def test_a_line_that_may_be_no_json_is_measured_up_to_any_bracket(line: bytes) -> None:
    """More than 32 of them open at a time is too deep, whatever else is wrong with the line."""
    depth = deepest = 0
    inside = escaped = False
    for char in line.decode():
        if escaped and char in '"\\':
            escaped = False
            continue
        escaped = char == "\\"
        if char == '"':
            inside = not inside
        elif not inside:
            depth += (char in "[{") - (char in "]}")
            deepest = max(deepest, depth)
    with pytest.raises(BadFrame) as caught:
        p.decode_client(line)
    assert ("deeper than 32" in caught.value.text) is (deepest > 32)


ROW = b'{"nick":"a","since":1,"idle":2}'


@pytest.mark.parametrize(
    ("line", "too_deep"),
    [
        (b'{"type":"roster","count":1,"watchers":0,"members":[' + b",".join([ROW] * 5000) + b"]}", False),
        (b'{"type":"roster","count":1,"watchers":0,"members":[' + b",".join([ROW] * 5000) + b'],"x":[[]]}', False),
        (
            b'{"type":"roster","count":1,"watchers":0,"members":['
            + b",".join([ROW] * 50 + [ROW[:-1] + b',"x":' + nested(30) + b"}"] + [ROW] * 50)
            + b"]}",
            True,
        ),
        (b'{"type":"done","verb":"v","text":"","rows":[{"x":' + nested(29) + b"}" + b",{}" * 50 + b"]}", False),
        (b'{"type":"done","verb":"v","text":"","rows":[{"x":' + nested(30) + b"}" + b",{}" * 50 + b"]}", True),
        (b'{"type":"page","more":false,"entries":[],"x":' + b'{"":' * 31 + b"{}" + b"}" * 31 + b"}", True),
        (b'{"type":"later","x":' + nested(31) + b"}", False),
        (b'{"type":"later","x":' + nested(32) + b"}", True),
    ],
)
def test_a_server_s_line_is_measured_too(line: bytes, too_deep: bool) -> None:
    """Rows that stand side by side are no depth, and hide none."""
    problem = ""
    try:
        p.decode_server(line)
    except BadFrame as error:
        problem = error.text
    assert (problem == "this line is nested deeper than 32 levels") is too_deep


# --- framing

LIMIT = 20


def cut(parts: Iterable[bytes], limit: int = LIMIT) -> list[bytes | str]:
    """Return the lines, and ``too_long`` at the end if a line was too long."""
    framer, out = Framer(limit), list[bytes | str]()
    try:
        for part in parts:
            out.extend(framer.feed(part))
    except TooLong as error:
        out.append(error.wire_code)
    return out


@given(st.data(), st.lists(st.sampled_from([b"\n", b"\r", b"a", b"\xc3\xa9", b"0123456789", b"{}"]), max_size=30))
def test_any_split_gives_the_same_lines_and_then_the_same_error(data: st.DataObject, pieces: list[bytes]) -> None:
    """TCP may cut anywhere; the meaning must not move."""
    wire = b"".join(pieces)
    assert cut(data.draw(splits(wire))) == cut([wire]) == cut(wire[i : i + 1] for i in range(len(wire)))


@pytest.mark.parametrize(
    "wire",
    [
        b"one\ntwo\r\n\nthree",
        b"x" * LIMIT + b"\nok\n",
        b"ok\n" + b"x" * (LIMIT + 1) + b"\nlost\n",
        b"ok\n" + b"x" * (LIMIT + 5),
        "zwei\u2028Zeilen\u0085?\x1c\n".encode()[:LIMIT] + b"\n",
    ],
)
def test_every_cut_in_two_gives_the_same_lines(wire: bytes) -> None:
    for parts in two_cuts(wire):
        assert cut(parts) == cut([wire])


def test_a_line_ends_at_lf_and_at_nothing_else() -> None:
    """``str.splitlines`` would also cut at U+2028, U+0085, U+001C and CR."""
    assert cut(["a\u2028b\u0085c\x1cd\re\n".encode()]) == ["a\u2028b\u0085c\x1cd\re".encode()]


def test_a_line_at_the_limit_passes_and_one_over_it_does_not() -> None:
    assert cut([b"x" * LIMIT + b"\n"]) == [b"x" * LIMIT]
    assert cut([b"x" * (LIMIT + 1) + b"\n"]) == ["too_long"]


def test_a_megabyte_without_newline_is_too_long_long_before_it_ends() -> None:
    framer = Framer()
    for _ in range(p.MAX_LINE):
        assert list(framer.feed(b"x")) == []
    with pytest.raises(TooLong):
        list(framer.feed(b"x"))


def test_the_length_is_that_of_the_line_that_has_begun() -> None:
    framer = Framer()
    assert list(framer.feed(b"one\ntw")) == [b"one"]
    assert len(framer) == 2

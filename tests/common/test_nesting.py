"""common/nesting.py: how deep a line is nested, as the decoders of frames measure it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.common.nesting import decode_kept
from chatctl.errors import BadFrame
from chatctl.protocol import NotJson
from tests.support.client_lines import nested

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


def test_a_file_of_ours_is_measured_before_it_is_decoded() -> None:
    decoder = msgspec.json.Decoder(list[object])
    assert decode_kept(decoder, nested(32)) == json.loads(nested(32))
    with pytest.raises(ValueError, match="deeper than 32 levels"):
        decode_kept(decoder, nested(33))

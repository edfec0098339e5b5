"""Lines that a client may send, and the error that each is, if any."""

from __future__ import annotations

from chatctl.errors import BadFrame
from chatctl.protocol import NotJson

NEST = 5000


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


# line, what it is: None for a frame, BadFrame where the connection lives, NotJson where it does not


LINES: list[tuple[bytes, type[Exception] | None]] = [
    (b'{"type":"who"}', None),
    (b'{"type":"who"}\r', None),
    (b'  {"type":"who"} ', None),
    (b'{"type":"who","later":{"a":[1,null]}}', None),
    (b'{"type":"who","big":123456789012345678901234567890}', None),
    (b'{"type":"say","text":"\\ud83d\\ude00"}', None),
    (b'{"type":"say","text":"a\\u0000"}', None),
    # JSON of a wrong shape
    (b"[]", BadFrame),
    (b"5", BadFrame),
    (b'"who"', BadFrame),
    (b"null", BadFrame),
    (b"true", BadFrame),
    (b"{}", BadFrame),
    (b'{"type":5}', BadFrame),
    (b'{"type":null}', BadFrame),
    (b'{"type":"shout"}', BadFrame),
    (b'{"type":"welcome"}', BadFrame),
    (b'{"type":"say"}', BadFrame),
    (b'{"type":"say","text":5}', BadFrame),
    (b'{"type":"say","text":"a","id":""}', BadFrame),
    (b'{"type":"say","text":"a","id":"' + b"x" * 129 + b'"}', BadFrame),
    (b'{"type":"hello","v":1,"mode":"rule"}', BadFrame),
    (b'{"type":"hello","v":1,"token":"short"}', BadFrame),
    (b'{"type":"hello","v":1,"token":"' + b"A" * 32 + b'"}', BadFrame),
    (b'{"type":"hello","v":1,"token":"' + b"a" * 32 + b'\\n"}', BadFrame),
    (b'{"type":"hello","v":1.5}', BadFrame),
    (b'{"type":"history","limit":-1}', BadFrame),
    (b'{"type":"history","limit":1.5}', BadFrame),
    (b'{"type":"history","limit":9007199254740992}', BadFrame),
    (b'{"type":"history","limit":123456789012345678901234567890}', BadFrame),
    (b'{"type":"hello","v":1,"resume":{"epoch":"e","after":9007199254740992}}', BadFrame),
    (b'{"type":"ping","t":1e999}', BadFrame),
    # no JSON
    (b"", NotJson),
    (b"hello", NotJson),
    (b"{", NotJson),
    (b'{"type":"who"} {"type":"who"}', NotJson),
    (b'{"type":"say","text":5} x', NotJson),
    (b'{"type":"say","text":NaN}', NotJson),
    (b'{"type":"ping","t":NaN}', NotJson),
    (b'{"type":"ping","t":-Infinity}', NotJson),
    (b'{"type":"who","x":NaN}', NotJson),
    (b"{'type':'who'}", NotJson),
    (b'{"type":"who",}', NotJson),
    (b'{"type":"who","x":01}', NotJson),
    (b'{"type":"say","text":"a\x01"}', NotJson),
    (b'{"type":"say","text":"\\ud800"}', NotJson),
    (b'{"type":"say","text":"\\udc00\\ud800"}', NotJson),
    (b'{"type":"who","x":"\\ud800"}', NotJson),
    (b'\xef\xbb\xbf{"type":"who"}', NotJson),
    # no UTF-8
    (b'{"type":"say","text":"\xff"}', NotJson),
    (b'{"type":"who","x":"\xff"}', NotJson),
    (b'{"type":"who","\xc3\x28":1}', NotJson),
    (b'{"type":"say","text":"\xed\xa0\x80"}', NotJson),
    # nested: the frame itself is the first of 32 levels
    (b'{"type":"who","x":' + nested(31) + b"}", None),
    (b'{"type":"who","x":' + nested(32) + b"}", BadFrame),
    (b'{"type":"who","x":' + b'{"":' * 30 + b"{}" + b"}" * 30 + b"}", None),
    (b'{"type":"who","x":' + b'{"":' * 31 + b"{}" + b"}" * 31 + b"}", BadFrame),
    (b'{"type":"say","text":"x","z":' + nested(32) + b',"text":"' + b"x" * 80 + b'"}', BadFrame),
    (b'{"type":"hello","v":1,"resume":{"epoch":"e","after":1,"x":' + nested(31) + b"}}", BadFrame),
    (b'{"type":"who","x":"' + b"[{" * NEST + b'"}', None),
    (b'{"type":"who","x":"' + b'\\"\\\\' * 20 + b"[" * NEST + b'"}', None),
    (b'{"type":"who","x":"\\\\","y":' + nested(32) + b"}", BadFrame),
    (b'{"type":"who","x":[' + b"[]," * NEST + b"1]}", None),
    (b'{"type":"who","x":[' + b'"]","]",[' * 32 + b"]" * 32 + b"]}", BadFrame),
    (b"[" * NEST, BadFrame),
    (nested(NEST), BadFrame),
    (nested(NEST) + b"oops", BadFrame),
    (b'{"type":"who","x":' + nested(NEST) + b"}", BadFrame),
    (b'{"type":"say","text":' + nested(NEST) + b"}", BadFrame),
    (b'{"a":' * 2500 + b"1" + b"}" * 2500, BadFrame),
    (b'{"type":"who","x":"\xff","y":' + nested(NEST) + b"}", NotJson),
    (b"]" * 40 + b"[" * 60, NotJson),
    (b"[" * 32, NotJson),
]

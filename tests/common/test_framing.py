"""common/framing.py: bytes cut into lines."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.framing import Framer
from chatctl.errors import TooLong
from chatctl.protocol import MAX_LINE
from tests.support.strategies import splits, two_cuts

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
    framer = Framer(MAX_LINE)
    for _ in range(MAX_LINE):
        assert list(framer.feed(b"x")) == []
    with pytest.raises(TooLong):
        list(framer.feed(b"x"))


def test_the_length_is_that_of_the_line_that_has_begun() -> None:
    framer = Framer(MAX_LINE)
    assert list(framer.feed(b"one\ntw")) == [b"one"]
    assert len(framer) == 2

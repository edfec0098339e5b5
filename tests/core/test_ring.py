"""ring.py: what is kept, what is forgotten, the bytes between two cursors."""

import dataclasses
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.common.sizes import ENTRY_OVERHEAD
from chatctl.core.dialects import DIALECTS, JSON, TEXT
from chatctl.core.memory import Share
from chatctl.core.ring import UNRENDERABLE, Ring
from chatctl.protocol import Frame, Gap, Msg, decode_server, encode


def entry(seq: int, text: str = "x", nick: str = "a") -> Msg:
    return Msg(seq=seq, time=0, nick=nick, text=text)


def ring_of(count: int, **limits: int) -> Ring:
    ring = Ring(**limits)
    for seq in range(1, count + 1):
        ring.extend([entry(seq)])
    return ring


def frames(wire: bytes) -> list[Frame]:
    return [decode_server(line) for line in wire.splitlines()]


def test_an_empty_ring_stands_behind_the_last_entry_of_its_log() -> None:
    ring = Ring(41)
    assert (ring.first, ring.last, len(ring)) == (42, 41, 0)
    assert ring.take(JSON, 41, 1000) == (b"", 41)


@pytest.mark.parametrize("seq", [0, 1, 2, 4])
def test_an_entry_that_does_not_follow_is_refused(seq: int) -> None:
    """A hole in the log would be a skipped message for everybody."""
    with pytest.raises(ValueError, match="do not follow"):
        ring_of(2).extend([entry(seq)])


def test_the_oldest_are_forgotten_over_the_number_of_entries() -> None:
    ring = ring_of(5000, max_entries=10)
    assert (ring.first, ring.last, len(ring)) == (4991, 5000, 10)
    assert [e.seq for e in ring.entries(0, 100)] == list(range(4991, 5001))


def test_the_oldest_are_forgotten_over_the_bytes() -> None:
    ring = Ring(max_bytes=10 * ENTRY_OVERHEAD)
    for seq in range(1, 100):
        ring.extend([entry(seq, "x" * 300)])
    assert 0 < len(ring) <= 4


def test_one_entry_is_kept_however_large_it_is() -> None:
    ring = Ring(max_bytes=10)
    ring.extend([entry(1, "x" * 4096)])
    ring.extend([entry(2, "x" * 4096)])
    assert [e.seq for e in ring.entries(0, 9)] == [2]


def test_what_was_forgotten_is_set_free_now_and_then() -> None:
    """Deleting is linear in what is left, so it is not done for each entry; nor may it never be done."""
    ring = ring_of(10_000, max_entries=10)
    assert len(ring._entries) <= 1024 + 2 * 10


KINDS = {
    "short": "x",
    "long": "x" * 2048,
    "control": "\x01" * 1024,
    "wide": "\u2603" * 500,
    "one emoji": "x" * 500 + "\N{GRINNING FACE}",
}


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
def test_the_bytes_are_a_bound_for_all_that_is_held(text: str) -> None:
    """A control character is six bytes as JSON, an emoji makes a string four times as large, and what was dropped was
    held until there were 1,024: a ring of 1 MB held 3.8 MB.
    """
    bound = 1 << 16
    tracemalloc.start()
    try:
        before, share = tracemalloc.get_traced_memory()[0], Share(bound)
        ring = Ring(max_bytes=bound, share=share)
        for seq in range(1, 4 * bound // (len(text) + 500)):
            ring.extend([Msg(seq + 1000 - 1000, 1.5 * seq, "nick", text + str(seq % 7))])
            if seq % 30 == 0:
                for dialect in DIALECTS:
                    ring.take(dialect, ring.first + seq % len(ring), 10_000)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert ring.first > 1, "it was full"
    assert held < 1.05 * bound
    assert ring.size == share.used <= bound


def test_a_ring_that_shrinks_keeps_what_was_not_sent_yet() -> None:
    ring = ring_of(100)
    for after in range(90):
        ring.take(JSON, after, 10)
    assert ring.size > 100 * ENTRY_OVERHEAD
    ring.shrink(50 * ENTRY_OVERHEAD, keep_after=100)
    assert 0 < ring.size <= 50 * ENTRY_OVERHEAD
    ring.shrink(0, keep_after=98)
    assert [each.seq for each in ring.entries(0, 100)] == [99, 100]
    ring.shrink(0, keep_after=100)
    assert (len(ring), ring.size, ring.first) == (0, 0, 101)
    ring.extend([entry(101)])
    assert ring.take(JSON, 100, 1000) == (encode(entry(101)), 101)


def test_a_cursor_behind_the_ring_is_told_of_the_gap_first() -> None:
    ring = ring_of(20, max_entries=3)
    wire, after = ring.take(JSON, 5, 100_000)
    assert frames(wire) == [Gap(from_=6, to=17, why="slow"), entry(18), entry(19), entry(20)]
    assert after == 20


def test_a_gap_of_one_entry_is_a_gap() -> None:
    ring = ring_of(4, max_entries=3)
    assert frames(ring.take(JSON, 0, 100_000)[0]) == [Gap(from_=1, to=1, why="slow"), entry(2), entry(3), entry(4)]
    assert frames(ring.take(JSON, 1, 100_000)[0]) == [entry(2), entry(3), entry(4)]


def test_a_slice_holds_what_fits_and_at_least_one_entry() -> None:
    ring = ring_of(9)
    size = len(encode(entry(1)))
    for limit, count in [(1, 1), (size, 1), (2 * size, 2), (2 * size + 1, 2), (3 * size - 1, 2), (100 * size, 9)]:
        wire, after = ring.take(JSON, 0, limit)
        assert (len(frames(wire)), after) == (count, count), limit


def test_an_entry_is_rendered_once_for_those_in_step_and_once_for_those_who_lag() -> None:
    """However many they are, and wherever their cursors stand."""
    rendered: list[Frame] = []

    def render(frame: Frame) -> bytes:
        rendered.append(frame)
        return encode(frame)

    counting = dataclasses.replace(JSON, name="counting", render=render, render_in_bulk=None)
    ring = ring_of(5)
    for after in (0, 0, 2, 4, 0):
        ring.take(counting, after, 10_000)
    assert rendered == [entry(seq) for seq in range(1, 6)] * 2


@given(st.integers(1, 30), st.integers(1, 2000), st.data())
def test_every_reader_is_given_the_same_bytes(count: int, limit: int, data: st.DataObject) -> None:
    """Whether they were rendered together, one by one, or kept from before."""
    ring = ring_of(count, max_entries=20)
    for _ in range(3):
        after = data.draw(st.integers(ring.first - 1, ring.last))
        wire, end = ring.take(JSON, after, limit)
        assert wire == b"".join(encode(each) for each in ring.entries(after, end - after))
        ring.extend([entry(ring.last + 1 + more) for more in range(data.draw(st.integers(0, 5)))])


def test_news_that_does_not_fit_is_cut() -> None:
    """A slice is bounded, however much came in one turn."""
    ring = Ring()
    ring.extend([entry(seq, "x" * 1000) for seq in range(1, 101)])
    wire, after = ring.take(JSON, 0, 10_000)
    assert (len(wire) <= 10_000, after) == (True, 9)


def test_an_entry_that_cannot_be_rendered_is_shown_as_a_placeholder() -> None:
    """No entry may stop a room."""

    def render(frame: Frame) -> bytes:
        if isinstance(frame, Msg) and frame.text == "boom":
            raise RuntimeError("a bug")
        return encode(frame)

    fragile = dataclasses.replace(JSON, name="fragile", render=render, render_in_bulk=None)
    ring = Ring()
    for seq, text in enumerate(["a", "boom", "b"], 1):
        ring.extend([entry(seq, text)])
    wire, after = ring.take(fragile, 0, 10_000)
    assert frames(wire) == [entry(1, "a"), entry(2, UNRENDERABLE), entry(3, "b")]
    assert after == 3


@given(st.integers(1, 12), st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_the_entries_after_a_seq_are_those_kept_in_order(most: int, count: int, after: int, limit: int) -> None:
    kept = [seq for seq in range(max(1, count - most + 1), count + 1) if seq > after][:limit]
    assert [e.seq for e in ring_of(count, max_entries=most).entries(after, limit)] == kept


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([JSON, TEXT]), st.integers(1, 300)), max_size=30))
def test_two_dialects_read_the_same_entries(steps: list[tuple[int, object, int]]) -> None:
    """Whatever is rendered, forgotten and compacted in between."""
    ring, after, seen = Ring(max_entries=5), {JSON: 0, TEXT: 0}, {JSON: b"", TEXT: b""}
    for count, dialect, limit in steps:
        for _ in range(count):
            ring.extend([entry(ring.last + 1, f"m{ring.last + 1}")])
        wire, after[dialect] = ring.take(dialect, after[dialect], limit)
        seen[dialect] += wire
    expected = 1
    for frame in frames(seen[JSON]):
        if isinstance(frame, Gap):
            assert frame.from_ == expected
            expected = frame.to + 1
        else:
            assert frame == entry(expected, f"m{expected}")
            expected += 1
    assert expected == after[JSON] + 1
    said = [int(line[4:]) for line in seen[TEXT].splitlines() if line.startswith(b"a: m")]
    assert said == sorted(set(said))


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 12))
def test_a_ring_that_lost_its_end_holds_what_one_does_that_never_had_it(count: int, last: int, keep: int) -> None:
    """Its bytes are counted as before, whatever of it was rendered, and the next entry follows."""
    share = Share(1 << 20)
    ring = Ring(max_entries=keep, share=share)
    for seq in range(1, count + 1):
        ring.extend([entry(seq)])
        ring.take(TEXT, max(0, seq - 3), 1000)
    ring.truncate(last)
    assert ring.last == min(last, count)
    assert ring.first == min(max(1, count - keep + 1), ring.last + 1)
    other = Share(1 << 20)
    Ring(ring.first - 1, share=other).extend([entry(seq) for seq in range(ring.first, ring.last + 1)])
    assert ring.size == share.used
    assert share.used == other.used or last >= count, "what is rendered is forgotten with what it followed"
    ring.extend([entry(ring.last + 1, "new")])
    assert ring.take(TEXT, ring.last - 1, 1000) == (b"a: new\n", ring.last)

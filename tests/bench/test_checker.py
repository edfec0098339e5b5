"""The judge of what arrives, without sockets: however TCP cuts the bytes, the verdict is the same."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from chatctl.bench.checker import PerSenderChecker, ReferenceStream, SequenceChecker, StreamChecker
from chatctl.bench.wire_formats import chatctl_format, message_text

FORMAT = chatctl_format("json")
PING = b'{"type":"ping","t":1}\n'


def line(number: int, size: int = 20) -> bytes:
    return b'{"type":"msg","seq":%d,"time":1.0,"nick":"bench0","text":"%b"}\n' % (
        number + 1,
        message_text(number, size),
    )


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(wire) + 1) for place in places} | {0, len(wire)})
    return [wire[a:b] for a, b in itertools.pairwise(ends)]


PLACES = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(PLACES, min_size=2, max_size=4), st.lists(st.integers(0, 3), max_size=30), st.sets(st.integers(0, 5)))
def test_any_cut_in_any_turn_is_judged_the_same(cuts: list[list[int]], turns: list[int], pings: set[int]) -> None:
    """Who reads first, how much at once, and what stands between does not matter."""
    faults: list[str] = []
    reference = ReferenceStream(FORMAT, 1, faults)
    wires = [
        b"".join((PING if number in pings and member else b"") + line(number) for number in range(6))
        for member in range(len(cuts))
    ]
    readers = [StreamChecker(reference, f"member {n}") for n in range(len(cuts))]
    waiting = [cut(wire, places) for wire, places in zip(wires, cuts, strict=True)]
    answers = b""
    for turn in [*turns, *(n for n in range(len(cuts)) for _ in waiting[n])]:
        if waiting[turn % len(cuts)]:
            answers += readers[turn % len(cuts)].take(memoryview(waiting[turn % len(cuts)].pop(0)))
    reference.sequence.finish(6, set())
    assert faults == []
    assert [reader.delivered for reader in readers] == [6] * len(readers)
    assert all(reader.has_all(6) for reader in readers)
    assert answers.count(b"\n") == len(pings) * (len(cuts) - 1)


@given(PLACES, st.integers(0, 5))
def test_any_cut_finds_a_loss(places: list[int], lost: int) -> None:
    """Also where the loss is in the middle of what was read."""
    faults: list[str] = []
    reference = ReferenceStream(FORMAT, 1, faults)
    whole, partial = StreamChecker(reference, "member 0"), StreamChecker(reference, "member 1")
    whole.take(b"".join(map(line, range(6))))
    for part in cut(b"".join(line(n) for n in range(6) if n != lost), places):
        partial.take(part)
    assert partial.delivered == (min(5, lost))
    assert bool(faults) == (lost < 5)  # of the last one the count tells


def test_what_everybody_has_read_is_forgotten() -> None:
    """A run of an hour may not need the memory of an hour."""
    reference = ReferenceStream(FORMAT, 1, [])
    reader, slow = StreamChecker(reference, "member 0"), StreamChecker(reference, "member 1")
    size = 40
    wire = b"".join(line(n, 30) for n in range(size))
    reader.take(wire)
    half = wire.index(b'"text":"%012d' % (size // 2)) + 7
    slow.take(wire[:half])
    assert reference.data.count(b"\n") == size
    reference.trim()
    assert reference.data.count(b"\n") == size // 2
    assert reference.end == len(wire)
    slow.take(wire[half:])
    assert slow.delivered == reader.delivered == size
    assert slow.has_all(size)


def test_a_member_that_was_cut_off_keeps_its_count() -> None:
    """Also when what the others have read is forgotten: its place in the stream is gone then."""
    faults: list[str] = []
    reference = ReferenceStream(FORMAT, 1, faults)
    reader, gone = StreamChecker(reference, "member 0"), StreamChecker(reference, "member 1")
    gone.take(line(0) + line(1))
    gone.abandon()
    reader.take(b"".join(map(line, range(5))))
    reference.trim()
    assert reference.start > 0
    assert (gone.delivered, gone.has_all(5)) == (2, True)
    gone.finish(5, set())
    assert faults == ["member 1 got 2 of 5 messages"]


def test_numbers_are_held_against_each_speaker_s_own_order() -> None:
    """Speakers overtake each other; nobody overtakes himself."""
    faults: list[str] = []
    sequence = SequenceChecker(2, faults)
    sequence.take([b"1", b"0", b"3", b"5", b"2"])
    assert faults == []
    sequence.finish(6, set())
    assert faults == ["message 4 never came"]


def test_a_tally_lets_each_member_have_an_order_of_its_own() -> None:
    """As servers have it that promise no order between speakers."""
    faults: list[str] = []
    checker = PerSenderChecker(FORMAT, 2, faults, "member 7")
    wire = line(1) + PING + line(0) + line(2)
    assert checker.take(wire[:100]) + checker.take(wire[100:]) == b'{"type":"pong"}\n'
    assert checker.delivered == 3
    checker.finish(4, set())
    assert faults == ["member 7: message 3 never came"]

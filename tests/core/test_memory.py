"""memory.py: shares, slices, and to which size the largest shrink."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatctl.core.memory import LEAST_SLICE, Memory, Share, level


def test_the_shares_are_no_more_than_the_whole() -> None:
    memory = Memory(1 << 30)
    shares = [memory.rings, memory.connections, memory.output, memory.input]
    assert sum(share.limit for share in shares) <= 1 << 30
    assert not any(share.is_full for share in shares)


def test_a_share_is_full_at_its_limit() -> None:
    share = Share(10)
    share.used = 9
    assert not share.is_full
    share.used = 10
    assert share.is_full


def test_slices_get_smaller_as_a_share_fills_but_never_too_small() -> None:
    """Each of a room's readers may be sent one in the same tick."""
    share = Share(1 << 20)
    assert share.slice(10, 65_536) == 65_536
    assert share.slice(100, 65_536) == (1 << 20) // 100
    assert share.slice(0, 65_536) == 65_536
    share.used = 2 << 20
    assert share.slice(100, 65_536) == LEAST_SLICE
    assert share.slice(1, 1000) == 1000


@given(st.lists(st.integers(0, 1000)), st.integers(0, 20_000))
def test_the_largest_shrink_to_the_same_size_and_the_others_stay(sizes: list[int], total: int) -> None:
    most = level(sizes, total)
    shrunk = [min(size, most) for size in sizes]
    assert sum(shrunk) <= total or sum(sizes) <= total
    if sum(sizes) <= total:
        assert shrunk == sizes
    else:
        assert sum(min(size, most + 1) for size in sizes) > total, "by no more than they have to"

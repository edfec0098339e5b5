"""What Hypothesis draws from: frames, splits, names, and texts that somebody wrote to annoy."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import strategies as st

from chatctl import protocol as p

counts = st.integers(0, 2**53 - 1)
times = st.floats(0, 4e9, allow_nan=False)
ids = st.text(min_size=1, max_size=20)
texts = st.text(max_size=60)
tokens = st.text("0123456789abcdef", min_size=32, max_size=32)
stamps = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10)

ascii_nicks = st.from_regex(r"[A-Za-z0-9_^|~\[\]{}][A-Za-z0-9_^|~\[\]{}@+.-]{0,31}", fullmatch=True)
nasty = st.text(
    st.sampled_from(
        "ab: \t\n\r\x00\x07\x08\x1b\x7f\x9b\x9d\u0301\u0308\u20e3\u200b\u200d\u202e\u2028\ufe0f\ufeff\ufff9"
        "éя語👩\ud800\udfff<>+4"
    )
    | st.characters(exclude_categories=()),
    max_size=40,
)
"""Any text at all, and often of what must not reach a terminal."""

msgs = st.builds(p.Msg, seq=counts, time=times, nick=texts, text=texts, action=st.booleans())
resumes = st.builds(p.Resume, epoch=texts, after=counts)

client_frames: st.SearchStrategy[p.ClientFrame] = st.one_of(
    st.builds(
        p.Hello,
        v=st.integers(0, 9),
        nick=texts,
        room=texts,
        mode=st.sampled_from(["join", "watch", "post", "probe"]),
        token=st.none() | tokens,
        resume=st.none() | resumes,
        history=counts,
    ),
    st.builds(p.Say, text=texts, id=st.none() | ids, action=st.booleans()),
    st.builds(p.Whisper, to=texts, text=texts, id=st.none() | ids),
    st.builds(p.Nick, nick=texts),
    st.builds(p.Who),
    st.builds(p.History, limit=counts, after=st.none() | counts, before=st.none() | counts),
    st.builds(
        p.Search,
        text=st.text(min_size=1, max_size=p.MAX_SEARCH),
        before=st.none() | counts,
        since=st.none() | times,
        from_=st.lists(texts, max_size=p.MAX_AUTHORS),
        limit=counts,
        id=st.none() | ids,
    ),
    st.builds(p.Ping, t=stamps),
    st.builds(p.Pong, t=stamps, last=st.none() | counts),
    st.builds(p.Bye, why=texts, retry_after=st.none() | times),
)

server_frames: st.SearchStrategy[p.ServerFrame] = st.one_of(
    st.builds(
        p.Welcome,
        v=st.just(1),
        server=texts,
        room=texts,
        nick=texts,
        epoch=texts,
        first=counts,
        last=counts,
        members=st.lists(texts, max_size=4),
        count=counts,
        watchers=counts,
        durability=st.sampled_from(["memory", "os", "disk"]),
        limits=st.builds(p.Limits, line=st.integers(1, 10**6), rate=times),
    ),
    msgs,
    st.builds(p.Join, nicks=st.lists(texts, max_size=4), count=counts),
    st.builds(p.Leave, nicks=st.lists(texts, max_size=4), count=counts, why=texts),
    st.builds(p.Rename, old=texts, new=texts),
    st.builds(p.Whispered, from_=texts, time=times, text=texts),
    st.builds(p.Ack, id=ids, time=times, duplicate=st.booleans(), seq=st.none() | counts),
    st.builds(
        p.Roster,
        members=st.lists(
            st.builds(p.RosterRow, nick=texts, since=times, idle=times, key=st.none() | texts), max_size=3
        ),
        count=counts,
        watchers=counts,
    ),
    st.builds(p.Page, entries=st.lists(msgs, max_size=3), more=st.booleans()),
    st.builds(
        p.Found,
        entries=st.lists(msgs, max_size=3),
        before=counts,
        more=st.booleans(),
        time=st.none() | times,
        id=st.none() | ids,
    ),
    st.builds(p.Gap, from_=counts, to=counts, why=st.sampled_from(["retention", "slow", "lost"])),
    st.builds(p.Ping, t=stamps),
    st.builds(p.Pong, t=stamps, last=st.none() | counts),
    st.builds(p.Error, code=texts, text=texts, id=st.none() | ids, retry_after=st.none() | times),
    st.builds(p.Bye, why=texts, retry_after=st.none() | times),
)


def two_cuts(wire: bytes) -> Iterator[list[bytes]]:
    """Yield every way to cut ``wire`` once in two, the uncut one, and byte by byte."""
    yield [wire]
    for at in range(1, len(wire)):
        yield [wire[:at], wire[at:]]
    yield [wire[at : at + 1] for at in range(len(wire))]


@st.composite
def splits(draw: st.DrawFn, wire: bytes) -> list[bytes]:
    """Draw any way to cut ``wire``; no part is empty."""
    cuts = draw(st.sets(st.integers(1, max(1, len(wire) - 1)), max_size=8)) if len(wire) > 1 else set()
    edges = [0, *sorted(cuts), len(wire)]
    return [wire[a:b] for a, b in pairwise(edges) if a < b]


FORBIDDEN = frozenset(
    {0x61C, 0x200B, 0x200E, 0x200F, 0xFEFF}.union(
        *(range(0x09), range(0x0B, 0x20), range(0x7F, 0xA0), range(0x2028, 0x202F)),
        *(range(0x2060, 0x2070), range(0xFFF9, 0xFFFC), range(0xD800, 0xE000)),
    )
)
"""Code points that no cleaned text holds: they act on a terminal, or move or hide what stands beside them."""

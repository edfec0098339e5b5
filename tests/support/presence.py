"""What a client knows of the members of its room: the rule of docs/protocol.md, "Presence"."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chatctl.protocol import Frame, Join, Leave, Rename


def fold(frames: Iterable[Frame], known: set[str], key: Callable[[str], str] = str) -> None:
    """Bring a client's set of names up to date, whatever of the news it knows already; ``key`` folds a name."""
    for frame in frames:
        match frame:
            case Join(nicks=nicks):
                known |= {key(nick) for nick in nicks}
            case Leave(nicks=nicks):
                known -= {key(nick) for nick in nicks}
            case Rename(old=old, new=new):
                known.discard(key(old))
                known.add(key(new))

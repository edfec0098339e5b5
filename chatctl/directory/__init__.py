"""Directories: who is here under which name, at every server that shares the rooms.

Lives here: the interface that hub/ knows, and its values; no I/O. Does not live here: the directories themselves
(memory.py for one server; one that is shared stands beside its journal), whose a name is (core/name_ownership.py
decides, a directory never does), the members of a room (core/roster.py).

A server looks at the members that it knows, decides, and asks the directory to commit if that is still so. If
something has changed meanwhile, it looks and decides again. Source: docs/design.md, "One place decides about names".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from chatctl.errors import StorageFailed
from chatctl.journal import Facts

__all__ = [
    "Came",
    "Changed",
    "Directory",
    "Errand",
    "Given",
    "Kick",
    "News",
    "OnErrand",
    "Outcome",
    "Place",
    "Remote",
    "Renamed",
    "Verdict",
    "Went",
    "Whispering",
    "Wish",
]


class Place(Struct, frozen=True, order=True):
    """A member as it is now. It is never given twice: a member that is renamed or taken over has another one."""

    server: str
    """Where its connection is: one incarnation of a server, which a restart and a fencing end."""
    number: int
    """Positive, unique in the directory."""


class Remote(Struct, frozen=True):
    """A member that is connected to another server."""

    place: Place
    room: str
    nick: str
    """As it is shown."""
    token: bytes | None = None
    """The hash of its token."""
    key: str | None = None
    """The fingerprint of the key that it proved."""
    since: float = 0.0
    """Unix seconds."""
    host: str = ""
    """The address that bans count; empty for its server's own machine."""


class Wish(Struct, frozen=True):
    """What a server has decided, to be committed if nothing changed that it looked at.

    With a ``room`` it is for a place in it: a new one, or another one for the member of ``place``, which is renamed, or
    taken over, whichever server it is connected to. Without a room it is for ``facts`` alone, which bind a name. With
    neither nothing is committed: it asks whether all is as it was seen.
    """

    nick: str
    """As it will be shown."""
    fold: str
    """The folded nickname (``fold_nick``)."""
    looks: frozenset[str]
    """Its skeletons, one or two: what looks like it has one of them, in any room."""
    seen: frozenset[Place]
    """All places in any room that share a skeleton with it, as this server knows them, ``place`` included."""
    room: str = ""
    place: Place | None = None
    token: bytes | None = None
    key: str | None = None
    since: float = 0.0
    host: str = ""
    """As in ``Remote``, of who asks."""
    facts: Facts = {}
    """Kept in the journal in the same transaction: claims, of the kind ``claim``."""


class Given(Struct, frozen=True):
    """The wish is committed."""

    place: Place | None
    """The new place. ``Wish.place`` is none any more. None for a wish without a room."""


class Changed(Struct, frozen=True):
    """Nothing is committed: there are other places than were ``seen``, or no ``place``, or new claims. Look again."""


Verdict: TypeAlias = Given | Changed | StorageFailed
"""StorageFailed: nothing is committed, since the engine can't be reached, or does not commit. While that is not
certain, there is no verdict yet."""


class Came(Struct, frozen=True):
    """There is a new member at another server."""

    member: Remote


class Went(Struct, frozen=True):
    """A member is gone: it left its server, or its server is dead."""

    place: Place
    after: int = 0
    """The last entry of the room that has to be shown before the leave is told."""


class Renamed(Struct, frozen=True):
    """A member has another name, or was taken over, or both; ``old`` may be a place of this server."""

    old: Place
    now: Remote


News: TypeAlias = Came | Went | Renamed


class Whispering(Struct, frozen=True, tag="whisper"):
    """Whisper to a member. ``time`` is Unix seconds."""

    from_: str
    text: str
    time: float


class Kick(Struct, frozen=True, tag="kick"):
    """Disconnect a member, for good."""

    why: str
    """What it is told."""
    code: str = ""
    """The error that its client is to report, if that is one."""


Errand: TypeAlias = Whispering | Kick
"""What is done at the server of a member; encoded by msgspec as a tagged object."""

Outcome: TypeAlias = Literal["done", "absent", "slow", "unknown", "not_known"]
"""``absent``: nobody has that place any more. ``slow``: its output is full, nothing was sent. ``unknown``: no answer
within 2 s, it may have been done. ``not_known``: the server there is older, and can't do that."""

OnErrand: TypeAlias = Callable[[Place, Errand | None], Outcome]
"""Called with None for an errand of a kind that only newer servers know."""


class Directory(Protocol):
    """The members of all rooms at all servers. Called from the event loop's thread, and calls back on it.

    Callbacks may run before the call returns (memory.py) or in any later iteration. What holds of their order:

    - ``claim`` and ``release`` take effect in the order in which this server calls them, and verdicts come in it. One
      on facts alone may come later than its turn, since a disk has to take them.
    - News comes in the order of its commits, each once, without this server's own. What was committed before a wish
      was judged is handed out before its verdict, also before ``Changed``; what was committed after, after it. So a
      server that looks again after ``Changed`` sees what was in its way. For claims of other servers this holds of
      ``Journal.watch_facts``: a wish is ``Changed`` if a claim was kept that had not been handed out when ``claim``
      was called, and the verdict comes once it was.
    - A server that fell behind hands out what is missing as news, however it learns of it.

    Places of one owner may share a skeleton, in one room too: ``seen`` decides, not a constraint. Only a folded name is
    unique in its room.
    """

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        """Commit each wish if nothing changed that it looked at; call ``done`` with a verdict for each, in order.

        One wish does not depend on another: each is given, or not, by itself, in order. Calls that come together may be
        committed together. ``done`` is called once, however long the engine is gone: with StorageFailed then.
        """

    def reach(self, room: str, done: Callable[[int | None], None]) -> None:
        """Call ``done`` once this server knows of all that any server had committed of news and facts by now.

        It gets the last entry that the room had by then; or None, within 2 s, if that can't be found out: this server
        may know less than others.
        """

    def release(self, members: Sequence[Place], after: int) -> None:
        """Give places of this server up: the names are free. It is done sooner or later, whatever the engine does.

        Args:
            members: all in one room. What is none any more is left alone.
            after: the last entry of the room that has to be shown before others are told that they left.
        """

    def follow(self, news: Callable[[Sequence[News]], None]) -> Sequence[Remote]:
        """Return the members of the other servers, in all rooms; call ``news`` with what changes from now on.

        A name has one owner in all rooms together, so a server follows all of them. Called once, before any claim.
        """

    def send(self, to: Place, errand: Errand, done: Callable[[Outcome], None]) -> None:
        """Have an errand done at the server of a member; call ``done`` once with what came of it, within 2 s.

        Those to one server arrive in their order. One to a place of this server is done before this returns.
        """

    def on_errand(self, call: OnErrand) -> None:
        """Set what does the errands to this server's places, and answers at once."""

    def on_fenced(self, call: Callable[[Sequence[Place]], None]) -> None:
        """Set what is told that this server was taken for dead, with all places that it had: others may have the names.

        By then the server has its next incarnation, without places. Verdicts on earlier wishes have come, and so has
        the news up to where the new one begins. The receiver claims anew for those who are still connected.
        """

    def count_watchers(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Set what returns the watchers of this server by room; rooms without any may be left out."""

    def watchers(self, room: str) -> int:
        """Return how many watch a room at other servers, as of their last beats."""

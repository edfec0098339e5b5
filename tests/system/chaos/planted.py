"""A server with a fault planted in it, which the verifier must find.

    python tests/system/chaos/planted.py FAULT[,FAULT...] serve ...

Each fault is small and rare, as a real one would be: it strikes one message in a hundred, or a moment in each second.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from chatctl import protocol
from chatctl.core.dialects import Dialect
from chatctl.core.effects import Effect, Says
from chatctl.core.peer import Peer
from chatctl.core.ring import Ring
from chatctl.hub.hub import Hub
from chatctl.journal import Draft, OnAppended, Receipt
from chatctl.journal.records import Committed
from chatctl.journal.sqlite import SqliteJournal
from chatctl.journal.store import Store
from chatctl.journal.transaction import Transaction
from chatctl.main import main
from tests.system.chaos import planted_shared
from tests.system.chaos.planting import plant

_RARE = 100
_add = Transaction.add
_wire = Ring._wire
_append = SqliteJournal.append
_commit = Store.commit
_perform = Hub.perform


def show_with(wire: Callable[[Ring, Dialect, int], bytes]) -> None:
    """Have every entry rendered by ``wire``, one by one."""
    plant(Ring, "_render_new", lambda *_: b"")
    plant(Ring, "_wire", wire)


def none() -> None:
    """Everything as it should be: that it stands behind this program is not what is found."""


def drops() -> None:
    """A message now and then is acknowledged under the number of the one before it, and not stored.

    What is said once more, in doubt, has the same fate: stored now, a dropped one would not be lost, and an answer that
    is wrong for one that was stored loses nothing.
    """
    said: set[tuple[bytes | None, str | None]] = set()
    dropped: dict[tuple[bytes | None, str | None], Receipt] = {}

    def add(self: Transaction, draft: Draft) -> Receipt:
        last, key = self._last.get(draft.room) or self._rooms[draft.room].last, (draft.token, draft.id)
        if key not in said and last % _RARE == _RARE - 1 and all(last != receipt.seq for receipt in dropped.values()):
            dropped[key] = Receipt(last, draft.time)
        said.add(key)
        return dropped.get(key) or _add(self, draft)

    plant(Transaction, "add", add)


def hides() -> None:
    """An entry now and then is shown to nobody."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        return b"" if seq % _RARE == 0 else _wire(self, dialect, seq)

    show_with(wire)


def repeats() -> None:
    """An entry now and then is stored, and shown, twice."""

    def add(self: Transaction, draft: Draft) -> Receipt:
        receipt = _add(self, draft)
        if receipt.seq is not None and receipt.seq % _RARE == 0 and not receipt.duplicate:
            self._last[draft.room] = receipt.seq + 1
            entry = self.result.entries[draft.room][-1]
            self.result.entries[draft.room].append(type(entry)(receipt.seq + 1, entry.time, entry.nick, entry.text))
            self._rows.append((self._rows[-1][0], receipt.seq + 1, *self._rows[-1][2:]))
        return receipt

    plant(Transaction, "add", add)


def shows_again() -> None:
    """An entry now and then is shown twice, and stored once."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        return _wire(self, dialect, seq) * (1 + (seq % _RARE == 0))

    show_with(wire)


def swaps() -> None:
    """An entry now and then is shown after the one that follows it."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        other = seq + 1 if seq % _RARE == 0 else seq - 1 if seq % _RARE == 1 else seq
        return _wire(self, dialect, other if self.first <= other <= self.last else seq)

    show_with(wire)


def alters() -> None:
    """An entry now and then is shown with another text."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        shown = _wire(self, dialect, seq)
        return shown.replace(b"says", b"said") if seq % _RARE == 0 else shown

    show_with(wire)


def cries_lost() -> None:
    """The one before an entry is now and then said to be lost."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        lost = dialect.render(protocol.Gap(seq - 1, seq - 1, "lost")) if seq % _RARE == 0 else b""
        return lost + _wire(self, dialect, seq)

    show_with(wire)


def falls_silent() -> None:
    """From some entry on none is shown any more."""

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        return _wire(self, dialect, seq) if seq < 2 * _RARE else b""

    show_with(wire)


def falls_silent_to_join() -> None:
    """The same, after the first that a member with ``chatctl join`` says: that takes a while to come in."""
    last: list[int] = []

    def wire(self: Ring, dialect: Dialect, seq: int) -> bytes:
        shown = _wire(self, dialect, seq)
        if not last and b"join0 says 1." in shown:
            last.append(seq)
        return b"" if last and seq > last[0] else shown

    show_with(wire)


def sends_away() -> None:
    """A member is disconnected for ever when it says something for the second time."""
    counts: Counter[int] = Counter()

    def perform(self: Hub, peer: Peer, effect: Effect) -> None:
        _perform(self, peer, effect)
        counts[id(peer)] += isinstance(effect, Says)
        if counts[id(peer)] == 2 and peer.leaving is None:
            counts.pop(id(peer))
            self.disconnect(peer, "planted", protocol.Bye("no reason", final=True))

    plant(Hub, "perform", perform)


def forgets_ids() -> None:
    """What is sent again is stored again."""

    def add(self: Transaction, draft: Draft) -> Receipt:
        return _add(self, Draft(draft.room, draft.time, draft.nick, draft.text, draft.action, persist=draft.persist))

    plant(Transaction, "add", add)


def acks_early() -> None:
    """What is acknowledged is committed a moment later: the fault that only a kill shows."""

    def append(self: SqliteJournal, batch: Sequence[Draft], done: OnAppended) -> None:
        last = max(self.head(batch[0].room).last, getattr(self, "promised", 0))
        receipts = [Receipt(last + number, draft.time) for number, draft in enumerate(batch, 1)]
        self.promised = last + len(batch)  # type: ignore[attr-defined]
        self._loop.call_later(0.05, _append, self, batch, lambda _: None)
        done(receipts)

    plant(SqliteJournal, "append", append)


def sync_fails() -> None:
    """No fault of the server's: its disk reports that one sync failed, though all was written."""
    counts = itertools.count(1)

    def commit(self: Store, batches: Sequence[Sequence[Draft]]) -> Committed:
        done = _commit(self, batches)
        if done.entries and next(counts) == _RARE:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"
            raise error
        return done

    plant(Store, "commit", commit)


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (
        none,
        drops,
        hides,
        repeats,
        shows_again,
        swaps,
        alters,
        cries_lost,
        falls_silent,
        falls_silent_to_join,
        sends_away,
        forgets_ids,
        acks_early,
    )
}

TROUBLES: dict[str, Callable[[], None]] = {"sync_fails": sync_fails}
"""What a sound server must live up to."""

if __name__ == "__main__":
    for name in sys.argv.pop(1).split(","):
        (FAULTS | TROUBLES | planted_shared.FAULTS | planted_shared.TROUBLES)[name]()
    main()

"""Faults of servers that share a schema, and troubles that such a server must live up to; see planted.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from chatctl.journal import Draft, OnAppended, Receipt
from chatctl.journal.threaded import ThreadedJournal
from tests.system.chaos.planting import plant, without

_LATE = 0.3
"""Seconds from a decision about a name to its claim."""

_append = ThreadedJournal.append


# --- faults


def _append_with(append: Callable[[ThreadedJournal[Any], Sequence[Draft], OnAppended], None]) -> None:
    plant(ThreadedJournal, "append", append)


def shared_forgets_ids() -> None:
    """What is sent again is stored again."""

    def append(self: ThreadedJournal[Any], batch: Sequence[Draft], done: OnAppended) -> None:
        _append(self, [msgspec.structs.replace(draft, token=None, id=None) for draft in batch], done)

    _append_with(append)


def shared_acks_early() -> None:
    """What is acknowledged is committed a moment later, and other servers do not know of it."""

    def append(self: ThreadedJournal[Any], batch: Sequence[Draft], done: OnAppended) -> None:
        last = max(self.head(batch[0].room).last, getattr(self, "promised", 0))
        receipts = [Receipt(last + number, draft.time) for number, draft in enumerate(batch, 1)]
        self.promised = last + len(batch)  # type: ignore[attr-defined]
        self._loop.call_later(0.05, _append, self, batch, lambda _: None)
        done(receipts)

    _append_with(append)


def no_fence() -> None:
    """A server that others took for dead goes on as if nothing had happened."""
    from chatctl.journal.postgres import layout, store

    check = "RAISE EXCEPTION 'another server has taken over' USING ERRCODE = '{fenced}'"
    layout.FUNCTIONS = without(layout.FUNCTIONS, check, "NULL")
    plant(store, "is_registered", lambda *_: True)


def sweeps_the_living() -> None:
    """A server that others have seen for a while is taken for dead, whether its beat moved or not."""
    from chatctl.journal.postgres.sharing import LOOKS, Beats

    def look(self: Beats, own: str, beats: Mapping[str, int]) -> dict[str, int]:
        self._seen = {sid: (beat, self._seen.get(sid, (0, 0))[1] + 1) for sid, beat in beats.items()}
        return {sid: beat for sid, (beat, looks) in self._seen.items() if looks > LOOKS and sid != own}

    plant(Beats, "look", look)


def no_done() -> None:
    """What came of a change is not kept: one whose answer was lost is made again."""
    from chatctl.journal.postgres import layout

    layout.FUNCTIONS = without(layout.FUNCTIONS, "IF last_number = my_number THEN", "IF false THEN")


def deaf() -> None:
    """What others said is found with the next thing that is said here, and no sooner."""
    from chatctl.journal.postgres.directory import PostgresDirectory
    from chatctl.journal.postgres.watcher import Watcher

    watch = Watcher._watch

    def watch_only(self: Watcher, db: Any) -> None:
        self._look = lambda _: None
        watch(self, db)

    plant(Watcher, "_watch", watch_only)
    plant(
        PostgresDirectory, "reach", lambda _self, _room, done: done(None)
    )  # who says hello does not wait for it either


def claims_unseen() -> None:
    """A name is given by what its server knew, whether that has changed or not."""
    from chatctl.journal.postgres import layout

    begin, end = (
        "OR ARRAY(\n            SELECT DISTINCT l.number",
        "jsonb_array_elements_text(wish->'seen') ORDER BY 1)",
    )
    start = layout.FUNCTIONS.index(begin)
    seen = layout.FUNCTIONS[start : layout.FUNCTIONS.index(end, start) + len(end)]
    layout.FUNCTIONS = without(layout.FUNCTIONS, seen)


def waits_for_no_standby() -> None:
    """It tells its clients that a standby has what is acknowledged, and commits without one."""
    from chatctl.journal.postgres import layout

    look = "SELECT number INTO STRICT last_number"
    layout.FUNCTIONS = without(
        layout.FUNCTIONS, look, f"PERFORM set_config('synchronous_commit', 'local', true);\n{look}"
    )


def keeps_epoch() -> None:
    """A log that has lost its tail is taken for the same one."""
    from chatctl.journal.postgres import opening, resuming

    plant(resuming, "_find_cut", lambda *_: None)
    plant(opening, "_renew_if_moved", lambda *_: None)


# --- troubles


def quick_beats() -> None:
    """Servers look at each other more often, so that a test need not wait for so long."""
    from chatctl.journal.postgres import watcher

    assert watcher.BEAT_SECONDS == 1.0
    watcher.BEAT_SECONDS = 0.4


def loses_answers() -> None:
    """The connection breaks between a commit and its answer, whenever something was said that has no id."""
    import psycopg

    from chatctl.journal.postgres.numbering import Group
    from chatctl.journal.postgres.store import Store

    commit, run = Store.commit, Store._run
    lost = [0]

    def commit_and_lose(self: Store, number: int, group: Group) -> object:
        loses = number != lost[0] and any(draft.id is None for batch in group.batches for draft in batch)
        lost[0] = -number if loses else lost[0]
        return commit(self, number, group)

    def run_and_lose(self: Store, query: str, *values: object) -> object:
        cursor = run(self, query, *values)
        if lost[0] < 0 and ".append(" in query:
            lost[0] = -lost[0]
            self.disconnect()
            raise psycopg.OperationalError("the connection is lost")
        return cursor

    plant(Store, "commit", commit_and_lose)
    plant(Store, "_run", run_and_lose)


def slow_claims() -> None:
    """A name is given a moment after that was decided. It is given up at once, or nobody else would see it free."""
    from chatctl.journal.postgres.directory import PostgresDirectory

    claim = PostgresDirectory.claim

    def claim_late(self: PostgresDirectory, wishes: Any, done: Any) -> None:
        self._loop.call_later(_LATE, claim, self, wishes, done)

    plant(PostgresDirectory, "claim", claim_late)


FAULTS: dict[str, Callable[[], None]] = {
    fault.__name__: fault
    for fault in (
        shared_forgets_ids,
        shared_acks_early,
        no_fence,
        sweeps_the_living,
        no_done,
        deaf,
        claims_unseen,
        keeps_epoch,
        waits_for_no_standby,
    )
}

TROUBLES: dict[str, Callable[[], None]] = {
    trouble.__name__: trouble for trouble in (quick_beats, loses_answers, slow_claims)
}

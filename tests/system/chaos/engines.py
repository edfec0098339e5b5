"""The engine in which several servers have their schema: alone, or a primary with synchronous standbys.

Lives here: what may happen to engines, and who is the primary. Does not live here: when, and what the servers make of
it (several_servers.py).
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from chatctl.common.journal_uri import PostgresPlace
from tests.support.engine import Engine
from tests.system.chaos.disk import SmallDisk, small_disk
from tests.system.chaos.tormentor import Unwell

_SETTINGS = {
    "fsync": "on",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "checkpoint_timeout": "30s",  # old logs go with a checkpoint: each time that a standby takes over, a new one begins
    "wal_log_hints": "on",  # pg_rewind asks for it
}

_WAITED_FOR = "ANY 1 (*)"
"""Of the standbys; any of them may be the one that has a commit."""

_KEPT = "64MB"
"""Of the log: enough for whoever was the primary to find where the two part."""

_SLOW = "100000"
"""Microseconds that each flush of the engine's log takes longer: as much as it can be told to."""

_ACTIVITY = """
SELECT pid, application_name, state, wait_event, now() - xact_start, pg_blocking_pids(pid), left(query, 100)
FROM pg_stat_activity WHERE datname = 'chat' ORDER BY pid
"""


class Engines:
    """They run; with standbys, no commit is answered before the primary and one of these have it."""

    def __init__(
        self, dice: Random, primary: Engine | None = None, *, standbys: int = 0, megabytes: int | None = None
    ) -> None:
        """Start them.

        Args:
            dice: for how long things last.
            primary: one that runs, and goes on; None: their own.
            standbys: how many there are.
            megabytes: of the file system that each has, if that is permitted here; None: they share the machine's.
        """
        self._dice = dice
        self._rest = threading.Event()  # never set: a rhythm, not a signal
        self._stack = contextlib.ExitStack()
        self._disks: dict[Engine, SmallDisk | None] = {}
        self._standbys: list[Engine] = []
        try:
            self.primary = primary or self._make(None, megabytes).create()
            if standbys:  # these settings are in files that pg_rewind reads, too
                self.primary.set(synchronous_standby_names=_WAITED_FOR, wal_keep_size=_KEPT)
            for _ in range(standbys):
                self._standbys.append(self._make(self.primary, megabytes))
        except BaseException:
            self.remove()
            raise
        self.hosts = [engine.folder for engine in (self.primary, *self._standbys)]
        """Where they listen; each stays where it is, whichever is the primary."""

    def _make(self, copy_of: Engine | None, megabytes: int | None) -> Engine:
        disk, where = None, None
        if megabytes is not None:
            where = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chatctl-disk-")))
            disk = self._stack.enter_context(small_disk(where, megabytes, mode="0755"))
            if disk is None:
                raise Unwell("a file system can't be mounted here")
        engine = Engine(copy_of, where if disk else None, **_SETTINGS)
        self._stack.callback(engine.remove)
        self._disks[engine] = disk
        return engine.start()

    def remove(self, logs: Path | None = None) -> None:
        """End them, and leave nothing but, in a folder, what they logged."""
        for number, engine in enumerate(self._disks):
            if logs is not None:
                (logs / f"engine{number}.log").write_text(engine.log())
        self._stack.close()

    def sql(self, query: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement at the primary as the superuser; return its rows."""
        return self.primary.sql(query, *values, database=database)

    def place(self) -> PostgresPlace:
        """Return a schema that nobody has used."""
        return PostgresPlace(uri(self.hosts), self.primary.place().schema)

    def activity(self) -> str:
        """Return what the primary's sessions do, and who waits for whom, a line each."""
        return "\n".join(map(str, self.sql(_ACTIVITY)))

    # --- what may happen to them

    @property
    def events(self) -> dict[str, Callable[[], None]]:
        """What can be done to these; each returns when they are sound again."""
        events = {
            "engine restarted": lambda: self._have_primary(Engine.stop),
            "engine killed": lambda: self._have_primary(Engine.kill),
            "engine frozen": lambda: self._freeze(self.primary),
            "slow fsync": self._slow,
        }
        if self._standbys:
            events |= {
                "switch over": lambda: self._fail_over(Engine.stop),
                "fail over": lambda: self._fail_over(Engine.kill),
                "fail over from a frozen one": self._fail_over_twice_alive,
                "lose the tail": self._lose_tail,
                "standby killed": self._kill_standby,
                "standby frozen": lambda: self._freeze(self._dice.choice(self._standbys)),
            }
        if len(self._standbys) > 1:
            events["fail over past one behind"] = self._fail_over_past_one_behind
        if all(self._disks.values()) and self._disks:
            events["disk full"] = self._fill
        return events

    def _have_primary(self, end: Callable[[Engine], None]) -> None:
        end(self.primary)
        self._rest.wait(self._dice.uniform(0, 1.0))
        self.primary.start()

    def _freeze(self, engine: Engine) -> None:
        engine.freeze()
        self._rest.wait(self._dice.uniform(0.5, 2.0))
        engine.thaw()

    def _slow(self) -> None:
        """Have each flush take longer, whoever waits for it."""
        self.primary.set(commit_delay=_SLOW, commit_siblings="0")
        self._rest.wait(self._dice.uniform(2.0, 4.0))
        self.primary.set(commit_delay="0", commit_siblings="5")

    @contextlib.contextmanager
    def standbys_frozen(self) -> Iterator[None]:
        """Nothing can be committed meanwhile."""
        for engine in self._standbys:
            engine.freeze()
        try:
            yield
        finally:
            for engine in self._standbys:
                engine.thaw()

    def _fail_over(self, end: Callable[[Engine], None]) -> None:
        """A standby takes over from the primary, which ends, and is a standby from then on."""
        end(self.primary)
        self._rest.wait(self._dice.uniform(0, 1.0))
        self._rebuild(self._promote())

    def _fail_over_twice_alive(self) -> None:
        """The old primary stands still, and then does not know that there is a new one: it commits nothing alone."""
        self.primary.freeze()
        self._rest.wait(self._dice.uniform(0, 1.0))
        old = self._promote()
        old.thaw()
        self._rest.wait(self._dice.uniform(1.0, 4.0))
        old.kill()
        self._rebuild(old)

    def _fail_over_past_one_behind(self) -> None:
        """A standby hears nothing while another one does: it lacks what was acknowledged, and must not take over."""
        self._dice.choice(self._standbys).cut_off()
        self._rest.wait(self._dice.uniform(0.5, 1.5))
        self._fail_over(Engine.kill)

    def _lose_tail(self) -> None:
        """The standbys are waited for no more, hear nothing more, and one takes over without what was said since."""
        self.primary.set(synchronous_standby_names="")
        for standby in self._standbys:
            standby.cut_off()
        self._rest.wait(1.0)
        self._fail_over(Engine.kill)

    def _promote(self) -> Engine:
        """Have the standby that has most take over, and the others follow it. Return the old primary.

        First none of them hears that one any more: else it could go on committing with those that were not promoted.
        """
        for standby in self._standbys:
            standby.cut_off()
        new = max(self._standbys, key=Engine.log_end)
        new.promote()
        new.sql("SELECT pg_switch_wal()")  # or the logs of all primaries have this part of it, and all are kept
        self._standbys.remove(new)
        for standby in self._standbys:
            standby.turn_to(new)
        old, self.primary = self.primary, new
        return old

    def _rebuild(self, old: Engine) -> None:
        old.follow(self.primary)
        old.start().sql("CHECKPOINT")
        self._standbys.append(old)

    def _kill_standby(self) -> None:
        """Where it is the only one, nothing is acknowledged until it is back."""
        standby = self._dice.choice(self._standbys)
        standby.kill()
        self._rest.wait(self._dice.uniform(0, 2.0))
        standby.start()

    def _fill(self) -> None:
        """Where its log finds no room either, the engine ends by itself."""
        disk = self._disks[self.primary]
        assert disk is not None
        disk.fill()
        self._rest.wait(self._dice.uniform(1.0, 3.0))
        disk.free()
        self.primary.revive()


def uri(hosts: list[Path]) -> str:
    """Return where a server finds whichever of them is the primary."""
    several = "&target_session_attrs=read-write" if len(hosts) > 1 else ""
    return f"postgresql://chat@/chat?host={','.join(map(str, hosts))}{several}"

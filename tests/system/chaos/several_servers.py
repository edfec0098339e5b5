"""Several servers with one schema of a real engine: killed, stopped until they are swept, cut off, one of them or all.

Each is behind a bad network of its own, on a port that stays; a client goes to the next one at each connection.
"""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.engine import Engine
from tests.system.chaos.child import Child
from tests.system.chaos.engine_diary import EngineDiary
from tests.system.chaos.news import News
from tests.system.chaos.plan import Plan
from tests.system.chaos.proxy import Proxy
from tests.system.chaos.tormentor import Tally, Unwell

_T = TypeVar("_T")

EVENTS = (
    "kill", "stop", "cut clients", "sweep", "cut from engine", "engine restarted", "kill and sweep", "engine killed",
    "restart all", "engine frozen",
)  # fmt: skip

_DEADLINE = 30.0
"""Seconds within which a server is swept, or beats again."""

_LOOK = 0.05
"""Seconds between two looks whether it is so."""


@dataclass(slots=True)
class _Server:
    proxy: Proxy
    child: Child | None = None
    sid: str = ""

    @property
    def running(self) -> Child:
        assert self.child is not None
        return self.child


class SeveralServers:
    """Implements ``Deployment``."""

    def __init__(self, plan: Plan, folder: Path, news: News, engine: Engine | None) -> None:
        """``torment`` starts the servers. ``engine`` is one that runs, and goes on; None: one of their own."""
        self._plan = plan
        self._folder = folder
        self._news = news
        self._dice = random.Random(f"servers {plan.seed}")
        self._rest = threading.Event()  # never set: a rhythm, not a signal
        self._servers = [_Server(Proxy(f"{plan.seed} {number}")) for number in range(plan.servers)]
        for server in self._servers:
            server.proxy.calm = plan.calm
        self._is_own = engine is None
        self._engine = engine or Engine(fsync="on").start().create()
        self._place = self._engine.place()
        self._diary: EngineDiary | None = None
        self._turn = 0
        self.tally = Tally()
        self._events = {
            "kill": self._kill,
            "kill and sweep": self._kill_and_sweep,
            "stop": self._stop,
            "sweep": self._sweep,
            "cut clients": self._cut_clients,
            "cut from engine": self._cut_from_engine,
            "restart all": self._restart_all,
            "engine restarted": lambda _: self._have_engine(self._engine.stop),
            "engine killed": lambda _: self._have_engine(self._engine.kill),
            "engine frozen": lambda _: self._freeze_engine(),
            "nothing": lambda _: self._rest.wait(3.0),
        }

    def way(self, client: int) -> Callable[[], int]:
        turns = itertools.count(client)
        return lambda: self._servers[next(turns) % len(self._servers)].proxy.port

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{server.proxy.port}" for server in self._servers]

    # --- a life

    def torment(self, cycles: int, tick: Callable[[int], None]) -> None:
        self._start(self._servers[:1])
        self._diary = EngineDiary(self._engine, self._place)
        self._start(self._servers[1:])
        for server in self._servers:
            self._learn(server)
        events = self._plan.events or EVENTS
        for cycle in range(cycles):
            if not self._news.wait_for("ack", 3, _DEADLINE):
                raise Unwell(f"nobody was answered within {_DEADLINE:g} s, before event {cycle + 1}")
            server = self._servers[cycle % len(self._servers)]
            self._events[events[cycle % len(events)]](server)
            self._rest.wait(self._dice.uniform(*self._plan.every))
            self.tally.cuts = sum(server.proxy.cuts for server in self._servers)
            tick(cycle + 1)

    def revive(self) -> list[int]:
        return [server.running.port for server in self._servers]

    def calm_down(self) -> None:
        for server in self._servers:
            server.proxy.settle()

    def stop(self) -> None:
        self._book.dump(self._folder / "rooms.db")
        for server in self._servers:
            if code := server.running.stop():
                raise Unwell(f"stopped in order, and its exit code is {code}")
        for log in self._folder.glob("server*.log"):
            if "Traceback" in log.read_text():
                raise Unwell(f"a fault in {log}")

    def close(self) -> None:
        for server in self._servers:
            if server.child is not None and server.child.process.poll() is None:
                server.child.kill()
            server.proxy.close()
        if self._is_own:
            self._engine.remove()

    # --- what it takes

    @property
    def _book(self) -> EngineDiary:
        assert self._diary is not None
        return self._diary

    def _start(self, servers: Sequence[_Server]) -> None:
        options = ("--journal-schema", self._place.schema, "--ring-entries", str(self._plan.ring))
        for server in servers:
            log = self._folder / f"server{self._servers.index(server)}.log"
            server.child = Child(self._place.uri, log, *options, command=self._plan.command)
        for server in servers:
            server.proxy.upstream = server.running.listening().port

    def _learn(self, server: _Server) -> None:
        """Wait until the schema says which one it is: another one than before. Note that it is up."""
        before = server.sid
        server.sid = self._wait_for(lambda: self._sid_of(server, before), "registered", server)
        self._book.note("up", server.sid)

    def _sid_of(self, server: _Server, before: str) -> str | None:
        sid, _ = self._book.beats().get(str(server.running.port), ("", 0))
        return sid if sid not in ("", before) else None

    def _wait_for_beats(self) -> None:
        """Wait until all have another beat: nobody may sweep them for the one before. Note that they are up."""
        for server in self._servers:
            sid, beat = self._book.beats().get(str(server.running.port), (server.sid, -1))
            self._wait_for(lambda: self._beats_beyond(server, beat), "beating", server)  # noqa: B023 — called here
            server.sid = sid
            self._book.note("up", server.sid)

    def _beats_beyond(self, server: _Server, beat: int) -> bool:
        return self._book.beats().get(str(server.running.port), ("", -1))[1] > max(beat, 0)

    def _wait_for(self, look: Callable[[], _T | None], what: str, server: _Server) -> _T:
        until = time.monotonic() + _DEADLINE
        while not (found := look()):
            if server.running.process.poll() is not None and what != "swept":
                raise Unwell(f"server {self._servers.index(server)} ended by itself, not {what}")
            if time.monotonic() > until:
                raise Unwell(f"server {self._servers.index(server)} is not {what} after {_DEADLINE:g} s")
            self._rest.wait(_LOOK)
        return found

    def _wait_until_swept(self, server: _Server) -> None:
        sid = server.sid
        self._wait_for(lambda: all(one != sid for one, _ in self._book.beats().values()), "swept", server)

    # --- the events

    def _end(self, server: _Server) -> None:
        self._book.note("down", server.sid)
        if not server.running.kill():
            raise Unwell(f"server {self._servers.index(server)} had ended by itself")
        server.proxy.upstream = None
        self.tally.kills += 1

    def _kill(self, server: _Server) -> None:
        self._end(server)
        self._start([server])
        self._learn(server)

    def _kill_and_sweep(self, server: _Server) -> None:
        self._end(server)
        self._wait_until_swept(server)
        self.tally.sweeps += 1
        self._start([server])
        self._learn(server)

    def _restart_all(self, _: _Server) -> None:
        for server in self._servers:
            self._end(server)
        self._start(self._servers)
        for server in self._servers:
            self._learn(server)
        self.tally.restarts_of_all += 1

    def _stop(self, server: _Server) -> None:
        self._book.note("down", server.sid)
        server.running.signal(signal.SIGSTOP)
        self._rest.wait(self._dice.uniform(0.2, 1.0))
        server.running.signal(signal.SIGCONT)
        self.tally.stops += 1
        self._wait_for_beats()

    def _sweep(self, server: _Server) -> None:
        """It wakes up when others have taken it for dead, and finds out by itself."""
        self._book.note("down", server.sid)
        server.running.signal(signal.SIGSTOP)
        try:
            self._wait_until_swept(server)
        finally:
            server.running.signal(signal.SIGCONT)
        self.tally.sweeps += 1
        before = server.sid
        found = self._wait_for(
            lambda: self._sid_of(server, before) or self._book.last_of(before) != "went", "going on", server
        )
        if isinstance(found, str):  # else it changes what it must not: that is for the verifier
            server.sid = found
            self._book.note("up", found)

    def _cut_clients(self, server: _Server) -> None:
        server.proxy.cut_all()

    def _cut_from_engine(self, server: _Server) -> None:
        """End its sessions, all or one of them, as a firewall that forgets them does."""
        self._book.note("down", server.sid)
        one = " ORDER BY random() LIMIT 1" if self._dice.random() < 0.5 else ""
        query = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        self._engine.sql(f"{query}{one}) AS of_it", f"chatctl {server.sid}")
        self.tally.engine_cuts += 1
        self._wait_for_beats()

    def _have_engine(self, end: Callable[[], None]) -> None:
        for server in self._servers:
            self._book.note("down", server.sid)
        end()
        self._rest.wait(self._dice.uniform(0, 1.0))
        self._engine.start()
        self.tally.engine_restarts += 1
        self._wait_for_beats()

    def _freeze_engine(self) -> None:
        for server in self._servers:
            self._book.note("down", server.sid)
        self._engine.freeze()
        self._rest.wait(self._dice.uniform(0.5, 2.0))
        self._engine.thaw()
        self.tally.engine_cuts += 1
        self._wait_for_beats()

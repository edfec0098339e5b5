"""Several servers with one schema: killed, stopped until they are swept, cut off, one of them or all, and their engine.

A client goes to the next server at each connection.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tests.support.engine import Engine
from tests.system.chaos.child import Child
from tests.system.chaos.engine_diary import EngineDiary
from tests.system.chaos.engines import Engines
from tests.system.chaos.news import News
from tests.system.chaos.plan import Plan
from tests.system.chaos.registered_servers import RegisteredServers
from tests.system.chaos.shared_server import SharedServer
from tests.system.chaos.tormentor import Tally, Unwell

EVENTS = (
    "kill", "stop", "cut clients", "sweep", "sessions ended", "engine restarted", "switch over", "kill and sweep",
    "engine killed", "fail over", "cut off", "restart all", "standby killed", "engine frozen", "slow fsync",
    "fail over from a frozen one", "disk full", "standby frozen", "standbys frozen",
    "fail over past one behind", "update",
)  # fmt: skip
"""In this order, without those that are not possible with the engines that there are."""

_RARELY = 100
"""Events, of which one is a server that stands still for a long time."""

_DEADLINE = 30.0
"""Seconds within which somebody is answered."""

_MOMENT = 0.3
"""Seconds within which an engine reads what has come to it."""

_LOOKS_FOR_MORE = 5
"""After so many the newest entry is what it is: an engine that waits for nobody gets more of them all the time."""


class SeveralServers:
    """Implements ``Deployment``."""

    def __init__(self, plan: Plan, folder: Path, news: News, engine: Engine | None) -> None:
        """``torment`` starts the servers. ``engine`` is one that runs, and goes on; None: those of the plan."""
        self._plan = plan
        self._folder = folder
        self._news = news
        self._dice = random.Random(f"servers {plan.seed}")
        self._rest = threading.Event()  # never set: a rhythm, not a signal
        self._engines = Engines(self._dice, engine, standbys=plan.standbys, megabytes=plan.engine_disk)
        self._place = self._engines.place()
        self._servers = [
            SharedServer(f"server{number}", plan.seed, self._engines.hosts, calm=plan.calm)
            for number in range(plan.servers)
        ]
        for server in self._servers[: plan.older_servers]:
            server.is_older = True
        self._seen: RegisteredServers
        self.tally = Tally()
        self._events: dict[str, Callable[[SharedServer], object]] = {
            "kill": self._kill,
            "kill and sweep": self._kill_and_sweep,
            "stop": self._stop,
            "stop for long": self._stop_for_long,
            "sweep": self._sweep,
            "cut clients": lambda server: server.proxy.cut_all(),
            "sessions ended": self._end_sessions,
            "cut off": self._cut_off,
            "restart all": self._restart_all,
            "nothing": lambda _: self._rest.wait(3.0),
        }
        if plan.older:
            self._events["update"] = self._update
        if plan.standbys:
            self._events["standbys frozen"] = self._withhold
        for name, event in self._engines.events.items():
            self._events[name] = partial(self._have_engines, event)

    def way(self, client: int) -> Callable[[], int]:
        turns = itertools.repeat(client) if self._plan.keep_server else itertools.count(client)
        return lambda: self._servers[next(turns) % len(self._servers)].proxy.port

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{server.proxy.port}" for server in self._servers]

    # --- a life

    def torment(self, cycles: int, tick: Callable[[int], None]) -> None:
        self._start(self._servers[:1])
        self._seen = RegisteredServers(self._servers, EngineDiary(self._engines, self._place), self._engines.activity)
        self._start(self._servers[1:])
        for server in self._servers:
            self._seen.learn(server)
        for cycle in range(cycles):
            if not self._news.wait_for("ack", 3, _DEADLINE):
                raise Unwell(f"nobody was answered within {_DEADLINE:g} s, before event {cycle + 1}")
            name = self._event(cycle)
            self._events[name](self._servers[cycle % len(self._servers)])
            self.tally.events[name] += 1
            self._rest.wait(self._dice.uniform(*self._plan.every))
            self.tally.sweeps = self._seen.sweeps
            self.tally.cuts = sum(server.proxy.cuts for server in self._servers)
            tick(cycle + 1)

    def _event(self, cycle: int) -> str:
        if not self._plan.events and cycle % _RARELY == _RARELY // 2:
            return "stop for long"
        names = self._plan.events or [name for name in EVENTS if name in self._events]
        return names[cycle % len(names)]

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
        with contextlib.ExitStack() as stack:
            stack.callback(self._engines.remove, self._folder)
            for server in self._servers:
                stack.callback(server.close)

    # --- what it takes

    @property
    def _book(self) -> EngineDiary:
        return self._seen.book

    def _start(self, servers: Sequence[SharedServer]) -> None:
        options = ["--journal-schema", self._place.schema, "--ring-entries", str(self._plan.ring)]
        options += ["--durability", self._plan.durability] if self._plan.standbys else []
        for server in servers:
            log = self._folder / f"{server.name}.log"
            command = self._plan.older if server.is_older else self._plan.command
            server.child = Child(server.uri, log, *options, command=command)
        for server in servers:
            server.proxy.upstream = server.running.listening().port

    # --- the events

    def _end(self, server: SharedServer) -> None:
        self._book.note("down", server.sid)
        server.proxy.upstream = None
        if not server.running.kill():
            raise Unwell(f"{server.name} had ended by itself")
        self.tally.kills += 1

    def _kill(self, server: SharedServer) -> None:
        self._end(server)
        self._start([server])
        self._seen.learn(server)

    def _kill_and_sweep(self, server: SharedServer) -> None:
        self._end(server)
        self._seen.wait_until_swept(server)
        self._start([server])
        self._seen.learn(server)

    def _update(self, server: SharedServer) -> None:
        """It ends in order, and is started again as the other version."""
        self._book.note("down", server.sid)
        server.proxy.upstream = None
        if code := server.running.stop():
            raise Unwell(f"{server.name} was stopped in order, and its exit code is {code}")
        server.is_older = not server.is_older
        self._start([server])
        self._seen.learn(server)

    def _restart_all(self, _: SharedServer) -> None:
        for server in self._servers:
            self._end(server)
        self._start(self._servers)
        for server in self._servers:
            self._seen.learn(server)
        self.tally.restarts_of_all += 1

    def _stop(self, server: SharedServer) -> None:
        self._book.note("down", server.sid)
        server.running.signal(signal.SIGSTOP)
        self._rest.wait(self._dice.uniform(0.2, 1.0))
        server.running.signal(signal.SIGCONT)
        self.tally.stops += 1
        self._seen.wait_for_beats()

    def _stop_for_long(self, server: SharedServer) -> None:
        self._sweep(server, self._plan.long_stop)

    def _sweep(self, server: SharedServer, seconds: float = 0.0) -> None:
        """It is stopped for so long at least, and until others have taken it for dead."""
        self._book.note("down", server.sid)
        server.running.signal(signal.SIGSTOP)
        until = time.monotonic() + seconds
        try:
            self._seen.wait_until_swept(server)
            self._rest.wait(max(0.0, until - time.monotonic()))
        finally:
            server.running.signal(signal.SIGCONT)
        self._seen.wait_until_it_knows(server)

    def _cut_off(self, server: SharedServer) -> None:
        """Nothing gets through between it and the engine, or no answer alone, until others have taken it for dead."""
        self._book.note("down", server.sid)
        server.cut_off(upwards=self._dice.random() < 0.5)
        try:
            self._seen.wait_until_swept(server)
        finally:
            server.join_again(whole=self._dice.random() < 0.5)
        self._seen.wait_until_it_knows(server)

    def _end_sessions(self, server: SharedServer) -> None:
        """End its sessions with the engine, all or one of them."""
        self._book.note("down", server.sid)
        one = " ORDER BY random() LIMIT 1" if self._dice.random() < 0.5 else ""
        query = "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE application_name = %s"
        self._engines.sql(f"{query}{one}) AS of_it", f"chatctl {server.sid}")
        self._seen.wait_for_beats()

    def _withhold(self, _: SharedServer) -> None:
        """All standbys stand still: until one of them is back, nothing may be acknowledged nor shown."""
        for server in self._servers:
            self._book.note("down", server.sid)
        with self._engines.standbys_frozen():
            last = self._last_entry()
            since = time.monotonic()
            self._rest.wait(self._dice.uniform(1.0, 2.5))
            self._book.withhold(since, time.monotonic(), last)
        self._seen.wait_for_beats()

    def _last_entry(self) -> int:
        """Return the newest entry, once what was on its way to the primary has come to it, which takes a moment."""
        last, before = self._book.last(), -1
        for _ in range(_LOOKS_FOR_MORE):
            if last == before:
                break
            self._rest.wait(_MOMENT)
            last, before = self._book.last(), last
        return last

    def _have_engines(self, event: Callable[[], None], _: SharedServer) -> None:
        """Have something happen to the engines, in which all servers may be taken for dead."""
        for server in self._servers:
            self._book.note("down", server.sid)
        event()
        self._seen.wait_for_beats()

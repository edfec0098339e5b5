"""The tormentor: runs a server again and again, torments it while it runs, and kills it."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.system.chaos.child import Child, NotStarted
from tests.system.chaos.disk import Disk
from tests.system.chaos.news import News
from tests.system.chaos.proxy import Proxy

_DEADLINE = 20.0
"""Seconds within which a server that is well answers somebody, whatever its network is like."""

_HUNGRY = 3.0
"""Seconds within which a full disk should be felt. A WAL that starts over needs no room, so it may not be."""


class Unwell(Exception):
    """The server ended by itself, does not start, or answers nobody."""


@dataclass(slots=True)
class Tally:
    """What was done to it."""

    kills: int = 0
    stillborn: int = 0
    """Of the kills: those before it listened."""
    stops: int = 0
    starved: int = 0
    """Times without room in which somebody was refused."""
    full_starts: int = 0
    """Starts that were refused for want of room."""
    cuts: int = 0
    sweeps: int = 0
    """Servers that others took for dead: killed, or stopped for long."""
    restarts_of_all: int = 0
    """Times all servers were killed at once; each counts among the kills."""
    events: Counter[str] = field(default_factory=Counter)
    """What was done to several servers and their engines, and how often."""


class Tormentor:
    """``every``: a server lives for so many seconds, at least and at most, once it has answered somebody."""

    def __init__(
        self,
        start: Callable[[], Child],
        proxy: Proxy,
        disk: Disk | None,
        news: News,
        every: tuple[float, float],
        seed: str,
    ) -> None:
        self.tally = Tally()
        self._start = start
        self._proxy = proxy
        self._disk = disk
        self._news = news
        self._every = every
        self._dice = random.Random(f"tormentor {seed}")
        self._full = False  # the last one died on a full disk, and the next one starts there
        self._rest = threading.Event()  # never set: a rhythm, not a signal

    def run(self, cycles: int, tick: Callable[[int], None]) -> None:
        """Kill it so many times. Raises Unwell."""
        for cycle in range(cycles):
            if cycle % 10 == 9:
                self._stillborn()
            else:
                self._life(cycle)
            self.tally.kills += 1
            self.tally.cuts = self._proxy.cuts
            tick(cycle + 1)

    def revive(self) -> Child:
        """Return a server that listens, behind the proxy, with room on its disk."""
        self._free(None)
        return self._launch()

    def _free(self, child: Child | None) -> None:
        self._full = False
        if self._disk is not None:
            self._disk.free(child)

    def _launch(self) -> Child:
        try:
            child = self._start().listening()
        except NotStarted as error:
            if not self._full:
                raise Unwell(str(error)) from None
            self.tally.full_starts += 1
            self._free(None)
            child = self._start().listening()
        self._proxy.upstream = child.port
        return child

    def _stillborn(self) -> None:
        child = self._start()
        self._rest.wait(self._dice.uniform(0, 0.4))
        child.kill()
        self.tally.stillborn += 1

    def _life(self, cycle: int) -> None:
        child = self._launch()
        try:
            if self._full:
                self.tally.starved += self._news.wait_for("refused", 1, _HUNGRY)
                self._feed(child)
            if self._disk is None or self._dice.random() < 0.8:
                self._insist(child, "ack", 3)
            match ("nothing", "stop", "starve", "cut", "starve to death")[cycle % 5]:
                case "stop":
                    self._stop(child)
                case "starve":
                    self._starve(child)
                    self._feed(child)
                case "cut":
                    self._proxy.cut_all()
                case "starve to death":
                    self._starve(child)
            self._rest.wait(self._dice.uniform(*self._every))
        finally:
            alive = child.kill()
            self._proxy.upstream = None
        if self._full and self._dice.random() < 0.5:
            self._free(None)
        if not alive:
            raise Unwell(f"the server ended by itself, exit code {child.process.returncode}")

    def _insist(self, child: Child, news: str, more: int) -> None:
        if not self._news.wait_for(news, more, _DEADLINE) and child.process.poll() is None:
            raise Unwell(f"nobody heard {news!r} within {_DEADLINE:g} s")

    def _stop(self, child: Child) -> None:
        child.signal(signal.SIGSTOP)
        self._rest.wait(self._dice.uniform(*self._every))
        child.signal(signal.SIGCONT)
        self.tally.stops += 1

    def _starve(self, child: Child) -> None:
        if self._disk is not None:
            self._full = self._disk.lasting
            self._disk.fill(child)
            self.tally.starved += self._news.wait_for("refused", 1, _HUNGRY)

    def _feed(self, child: Child) -> None:
        """It recovers by itself: all it needs is room."""
        self._free(child)
        self._insist(child, "ack", 3)

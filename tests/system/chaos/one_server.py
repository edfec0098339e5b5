"""One server with a file, which is killed and started again; behind a bad network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.system.chaos.child import Child
from tests.system.chaos.disk import Disk
from tests.system.chaos.news import News
from tests.system.chaos.plan import Plan
from tests.system.chaos.proxy import Proxy
from tests.system.chaos.tormentor import Tormentor, Unwell


class OneServer:
    """Implements ``Deployment``."""

    def __init__(self, plan: Plan, folder: Path, where: Path, disk: Disk | None, news: News) -> None:
        """``where`` is the folder of its database; ``disk`` takes the room in it away; None: nothing does."""
        self._plan = plan
        self._folder = folder
        self._where = where
        self._child: Child | None = None
        self._proxy = Proxy(plan.seed)
        self._proxy.calm = plan.calm
        self._tormentor = Tormentor(self._start, self._proxy, disk, news, plan.every, plan.seed)
        self.tally = self._tormentor.tally

    def _start(self) -> Child:
        options: tuple[str, ...] = ("--durability", self._plan.durability, "--ring-entries", str(self._plan.ring))
        if self._plan.keep is not None:
            options += ("--keep-messages", str(self._plan.keep))
        log = self._folder / "server.log"
        self._child = Child(self._where / "rooms.db", log, *options, command=self._plan.command)
        return self._child

    def way(self, client: int) -> Callable[[], int]:
        return lambda: self._proxy.port

    @property
    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{self._proxy.port}"]

    def torment(self, cycles: int, tick: Callable[[int], None]) -> None:
        self._tormentor.run(cycles, tick)

    def revive(self) -> list[int]:
        return [self._tormentor.revive().port]

    def calm_down(self) -> None:
        self._proxy.settle()

    def stop(self) -> None:
        assert self._child is not None
        if code := self._child.stop():
            raise Unwell(f"stopped in order, and its exit code is {code}")

    def close(self) -> None:
        if self._child is not None and self._child.process.poll() is None:
            self._child.kill()
        self._proxy.close()
        if self._where != self._folder:
            for file in (self._where / "rooms.db", self._where / "rooms.db-wal"):
                if file.exists():
                    shutil.copy2(file, self._folder)

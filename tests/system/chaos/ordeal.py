"""An ordeal: senders, readers, a bad network and a tormentor around one server; then calm, and the verifier.

What it leaves in its folder is all that the verifier looks at: the database and a diary of each client.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.system.chaos.child import CHATCTL, Child
from tests.system.chaos.diary import Diary
from tests.system.chaos.disk import Disk, FileLimit
from tests.system.chaos.news import News
from tests.system.chaos.proxy import Proxy
from tests.system.chaos.reader import Habit, Reader
from tests.system.chaos.sender import Sender
from tests.system.chaos.tormentor import Tally, Tormentor, Unwell
from tests.system.chaos.verifier import Verdict, verify_folder
from tests.system.chaos.wire import Conversation

_SETTLE = 60.0
"""Seconds within which, in calm, everything is acknowledged and shown."""

_CALM_ACKS = 300
"""So many messages are said where nobody is tormented at all."""

HABITS = (Habit(), Habit("join"), Habit(naps=True), Habit(restless=True))


@dataclass(frozen=True, slots=True)
class Plan:
    """How hard. ``rate`` is messages a second of each sender; ``every`` see Tormentor."""

    cycles: int = 20
    senders: int = 6
    readers: int = 4
    rate: float = 30.0
    window: int = 8
    every: tuple[float, float] = (0.05, 0.5)
    durability: str = "disk"
    ring: int = 300
    """Entries in the server's memory: who comes back later reads from the disk, who reads slowly meets gaps."""
    keep: int | None = None
    """Messages that the server keeps; None: all."""
    seed: str = "0"
    calm: bool = False
    """A good network, and a disk that never fills."""
    command: Sequence[str] = CHATCTL
    patience: float = _SETTLE
    """Seconds that the clients get at the end to settle what is unknown and to read to the end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to the server, and what came of it."""

    tally: Tally
    verdict: Verdict


def run(
    plan: Plan,
    folder: Path,
    tick: Callable[[int, Tally, News], None] | None = None,
    *,
    disk: Disk | None = None,
    where: Path | None = None,
) -> Outcome:
    """Go through with it in an empty folder. Raises Unwell if the server did not live up to it at all.

    Args:
        plan: how hard.
        folder: where the diaries go.
        tick: called after each kill.
        disk: how room is taken away; None: a limit on the size of files.
        where: the folder on that disk in which the server keeps its database; None: ``folder`` itself.
    """
    ordeal = _Ordeal(plan, folder, where or folder, None if plan.calm else disk or FileLimit())
    try:
        ordeal.torment(tick)
        ordeal.settle()
    finally:
        ordeal.close()
        for file in (where / "rooms.db", where / "rooms.db-wal") if where else ():
            if file.exists():
                shutil.copy2(file, folder)
    return Outcome(ordeal.tormentor.tally, verify_folder(folder))


class _Ordeal:
    def __init__(self, plan: Plan, folder: Path, where: Path, disk: Disk | None) -> None:
        self._plan = plan
        self._folder = folder
        self._journal = where / "rooms.db"
        self._news = News()
        self._proxy = Proxy(plan.seed)
        self._proxy.calm = plan.calm
        self._child: Child | None = None
        self.tormentor = Tormentor(self._start, self._proxy, disk, self._news, plan.every, plan.seed)
        self._senders = [self._sender(number) for number in range(plan.senders)]
        self._readers = [self._reader(number) for number in range(plan.readers)]

    def _start(self) -> Child:
        options: tuple[str, ...] = ("--durability", self._plan.durability, "--ring-entries", str(self._plan.ring))
        if self._plan.keep is not None:
            options += ("--keep-messages", str(self._plan.keep))
        log = self._folder / "server.log"
        self._child = Child(self._journal, log, *options, command=self._plan.command)
        return self._child

    def _diary(self, name: str) -> Diary:
        return Diary(self._folder / f"{name}.jsonl")

    def _sender(self, number: int) -> Sender:
        return Sender(
            self._proxy.port,
            self._diary(f"sender{number}"),
            mode=("post", "join")[number % 2],
            rate=self._plan.rate,
            window=self._plan.window,
            on_news=self._news.note,
        )

    def _reader(self, number: int) -> Reader:
        return Reader(self._proxy.port, self._diary(f"reader{number}"), HABITS[number % len(HABITS)])

    def torment(self, tick: Callable[[int, Tally, News], None] | None) -> None:
        for client in [*self._readers, *self._senders]:
            client.start()
        tally = self.tormentor.tally
        self.tormentor.run(self._plan.cycles, lambda cycle: tick(cycle, tally, self._news) if tick else None)

    def settle(self) -> None:
        """In calm: let everything be acknowledged and then shown, and have one more reader shown the whole log."""
        child = self.tormentor.revive()
        if not self._plan.cycles and not self._news.wait_for("ack", _CALM_ACKS, _SETTLE):
            raise Unwell("nobody was answered")
        self._proxy.settle()
        for sender in self._senders:
            sender.drain()
        self._join(self._senders)
        for reader in self._readers:
            reader.entered.wait(_SETTLE)
        conversation = Conversation(child.port, mode="watch")
        epoch, last = conversation.welcome["epoch"], conversation.welcome["last"]
        conversation.close()
        historian = Reader(child.port, self._diary("historian"), Habit(), start=(epoch, 0))
        historian.start()
        self._readers.append(historian)
        for reader in self._readers:
            reader.finish_at(last)
        self._join(self._readers)
        if code := child.stop():
            raise Unwell(f"stopped in order, and its exit code is {code}")

    def _join(self, clients: Sequence[Sender | Reader]) -> None:
        """Wait for their ends. What one that did not get there misses, the verifier will tell."""
        patience = threading.Timer(self._plan.patience, lambda: [client.give_up() for client in clients])
        patience.start()
        for client in clients:
            client.join()
        patience.cancel()

    def close(self) -> None:
        clients: list[Sender | Reader] = [*self._senders, *self._readers]
        for client in clients:
            client.give_up()
            if client.is_alive():
                client.join()
        if self._child is not None and self._child.process.poll() is None:
            self._child.kill()
        self._proxy.close()

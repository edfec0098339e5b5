"""An ordeal: senders, readers, a bad network and a tormentor around a server or several; then calm, and the verifier.

What it leaves in its folder is all that the verifier looks at: the database and a diary of each client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.support.engine import Engine
from tests.system.chaos.contestant import Contestant
from tests.system.chaos.diary import Diary
from tests.system.chaos.disk import Disk, FileLimit
from tests.system.chaos.join_member import JoinMember
from tests.system.chaos.line_members import ClassicMember, LineMember, TextMember
from tests.system.chaos.news import News
from tests.system.chaos.one_server import OneServer
from tests.system.chaos.plan import SETTLE, Plan
from tests.system.chaos.reader import Habit, Reader
from tests.system.chaos.sender import Sender
from tests.system.chaos.several_servers import SeveralServers
from tests.system.chaos.tormentor import Tally, Unwell
from tests.system.chaos.user_of_send import UserOfSend
from tests.system.chaos.verifier import Verdict, verify_folder
from tests.system.chaos.wire import Conversation, Frame, roster

_CALM_ACKS = 300
"""So many messages are said where nobody is tormented at all."""

_LEFT = 15.0
"""Seconds after which nobody is shown as a member who has left, or whose server was killed."""

HABITS = (Habit(), Habit("join"), Habit(naps=True), Habit(restless=True))

Other = Contestant | TextMember | ClassicMember | JoinMember | UserOfSend

Client = Sender | Reader | Other


class Deployment(Protocol):
    """What the clients talk to."""

    tally: Tally

    def way(self, client: int) -> Callable[[], int]:
        """Return what names the port for each next connection of a client."""

    @property
    def addresses(self) -> list[str]:
        """Of all servers, as ``--server`` takes them."""

    def torment(self, cycles: int, tick: Callable[[int], None]) -> None:
        """Do so many things to it; call ``tick`` after each with their number. Raises Unwell."""

    def revive(self) -> list[int]:
        """Have everything run; return each server's own port. Raises Unwell."""

    def calm_down(self) -> None:
        """Be a good network from now on."""

    def stop(self) -> None:
        """Stop all servers in order. Raises Unwell."""

    def close(self) -> None:
        """Leave the database in the folder, and nothing else anywhere."""


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
    engine: Engine | None = None,
) -> Outcome:
    """Go through with it in an empty folder. Raises Unwell if the server did not live up to it at all.

    Args:
        plan: how hard.
        folder: where the diaries go.
        tick: called after each kill, or whatever else was done.
        disk: how room is taken away from one server; None: a limit on the size of files.
        where: the folder on that disk in which it keeps its database; None: ``folder`` itself.
        engine: where several servers keep theirs; None: in one that is started for them, and may be killed.
    """
    news = News()
    deployment: Deployment
    if plan.servers > 1:
        deployment = SeveralServers(plan, folder, news, engine)
    else:
        deployment = OneServer(plan, folder, where or folder, None if plan.calm else disk or FileLimit(), news)
    ordeal = _Ordeal(plan, folder, deployment, news)
    try:
        ordeal.torment(tick)
        ordeal.settle()
    finally:
        ordeal.close()
    return Outcome(deployment.tally, verify_folder(folder))


class _Ordeal:
    def __init__(self, plan: Plan, folder: Path, deployment: Deployment, news: News) -> None:
        self._plan = plan
        self._folder = folder
        self._deployment = deployment
        self._news = news
        self._senders = [self._sender(number) for number in range(plan.senders)]
        self._readers = [self._reader(number) for number in range(plan.readers)]
        way, diary = deployment.way, self._diary
        self._others: list[Other] = [
            *(Contestant(way(n), diary(f"contestant{n}"), n, plan.stay) for n in range(plan.contestants)),
            *(TextMember(way(n), diary(f"nc{n}")) for n in range(plan.text_members)),
            *(ClassicMember(way(n + 1), diary(f"classic{n}")) for n in range(plan.classic_members)),
            *(self._join_member(n) for n in range(plan.join_members)),
            *(UserOfSend(deployment.addresses, diary(f"script{n}"), n) for n in range(plan.commands)),
        ]

    def _diary(self, name: str) -> Diary:
        return Diary(self._folder / f"{name}.jsonl")

    def _sender(self, number: int) -> Sender:
        return Sender(
            self._deployment.way(number),
            self._diary(f"sender{number}"),
            mode=("post", "join")[number % 2],
            rate=self._plan.rate,
            window=self._plan.window,
            on_news=self._news.note,
        )

    def _reader(self, number: int) -> Reader:
        way = self._deployment.way(number + 1)  # speaker and reader of one number are at different servers
        return Reader(way, self._diary(f"reader{number}"), HABITS[number % len(HABITS)])

    def _join_member(self, number: int) -> JoinMember:
        name = f"join{number}"
        return JoinMember(self._deployment.addresses, self._diary(name), number, self._folder / name)

    @property
    def _clients(self) -> list[Client]:
        return [*self._readers, *self._senders, *self._others]

    def torment(self, tick: Callable[[int, Tally, News], None] | None) -> None:
        for client in self._clients:
            client.start()
        tally = self._deployment.tally
        self._deployment.torment(self._plan.cycles, lambda cycle: tick(cycle, tally, self._news) if tick else None)

    def settle(self) -> None:
        """In calm: let everything be acknowledged and then shown, and have one more reader shown the whole log."""
        ports = self._deployment.revive()
        for member in self._others:
            if isinstance(member, LineMember | JoinMember):
                member.has_entered.wait(self._plan.patience)
        if not self._plan.cycles and not self._news.wait_for("ack", _CALM_ACKS, SETTLE):
            raise Unwell("nobody was answered")
        self._deployment.calm_down()
        if self._others:
            self._news.wait_for("ack", 10, SETTLE)  # what the bad network let through has come by then
        for client in self._others:
            client.give_up()
        self._join(self._others)
        for sender in self._senders:
            sender.drain()
        self._join(self._senders)
        for reader in self._readers:
            reader.entered.wait(SETTLE)
        welcomes = [self._welcome(port) for port in ports]
        epoch, last = welcomes[0]["epoch"], max(welcome["last"] for welcome in welcomes)
        for number, port in enumerate(ports):
            historian = Reader(lambda port=port: port, self._diary(f"historian{number}"), Habit(), start=(epoch, 0))  # type: ignore[misc]
            historian.start()
            self._readers.append(historian)
        for reader in self._readers:
            reader.finish_at(last)
        self._join(self._readers)
        self._look_for_ghosts(ports)
        self._deployment.stop()

    @staticmethod
    def _welcome(port: int) -> Frame:
        conversation = Conversation(port, mode="watch")
        conversation.close()
        return conversation.welcome

    def _look_for_ghosts(self, ports: Sequence[int]) -> None:
        """All members have left: no server may show any."""
        until = time.monotonic() + _LEFT
        diary = self._diary("rosters")
        for port in ports:
            while (members := roster(port)) and time.monotonic() < until:
                pass
            diary.note("roster", nicks=members)
        diary.close()

    def _join(self, clients: Sequence[Client]) -> None:
        """Wait for their ends. What one that did not get there misses, the verifier will tell."""
        patience = threading.Timer(self._plan.patience, lambda: [client.give_up() for client in clients])
        patience.start()
        for client in clients:
            client.join()
        patience.cancel()

    def close(self) -> None:
        for client in self._clients:
            client.give_up()
            if client.is_alive():
                client.join()
        self._deployment.close()

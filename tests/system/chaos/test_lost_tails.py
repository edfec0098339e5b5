"""A standby takes over without the last messages, again and again: no server ends, and all have shown the same log.

The other runs judge a log of one epoch. Here each client keeps what it has shown, less what it was told is lost.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.support.environment import DEADLINE
from tests.support.fixture_types import Serve
from tests.support.server_process import Server
from tests.system.chaos.engines import Engines
from tests.system.chaos.wire import Conversation, Dropped, Frame

LOSSES = 3
SAID_BEFORE = 15
"""Messages that each loss comes after, at least."""

END = "the end"


class Client(threading.Thread, ABC):
    """Converses until it has nothing more to do; each conversation is with the next server."""

    def __init__(self, servers: list[Server], number: int) -> None:
        super().__init__(name=f"{type(self).__name__} {number}", daemon=True)
        self._servers = servers
        self._number = number
        self.shown: list[str] = []
        """The log, as far as it is known, from its first entry on."""
        self.entered = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.is_done():
                self._number += 1
                with contextlib.suppress(Dropped):
                    self.converse(self._servers[self._number % len(self._servers)].port)
        except BaseException as error:  # noqa: BLE001 — the test tells
            self.error = error

    def is_done(self) -> bool:
        return END in self.shown

    @abstractmethod
    def converse(self, port: int) -> None:
        """Talk to a server for as long as that can be done. Raises Dropped."""


class Reader(Client):
    """Resumes across epochs."""

    _epoch = ""

    def converse(self, port: int) -> None:
        resume = {"resume": {"epoch": self._epoch, "after": len(self.shown), "cut": True}} if self._epoch else {}
        conversation = Conversation(port, mode="watch", **resume)
        with contextlib.closing(conversation):
            welcome, frames = conversation.welcome, conversation.first_frames
            assert self._epoch in ("", welcome["epoch"]) or "cut" in welcome
            self._epoch = welcome["epoch"]
            self.entered.set()
            while not self.is_done():
                for frame in frames:
                    self._take(frame)
                frames = conversation.receive(1.0)

    def _take(self, frame: Frame) -> None:
        if frame["type"] == "msg":
            assert frame["seq"] == len(self.shown) + 1, frame
            self.shown.append(frame["text"])
        elif frame["type"] == "gap":
            assert (frame["why"], frame["to"]) == ("lost", len(self.shown)), frame
            del self.shown[frame["from"] - 1 :]


class WithNc(Client):
    """Stays with one server, for as long as that stays."""

    def converse(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock, sock.makefile("rb") as lines:
            sock.sendall(f"nc{self._number}\n".encode())
            for line in lines:
                self._take(line.decode().rstrip("\n").removeprefix("NAME"))
                if self.is_done():
                    return
        raise AssertionError("the server has gone")

    def _take(self, line: str) -> None:
        if line.startswith("Connected"):
            self.entered.set()
        elif said := re.match(r"ci\d+: (.*)", line):
            self.shown.append(said[1])
        elif lost := re.match(r"\(the last (?:(\d+) messages were|message was) lost\)", line):
            del self.shown[-int(lost[1] or 1) :]
        else:
            assert "can't be shown" not in line


class Speaker(Client):
    """Says one message after the other, each until it is acknowledged."""

    def __init__(self, servers: list[Server], number: int) -> None:
        super().__init__(servers, number)
        self.acked = 0
        self._count = 0
        self.last_words: str | None = None

    def is_done(self) -> bool:
        return self.last_words == ""

    def converse(self, port: int) -> None:
        nick = self.name.replace("Speaker ", "ci")
        conversation = Conversation(port, mode="post", nick=nick, token=f"{int(nick[2:]):032x}")
        with contextlib.closing(conversation):
            self.entered.set()
            while not self.is_done():
                text = self.last_words or f"{nick} says {self._count}"
                conversation.send({"type": "say", "text": text, "id": text})
                while not (answers := [frame for frame in conversation.receive(1.0) if frame.get("id") == text]):
                    pass
                if answers[0]["type"] == "error":
                    raise Dropped(answers[0]["text"])
                self.acked += 1
                self._count += 1
                if text == self.last_words:
                    self.last_words = ""


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines(random.Random(1), standbys=1)
    yield made
    made.remove()


def wait_for(clients: list[Client], what: Callable[[], bool]) -> None:
    """Wait until something is so, or a client has failed, or nothing comes of it."""
    for _ in range(int(DEADLINE / 0.05)):
        if failed := [client.error for client in clients if client.error is not None]:
            raise failed[0]
        if what():
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{[(client.name, client.shown[-3:]) for client in clients]}")


def have_said(speakers: list[Speaker], count: int) -> bool:
    return all(client.acked >= count for client in speakers)


@pytest.mark.long
def test_all_have_shown_what_the_log_has_less_what_they_were_told_is_lost(serve: Serve, engines: Engines) -> None:
    place = engines.place()
    servers = [serve("--journal", place.uri, "--journal-schema", place.schema) for _ in range(2)]
    readers: list[Client] = [Reader(servers, 0), Reader(servers, 1), WithNc(servers, 0), WithNc(servers, 1)]
    speakers = [Speaker(servers, 0), Speaker(servers, 1)]
    clients = [*readers, *speakers]
    for client in readers:
        client.start()
    wait_for(clients, lambda: all(client.entered.is_set() for client in readers))
    for client in speakers:
        client.start()
    for loss in range(1, LOSSES + 1):
        enough = min(client.acked for client in speakers) + SAID_BEFORE
        wait_for(clients, partial(have_said, speakers, enough))
        engines.events["lose the tail"]()
        for server in servers:
            server.wait_for_log("has lost its last messages", loss)
    speakers[1].last_words = speakers[1].last_words or "goodbye"
    wait_for(clients, speakers[1].is_done)
    speakers[0].last_words = END
    wait_for(clients, lambda: all(client.is_done() for client in clients))
    rows = engines.sql(f"SELECT text FROM {place.schema}.entries ORDER BY seq", database="chat")
    log = [text for (text,) in rows]
    assert len(set(log)) == len(log), "each is said once"
    for client in readers:
        assert client.shown == log, client.name
    assert all(server.process.poll() is None for server in servers)
    assert sum(client.acked for client in speakers) > len(log), "something was lost"

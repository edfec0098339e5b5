"""Talking to a server of the very first version: what comes is shown, what is typed is said. No more is there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from chatctl.client.core.address import Address
from chatctl.client.core.classic import ClassicCore
from chatctl.client.io.blocking_connection import hang_up, open_socket
from chatctl.client.io.clock import deadline_in
from chatctl.errors import Rejected, Unreachable, reason_of
from chatctl.terminal.interfaces import Screen
from chatctl.terminal.render import Lines
from chatctl.terminal.slash_commands import Command, Wrong, parse

CONNECT_SECONDS = 10.0


class ClassicTalk:
    """One person on a server of the first version; a screen's Talk."""

    name = "classic"
    count = None
    status = ""
    refusals = 0

    def __init__(self, address: Address, nick: str, lines: Lines, screen: Screen) -> None:
        """Make it inside a running event loop. Raises Rejected for a nickname that is not ASCII."""
        self.ready = asyncio.Event()
        self._address = address
        self._lines = lines
        self._screen = screen
        self._loop = asyncio.get_running_loop()
        self._core = ClassicCore(nick, address)
        self._left = asyncio.Event()
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """See Talk."""
        return self._outgoing.qsize()

    def unsent(self) -> list[str]:
        """Nothing is known of that here."""
        return []

    def nicks(self) -> Iterable[str]:
        """Nobody tells who is here."""
        return []

    def save(self, draft: str | None) -> None:
        """Nothing is kept."""

    def submit(self, line: str) -> bool:
        """See Talk: only text can be said here, and /quit."""
        if not line.strip():
            return False
        match parse(line):
            case Command("quit"):
                self._screen.leave()
            case Command() | Wrong():
                return self._refuse("this server knows no commands but /quit")
            case str(text):
                return self._say(text)
        return True

    def _say(self, text: str) -> bool:
        try:
            self._core.check(text)
        except Rejected as error:
            return self._refuse(error.text)
        self._outgoing.put_nowait(text)
        return True

    def _refuse(self, why: str) -> bool:
        self.refusals += 1
        self._screen.show([self._lines.trouble(why)])
        return False

    async def run(self) -> None:
        """See Talk."""
        sock = await asyncio.to_thread(open_socket, self._address, deadline_in(CONNECT_SECONDS))
        sock.setblocking(False)
        reading = self._loop.create_task(self._read(sock))
        writing = self._loop.create_task(self._write(sock))
        leaving = self._loop.create_task(self._left.wait())
        try:
            done, _ = await asyncio.wait([reading, writing, leaving], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OSError as error:
            raise Unreachable(f"the connection to {self._address} broke: {reason_of(error)}") from None
        finally:
            for task in (reading, writing, leaving):
                task.cancel()
            hang_up(sock)

    async def _read(self, sock: socket.socket) -> None:
        while data := await self._loop.sock_recv(sock, 4096):
            pieces = self._core.receive(data)
            await self._loop.sock_sendall(sock, self._core.outgoing())
            if self._core.connected:
                self.ready.set()
            self._screen.show([self._lines.raw(piece) for piece in pieces])
        raise Unreachable(f"{self._address} closed the connection")

    async def _write(self, sock: socket.socket) -> None:
        while True:
            text = await self._outgoing.get()
            self._core.say(text)
            await self._loop.sock_sendall(sock, self._core.outgoing())
            while not self._core.came_back(text):  # nothing frames it: two at once would arrive as one
                await asyncio.sleep(0.01)
            self._outgoing.task_done()

    async def leave(self, seconds: float) -> int:
        """See Talk."""
        unsent = 0
        try:
            async with asyncio.timeout(seconds):
                await self._outgoing.join()
        except TimeoutError:
            unsent = self._outgoing.qsize() + 1
        self._left.set()
        return unsent

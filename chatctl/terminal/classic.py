"""The conversation with a server of the first version: what it sends is shown, what is typed is sent. No commands."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

from chatctl.client.core.address import Address
from chatctl.client.core.classic import ClassicCore
from chatctl.client.io.blocking_socket import hang_up, open_socket
from chatctl.client.io.clock import deadline_in
from chatctl.client.saved_state import SavedState
from chatctl.common.text import clean
from chatctl.errors import Rejected, Unreachable, reason_of
from chatctl.protocol import MAX_TEXT
from chatctl.terminal.interfaces import Screen
from chatctl.terminal.render import FrameRenderer
from chatctl.terminal.slash_commands import Command, parse

CONNECT_SECONDS = 10.0


class ClassicController:
    """A Conversation with a server of the first version."""

    name = "classic"
    operator = None
    addressee = ""
    count = None
    status = activity = title = ""
    refusals = 0
    is_entering = False
    limit = MAX_TEXT
    several = False

    def __init__(self, address: Address, nick: str, render: FrameRenderer, screen: Screen) -> None:
        """Make it inside a running event loop. Raises Rejected for a nickname that is not ASCII."""
        self.entered = asyncio.Event()
        self.nick = nick
        self.saved = SavedState(None)
        self.is_private: Callable[[str], bool] = lambda _line: False
        self._address = address
        self._render = render
        self._screen = screen
        self._loop = asyncio.get_running_loop()
        self._core = ClassicCore(nick, address)
        self._left = asyncio.Event()
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()

    @property
    def unacknowledged(self) -> int:
        """The number of lines that are not sent yet."""
        return self._outgoing.qsize()

    def unsent(self) -> list[str]:
        """Return nothing: the protocol has no acknowledgements."""
        return []

    def nicks(self) -> Iterable[str]:
        """Return nothing: the server does not say who is there."""
        return []

    def save(self) -> None:
        """Save nothing."""

    def go_to(self, number: int) -> bool:
        """Return False: there are no rooms."""
        return False

    def submit(self, line: str) -> bool:
        """Queue a text; /quit is the only command."""
        if not line.strip():
            return False
        match parse(line):
            case Command("quit"):
                self._screen.leave()
            case str(text):
                return self._say(text)
            case _:
                return self._refuse("this server knows no commands but /quit")
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
        self._screen.show([self._render.error(why)])
        return False

    async def run(self) -> None:
        """Be connected until ``leave``. Raises ChatError if there is no such server, or it closes the connection."""
        sock = await asyncio.to_thread(open_socket, self._address, deadline_in(CONNECT_SECONDS))
        sock.setblocking(False)
        tasks = [self._loop.create_task(step) for step in (self._read(sock), self._write(sock), self._left.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OSError as error:
            raise Unreachable(f"the connection to {self._address} broke: {reason_of(error)}") from None
        finally:
            for task in tasks:
                task.cancel()
            hang_up(sock)

    async def _read(self, sock: socket.socket) -> None:
        while data := await self._loop.sock_recv(sock, 4096):
            pieces = self._core.receive(data)
            await self._loop.sock_sendall(sock, self._core.outgoing())
            if self._core.connected:
                self.entered.set()
            self._screen.show([clean(piece) for piece in pieces])
        raise Unreachable(f"{self._address} closed the connection")

    async def _write(self, sock: socket.socket) -> None:
        while True:
            text = await self._outgoing.get()
            self._core.say(text)
            await self._loop.sock_sendall(sock, self._core.outgoing())
            while not self._core.came_back(text):  # the protocol has no framing: two texts at once would arrive as one
                await asyncio.sleep(0.01)
            self._outgoing.task_done()

    async def leave(self, seconds: float) -> int:
        """Send what is queued, for at most ``seconds``, and hang up. Returns the number of lines that were not sent."""
        unsent = 0
        try:
            async with asyncio.timeout(seconds):
                await self._outgoing.join()
        except TimeoutError:
            unsent = self._outgoing.qsize() + 1
            self._screen.show([self._render.error(f"not sent, or not known whether: {unsent} of your lines")])
        self._left.set()
        return unsent

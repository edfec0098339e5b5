"""The proxy: a bad network on one port or socket. It delays, cuts (in the middle of a line too), lets connections go
dead, and holds everything for a while.

Lives here: what becomes of bytes between a client and the server. It never changes, adds or reorders any: TCP does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one connection once it is ``at`` seconds old: ``kind`` is clean, cut, mute or slow.

    ``deaf``: the client never hears that the server closed; only silence tells it.
    """

    kind: str = "clean"
    at: float = 0.0
    upwards: bool = True
    deaf: bool = False


def draw(dice: random.Random) -> Fate:
    """Draw a connection's fate: two in five are let through."""
    kind = dice.choices(("clean", "cut", "mute", "slow"), (4, 3, 1, 2))[0]
    return Fate(kind, dice.expovariate(1.0), upwards=dice.random() < 0.5, deaf=dice.random() < 0.2)


class Proxy:
    """Listens on ``port`` and passes on to ``upstream``, in a thread of its own."""

    def __init__(self, seed: str = "", socket: Path | None = None) -> None:
        """``socket`` is where it listens; None: on a free port."""
        self.upstream: int | Path | None = None
        """The server's port or socket, while there is one."""
        self.calm = False
        """New connections are let through."""
        self.cuts = 0
        """Connections that were cut, or went dead."""
        self.fates: list[Fate] = []
        """What the next connections are in for, before any is drawn."""
        self._dice = random.Random(f"proxy {seed}")
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pass_up, self._pass_down = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.let_go()
        self._server = self._call(self._listen(socket))
        self.port: int = 0 if socket else self._server.sockets[0].getsockname()[1]

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, socket: Path | None) -> asyncio.Server:
        if socket is not None:
            return await asyncio.start_unix_server(self._accept, socket)
        return await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection("127.0.0.1", self.upstream)

    def hold(self, *, upwards: bool = True) -> None:
        """Pass nothing on until ``let_go``, as a network that drops all; ``upwards`` False: no answers alone."""
        if upwards:
            self._loop.call_soon_threadsafe(self._pass_up.clear)
        self._loop.call_soon_threadsafe(self._pass_down.clear)

    def let_go(self) -> None:
        """Pass on what was held, and what comes."""
        self._loop.call_soon_threadsafe(self._pass_up.set)
        self._loop.call_soon_threadsafe(self._pass_down.set)

    def cut_all(self) -> None:
        """Reset every connection."""
        self._call(self._cut_all())

    async def _cut_all(self) -> None:
        for link in list(self._links):
            self.cuts += 1
            link.abort()

    def settle(self) -> None:
        """Be a good network from now on."""
        self.calm = True
        self.cut_all()

    def close(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        await self._cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._pass_up.wait()
            if self.upstream is None:
                return
            up_reader, up_writer = await self._connect()
        except OSError:
            return
        else:
            await self._join(_Link(writer, up_writer), reader, up_reader)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _join(self, link: _Link, reader: asyncio.StreamReader, up_reader: asyncio.StreamReader) -> None:
        fate = self.fates.pop(0) if self.fates else Fate() if self.calm else draw(self._dice)
        self._links.add(link)
        born = self._loop.time()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, link.server, link, fate, born, upwards=True))
                group.create_task(self._pass(up_reader, link.client, link, fate, born, upwards=False))
        finally:
            self._links.discard(link)
            link.abort()

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        link: _Link,
        fate: Fate,
        born: float,
        *,
        upwards: bool,
    ) -> None:
        muted = False
        passing = self._pass_up if upwards else self._pass_down
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await passing.wait()
                ripe = fate.upwards is upwards and self._loop.time() - born >= fate.at
                if ripe and fate.kind == "cut":
                    await self._cut_inside(writer, data, link)
                    return
                if ripe and fate.kind == "mute":
                    self.cuts += not muted
                    muted = True
                    continue
                if ripe and fate.kind == "slow":
                    data = await self._dribble(writer, data)
                writer.write(data)
                await writer.drain()
        await passing.wait()
        if not (fate.deaf and not upwards and not self.calm):
            link.abort()

    async def _cut_inside(self, writer: asyncio.StreamWriter, data: bytes, link: _Link) -> None:
        """Let a part through, most often one that ends inside a line, and then nothing more."""
        self.cuts += 1
        writer.write(data[: self._dice.randrange(len(data))])
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        link.abort()

    async def _dribble(self, writer: asyncio.StreamWriter, data: bytes) -> bytes:
        """Let a part through, wait, and give the rest."""
        part = self._dice.randrange(len(data))
        writer.write(data[:part])
        await asyncio.sleep(self._dice.uniform(0, 0.1))
        return data[part:]


class _Link:
    """The two ends of one connection through the proxy."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server

    def abort(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()

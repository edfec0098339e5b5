"""Members of a soak: they come and go, speak, flood, whisper, change their names, ask for pages, and stop reading."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
from typing import Any

from tests.system.soak.ledger import Ledger

Frame = dict[str, Any]
SMALL_BUFFER = 16 * 1024
FLOOD = 60
LEAVE_SECONDS = 0.2


class Member:
    """One json client with a token, which resumes where it stood and says again what was not acknowledged."""

    def __init__(self, port: int, number: int, ledger: Ledger, chance: random.Random, pace: float) -> None:
        """``pace``: seconds between two things that it does, on average."""
        self.nick = f"m{number}"
        self._port, self._ledger, self._chance, self._pace = port, ledger, chance, pace
        self._token = f"{chance.getrandbits(128):032x}"
        self._said = 0
        self._pending: dict[str, str] = {}
        self._epoch = ""
        self._after: int | None = None
        self._stalled = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def leaving(self) -> bool:
        """Whether it was told to leave."""
        return self._left.is_set()

    def leave(self) -> None:
        """Say nothing new, and go once what it said is acknowledged."""
        self._left.set()

    async def live(self) -> None:
        """Come, stay for a while, go, come back, until told to leave; then wait for what is owed."""
        while not self.leaving or self._pending:
            try:
                await self._visit()
            except (OSError, asyncio.IncompleteReadError):
                self._ledger.counts["cut"] += 1
            await self._wait(self._chance.random() * self._pace)

    async def _visit(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1 << 24)
        self._ledger.counts["visits"] += 1
        try:
            await reader.readexactly(4)
            await self._enter(writer)
            self._stalled.set()
            acting = asyncio.create_task(self._act(writer))
            try:
                async for line in reader:
                    if not line.endswith(b"\n"):
                        return  # cut in the middle of it
                    self._take(json.loads(line), writer)
                    if self.leaving and not self._pending:
                        return
                    await self._stalled.wait()
            finally:
                acting.cancel()
                await asyncio.wait([acting])
                if not acting.cancelled() and (error := acting.exception()) is not None and not _is_cut(error):
                    raise error
        finally:
            if self._chance.random() < 0.3:
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _enter(self, writer: asyncio.StreamWriter) -> None:
        hello: Frame = {"type": "hello", "v": 1, "nick": self.nick, "token": self._token}
        if self._after is not None:
            hello["resume"] = {"epoch": self._epoch, "after": self._after}
        _send(writer, hello)
        for ident, text in self._pending.items():
            _send(writer, {"type": "say", "id": ident, "text": text})
        await writer.drain()

    # --- what it does

    async def _act(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._wait(self._chance.expovariate(1 / self._pace))
            if self.leaving:
                _send(writer, {"type": "ping"})  # the answer lets it see that nothing is owed to it
                await asyncio.sleep(LEAVE_SECONDS)
            else:
                what = self._chance.choices(_DEEDS, _WEIGHTS)[0]
                self._ledger.counts[what] += 1
                await getattr(self, f"_{what}")(writer)
            await writer.drain()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for loses a cancellation on Python 3.11
                await self._left.wait()

    async def _say(self, writer: asyncio.StreamWriter) -> None:
        self._said += 1
        ident, text = f"{self.nick}-{self._said}", f"{self.nick} says {self._said} " + "é" * self._chance.randrange(200)
        self._pending[ident] = text
        _send(writer, {"type": "say", "id": ident, "text": text})

    async def _flood(self, writer: asyncio.StreamWriter) -> None:
        for _ in range(FLOOD):
            await self._say(writer)

    async def _whisper(self, writer: asyncio.StreamWriter) -> None:
        _send(writer, {"type": "whisper", "to": f"m{self._chance.randrange(20)}", "text": "psst"})

    async def _rename(self, writer: asyncio.StreamWriter) -> None:
        _send(writer, {"type": "nick", "nick": f"{self.nick}-{self._chance.randrange(10)}"})

    async def _page(self, writer: asyncio.StreamWriter) -> None:
        before = max(2, (self._after or 2) - self._chance.randrange(5000))
        _send(writer, {"type": "history", "before": before, "limit": 200})

    async def _search(self, writer: asyncio.StreamWriter) -> None:
        _send(writer, {"type": "search", "text": self._chance.choice("aeiou19"), "limit": 50})

    async def _who(self, writer: asyncio.StreamWriter) -> None:
        _send(writer, {"type": "who"})

    async def _stall(self, _: asyncio.StreamWriter) -> None:
        """Read nothing for some time, at times for longer than the server waits."""
        self._stalled.clear()
        await self._wait(self._chance.expovariate(1 / (3 * self._pace)))
        self._stalled.set()

    async def _go(self, writer: asyncio.StreamWriter) -> None:
        if self._chance.random() < 0.5:
            _send(writer, {"type": "bye"})
        else:
            writer.transport.abort()

    # --- what it is told

    def _take(self, frame: Frame, writer: asyncio.StreamWriter) -> None:
        kind = frame["type"]
        if kind == "welcome":
            self._welcomed(frame)
        elif kind == "msg":
            self._shown(frame)
        elif kind == "gap":
            self._gap(frame)
        elif kind == "ack" and frame["id"] in self._pending:
            self._ledger.ack(self.nick, frame["seq"], self._pending.pop(frame["id"]))
        elif kind == "error":
            self._ledger.counts["error " + frame["code"]] += 1
            self._pending.pop(frame.get("id", ""), None)
        elif kind == "ping":
            _send(writer, {"type": "pong", "t": frame["t"]})
        elif kind == "page":
            self._ledger.counts["entries in pages"] += len(frame["entries"])
        elif kind == "found":
            self._found(frame)

    def _welcomed(self, frame: Frame) -> None:
        if self._after is None:
            self._epoch, self._after = frame["epoch"], frame["last"]
        elif frame["epoch"] != self._epoch:
            self._ledger.fault(f"{self.nick}: the log is another one")

    def _shown(self, frame: Frame) -> None:
        seq = frame["seq"]
        if self._after is None or seq != self._after + 1:
            self._ledger.fault(f"{self.nick} was shown {seq} after {self._after}")
        self._after = seq
        self._ledger.counts["shown"] += 1
        if self._ledger.acked.get(seq, frame["text"]) != frame["text"] and seq not in self._ledger.redacted:
            self._ledger.fault(f"{self.nick} was shown another message {seq} than was acknowledged")

    def _found(self, frame: Frame) -> None:
        self._ledger.counts["entries found"] += len(frame["entries"])
        for entry in frame["entries"]:
            seq, text = entry["seq"], entry["text"]
            if self._ledger.acked.get(seq, text) != text:
                self._ledger.fault(f"{self.nick} found another message {seq} than was acknowledged")

    def _gap(self, frame: Frame) -> None:
        self._ledger.counts["gap " + frame["why"]] += 1
        if self._after is None or frame["from"] != self._after + 1 or frame["why"] == "lost":
            self._ledger.fault(f"{self.nick} was told of a gap {frame} after {self._after}")
        self._after = frame["to"]


class Auditor(Member):
    """Reads everything from the start, and does nothing else."""

    async def _act(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    def _shown(self, frame: Frame) -> None:
        super()._shown(frame)
        self._ledger.shown[frame["seq"]] = frame["text"]

    def has_seen(self, seq: int) -> bool:
        """Return whether it was shown all up to this number."""
        return self._after is not None and self._after >= seq


_DEEDS = ("say", "flood", "whisper", "rename", "page", "search", "who", "stall", "go")
_WEIGHTS = (60, 2, 8, 5, 3, 2, 1, 4, 8)


def _send(writer: asyncio.StreamWriter, frame: Frame) -> None:
    writer.write(json.dumps(frame).encode() + b"\n")


def _is_cut(error: BaseException) -> bool:
    return isinstance(error, OSError)

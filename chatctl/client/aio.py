"""The asyncio shell: one connection (Wire), and one that comes back whenever it breaks (Link).

Lives here: connecting, deadlines, back-off, resuming, sending what is not acknowledged again. Does not live here:
what a frame looks like to a person (terminal/).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from chatctl.client.address import Address
from chatctl.client.backoff import backoff
from chatctl.client.core import HURRY_SECONDS, ClientCore
from chatctl.client.outbox import Outbox
from chatctl.errors import ChatError, NickTaken, RateLimited, ServerFull, StorageFailed, Unreachable
from chatctl.protocol import (
    REPLACED,
    Ack,
    Bye,
    ClientFrame,
    Error,
    Gap,
    Hello,
    Msg,
    Ping,
    Pong,
    Resume,
    ServerFrame,
    Welcome,
)

CONNECT_SECONDS = 10.0
PING_SECONDS = 15.0
"""A server that was silent for so long is asked whether it is there; silent for as long again, it is not."""

_PASSING = (Unreachable, NickTaken, ServerFull, RateLimited, StorageFailed)
"""What may be over by the next try, once we were in."""


class Wire(asyncio.Protocol):
    """One connection: bytes to the core, frames to ``on_frame``."""

    def __init__(self, core: ClientCore, on_frame: Callable[[ServerFrame], None]) -> None:
        """Wait for ``connection_made``."""
        self._core = core
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.welcomed: asyncio.Future[Welcome] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.heard = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting."""
        self._transport = cast(asyncio.Transport, transport)
        self._loop.call_later(HURRY_SECONDS, self._hurry)

    def _hurry(self) -> None:
        self._core.hurry()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Hand on every frame."""
        self.heard = self._loop.time()
        try:
            for frame in self._core.receive(data):
                if isinstance(frame, Welcome) and not self.welcomed.done():
                    self.welcomed.set_result(frame)
                self._on_frame(frame)
        except ChatError as error:
            self._fail(error, error.text)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        why = (getattr(exc, "strerror", None) or str(exc)).lower() if exc else "the server closed the connection"
        self._fail(Unreachable(f"{why} before it let us in"), why)

    def _fail(self, error: ChatError, why: str) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(error)
        elif not self.lost.done():
            self.lost.set_result(why)
        self.close()

    def send(self, frame: ClientFrame) -> None:
        """Send a frame now, or once we are in."""
        self._core.send(frame)
        self._flush()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and (out := self._core.outgoing()):
            self._transport.write(out)

    def close(self) -> None:
        """Close; what was sent still leaves."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once: the other end is gone anyway."""
        if self._transport is not None:
            self._transport.abort()


async def connect(address: Address, hello: Hello, on_frame: Callable[[ServerFrame], None]) -> tuple[Wire, Welcome]:
    """Connect and be let in, within ``CONNECT_SECONDS``.

    Raises:
        Unreachable: nobody there, or no word from it.
        ChatError: something else answered, or the server said no.
    """
    loop = asyncio.get_running_loop()
    wire = Wire(ClientCore(hello, address), on_frame)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if address.unix is not None:
                await loop.create_unix_connection(lambda: wire, address.unix)
            else:
                await loop.create_connection(lambda: wire, address.host, address.port)
            return wire, await wire.welcomed
    except TimeoutError:
        wire.abort()
        raise Unreachable(f"cannot reach {address}: it did not answer in time") from None
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"cannot reach {address}: {_reason(error)}") from None
    finally:
        if wire.welcomed.done() and not wire.welcomed.cancelled():
            wire.welcomed.exception()  # it was raised above, or its time was over: either way it is known


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "this can't be a host's name"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "connection refused (is 'chatctl serve' running there?)"
    return (error.strerror or str(error)).lower()


class Listener(Protocol):
    """Whoever shows what a link brings."""

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """We are in; ``missed`` entries behind, or None where there is no cursor that fits this log."""

    def disconnected(self, why: str | None) -> None:
        """The connection is gone, or (None) could not be made again; the link tries at ``retry_at``."""

    def received(self, frame: ServerFrame) -> None:
        """A frame came: each entry of the log once."""


class Link:
    """A membership that outlives its connections.

    Entries come once each, in order, across any number of reconnects: the link's cursor says where it stands.
    """

    def __init__(self, address: Address, hello: Hello, outbox: Outbox, listener: Listener) -> None:
        """Begin with ``run``. The hello's ``resume``, if any, is where an earlier run stood."""
        self._address = address
        self._hello = hello
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._now = asyncio.Event()
        self._asked_at: float | None = None
        self._leaving = False
        self._waiting_since = self._loop.time()
        self.outbox = outbox
        self.cursor: Resume | None = hello.resume
        self.welcome: Welcome | None = None
        self.retry_at: float | None = None
        self.lag = 0.0

    @property
    def connected(self) -> bool:
        """Whether we are in at the moment."""
        return self._wire is not None

    async def run(self) -> None:
        """Be in the room until ``leave``, or until the server won't have us any more.

        Raises:
            ChatError: we could not get in the first time, or can't ever get in again.
        """
        attempt = 0
        while not self._leaving:
            why: str | None = None
            try:
                why = await self._once()
                attempt = 0
            except _PASSING:
                if self.welcome is None:
                    raise
            if self._leaving:
                break
            delay = backoff(attempt)
            attempt += 1
            await self._pause(why, delay)

    async def _once(self) -> str:
        """Connect, and stay until the connection breaks. Gives why it did."""
        hello = msgspec.structs.replace(self._hello, resume=self.cursor)
        if self.welcome is not None:
            hello = msgspec.structs.replace(hello, nick=self.welcome.nick)
        held: list[ServerFrame] = []
        ready: Callable[[ServerFrame], None] | None = None

        def on_frame(frame: ServerFrame) -> None:
            (ready or held.append)(frame)

        wire, welcome = await connect(self._address, hello, on_frame)
        self._wire = wire
        self._enter(welcome)
        ready = self._receive
        for frame in held:
            self._receive(frame)
        for say in self.outbox:
            wire.send(say)
        watch = self._loop.create_task(self._watch(wire))
        try:
            return await wire.lost
        finally:
            watch.cancel()
            self._wire = None

    def _enter(self, welcome: Welcome) -> None:
        missed = None
        if self.cursor is not None and self.cursor.epoch == welcome.epoch:
            missed = max(0, welcome.last - self.cursor.after)
        else:
            self.cursor = Resume(welcome.epoch, welcome.last if self.cursor is not None else 0)
        self.welcome = welcome
        self.retry_at = None
        self._asked_at = None
        self._listener.connected(welcome, missed)

    async def _pause(self, why: str | None, delay: float) -> None:
        self.retry_at = self._loop.time() + delay
        self._now.clear()
        self._listener.disconnected(why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._now.wait()

    async def _watch(self, wire: Wire) -> None:
        """Notice a server that is gone without a word: a network that drops everything, a laptop that slept."""
        while True:
            await asyncio.sleep(PING_SECONDS / 5)
            quiet = self._loop.time() - wire.heard
            if quiet >= 2 * PING_SECONDS:
                wire.abort()
            elif quiet >= PING_SECONDS and self._asked_at is None:
                self._ask(wire)

    def _ask(self, wire: Wire) -> None:
        self._asked_at = self._loop.time()
        wire.send(Ping(t=self._asked_at))

    def retry_now(self) -> None:
        """Try at once instead of at ``retry_at``."""
        self._now.set()

    def _receive(self, frame: ServerFrame) -> None:
        match frame:
            case Welcome():
                return
            case Msg(seq=seq):
                if not self._advance(seq):
                    return
            case Gap(to=to):
                self._advance(to)
            case Ack(id=ident):
                self.outbox.settle(ident)
                self._waiting_since = self._loop.time()
            case Error(id=ident) if ident is not None and frame.code in ("storage", "rate_limited"):
                self._loop.call_later(frame.retry_after or 1.0, self._say_again, ident)
                return  # it stays in the outbox: the status says so
            case Error(id=ident):
                self.outbox.settle(ident)
            case Pong():
                self.lag = self._loop.time() - (self._asked_at or self._loop.time())
                self._asked_at = None
            case Bye(why=why) if why == REPLACED:
                self._leaving = True
        self._listener.received(frame)

    def _say_again(self, ident: str) -> None:
        for say in self.outbox:
            if say.id == ident and self._wire is not None:
                self._wire.send(say)

    def _advance(self, seq: int) -> bool:
        """Move the cursor to an entry. False if it was shown before."""
        if self.cursor is None or seq <= self.cursor.after:
            return False
        self.cursor = Resume(self.cursor.epoch, seq)
        return True

    def send(self, frame: ClientFrame) -> bool:
        """Send a frame that is worth nothing later; False while there is no connection."""
        if self._wire is None:
            return False
        self._wire.send(frame)
        return True

    def renamed(self, nick: str) -> None:
        """Come back under this name from now on."""
        if self.welcome is not None:
            self.welcome = msgspec.structs.replace(self.welcome, nick=nick)

    def oldest_wait(self) -> float:
        """Give for how many seconds the oldest unacknowledged message has waited."""
        return self._loop.time() - self._waiting_since if len(self.outbox) else 0.0

    def say(self, text: str, *, action: bool = False) -> None:
        """Say something, now or as soon as there is a connection. Raises OutboxFull."""
        if not len(self.outbox):
            self._waiting_since = self._loop.time()
        say = self.outbox.add(text, action=action)
        if self._wire is not None:
            self._wire.send(say)

    async def settled(self, seconds: float) -> bool:
        """Wait until nothing is unacknowledged; False if that took too long."""
        deadline = self._loop.time() + seconds
        while len(self.outbox) and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        return not len(self.outbox)

    def leave(self) -> None:
        """Say bye and end ``run``."""
        self._leaving = True
        if self._wire is not None:
            self._wire.send(Bye())
            self._wire.close()
        self._now.set()

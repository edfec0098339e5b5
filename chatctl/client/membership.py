"""A membership that comes back whenever its connection breaks (Membership).

Lives here: back-off, resuming, noticing silence, sending what is not acknowledged again. Does not live here: one
connection (wire.py), what a frame looks like to a person (terminal/).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from chatctl.client.core.address import Address
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.deadline import ConnectionEnded, Deadline
from chatctl.client.core.keepalive import PING_SECONDS
from chatctl.client.core.outbox import Message, Outbox
from chatctl.client.core.retry import MAX_RETRY_AFTER, STEADY_SECONDS, Tries
from chatctl.client.identity import new_id
from chatctl.client.io.aio_connection import Wire, connect
from chatctl.errors import ChatError, PasswordWrong, Unreachable
from chatctl.protocol import (
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
    Say,
    ServerFrame,
    Welcome,
    Whisper,
)

PERSON_SECONDS = 3600.0
"""How long it waits for somebody to do something before it tries again by itself: wrong passwords lock us out."""

WATCH_SECONDS = 3.0
SLEPT_SECONDS = 10.0
"""A wall clock that jumps so far ahead between two looks: this machine slept, and what was open is suspect."""


class Listener(Protocol):
    """Whoever shows what a link brings."""

    def connected(self, welcome: Welcome, missed: int | None) -> None:
        """We are in; ``missed`` entries behind, or None where there is no cursor that fits this log."""

    def disconnected(self, why: str | None) -> None:
        """The connection is gone, or could not be made again; the link tries at ``retry_at``.

        ``why`` is None where nothing new can be said of it.
        """

    def received(self, frame: ServerFrame) -> None:
        """A frame came: each entry of the log once."""

    def refused(self, say: Say | Whisper, why: str) -> None:
        """The server will not take this message, ever."""

    def busy(self) -> bool:
        """Whether more than can be shown has come already: reading waits until it has caught up."""


class Membership:
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
        self._running: asyncio.Task[None] | None = None
        self._told: str | None = None
        self._tries = Tries()
        self._not_before: float | None = None
        self._place = Cursor(hello.resume)
        self.outbox = outbox
        self.welcome: Welcome | None = None
        self.retry_at: float | None = None
        self.lag = 0.0

    @property
    def cursor(self) -> Resume | None:
        """Where we stand in the room's log; None before we were in."""
        return self._place.here

    @property
    def connected(self) -> bool:
        """Whether we are in at the moment."""
        return self._wire is not None

    async def run(self) -> None:
        """Be in the room until ``leave``, or until our nickname joins again from elsewhere.

        Raises:
            ChatError: we could not get in the first time.
        """
        self._running = asyncio.current_task()
        try:
            await self._be_in()
        except asyncio.CancelledError:
            if not self._leaving:
                raise

    async def _be_in(self) -> None:
        while not self._leaving:
            began = self._loop.time()
            try:
                lost = await self._once()
                why: str | None = lost
                end: ChatError = ConnectionEnded(lost, retry_after=self._not_before)
                if self._loop.time() - began >= STEADY_SECONDS:
                    self._tries.worked()
            except ChatError as error:
                if self.welcome is None:
                    raise
                why, end = self._news(error), error
            if not self._leaving:
                await self._pause(why, self._delay(end))

    def _delay(self, end: ChatError) -> float:
        """Give the seconds until the next try. A password that was changed will not be right by itself."""
        return PERSON_SECONDS if isinstance(end, PasswordWrong) else self._tries.wait(end, Deadline(None)) or 0.0

    def _news(self, error: ChatError) -> str | None:
        """Give what is worth telling of a try that failed: not that nobody is there, and nothing twice.

        Once we were in, no refusal ends the membership: whatever stands there now may be gone by the next try, and
        what the person is typing must not go with it.
        """
        if isinstance(error, Unreachable) or error.text == self._told:
            return None
        self._told = error.text
        return error.text

    async def _once(self) -> str:
        """Connect, and stay until the connection breaks. Gives why it did."""
        hello = msgspec.structs.replace(self._hello, resume=self._place.resume)
        if self.welcome is not None:
            hello = msgspec.structs.replace(hello, nick=self.welcome.nick)
        held: list[ServerFrame] = []
        ready: Callable[[ServerFrame], None] | None = None

        def on_frame(frame: ServerFrame) -> None:
            (ready or held.append)(frame)

        wire, welcome = await connect(self._address, hello, on_frame, self._listener.busy)
        self._wire = wire
        self._enter(welcome)
        ready = self._receive
        for frame in held:
            self._receive(frame)
        for message in self.outbox:
            self._transmit(message)
        watch = self._loop.create_task(self._watch(wire))
        try:
            return await wire.lost
        finally:
            watch.cancel()
            self._wire = None

    def _enter(self, welcome: Welcome) -> None:
        known = self._place.resume
        self._place.enter(welcome, self._hello.history)
        fits = known is not None and not self._place.lost
        missed = welcome.last - self._place.after if fits else None
        self.welcome = welcome
        self.retry_at = None
        self._asked_at = None
        self._told = None
        self._not_before = None
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
        asked, wall = self._loop.time(), time.time()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            before, wall = wall, time.time()
            now = self._loop.time()
            if wall - before > WATCH_SECONDS + SLEPT_SECONDS:  # asyncio's clock stands still meanwhile
                wire.heard = min(wire.heard, now - 2 * PING_SECONDS + WATCH_SECONDS)
                asked = 0.0
            if now - wire.heard >= 2 * PING_SECONDS:
                wire.abort()
            elif now - asked >= PING_SECONDS:
                asked = now
                self._ask(wire)

    def _ask(self, wire: Wire) -> None:
        if self._asked_at is None:
            self._asked_at = self._loop.time()
        wire.send(Ping(t=self._asked_at))

    def retry_now(self) -> None:
        """Try at once instead of at ``retry_at``."""
        self._now.set()

    def _receive(self, frame: ServerFrame) -> None:
        match frame:
            case Welcome():
                return
            case Msg() | Gap():
                if self._place.take(frame) is None:
                    return
            case Ack(id=ident):
                self.outbox.settle(ident)
                self._waiting_since = self._loop.time()
            case Error(id=ident) if ident is not None and frame.code in ("storage", "rate_limited"):
                wait = min(max(frame.retry_after or 1.0, 0.1), MAX_RETRY_AFTER)
                self._loop.call_later(wait, self._say_again, ident)
                return  # it stays in the outbox: the status says so
            case Error(id=ident) if (message := self.outbox.settle(ident)) is not None:
                self._listener.refused(message.frame, frame.text)
                return
            case Pong(t=t) if t == self._asked_at and self._asked_at is not None:
                self.lag = self._loop.time() - self._asked_at
                self._asked_at = None
            case Bye(final=True):
                self._leaving = True  # an operator sent us away, or we are here twice: coming back is for a person
            case Bye(retry_after=seconds):
                self._not_before = seconds
        self._listener.received(frame)

    def _say_again(self, ident: str) -> None:
        for message in self.outbox:
            if message.id == ident:
                self._transmit(message)

    def _transmit(self, message: Message) -> None:
        if self._wire is not None:
            self._wire.send(message.frame)

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
        message = Message(Say(text, id=new_id(), action=action))
        self.outbox.add(message)
        self._transmit(message)

    async def settled(self, seconds: float) -> bool:
        """Wait until all that was sent is answered; False once no answer came for ``seconds``."""
        if self._wire is not None:
            self._asked_at = None
            self._ask(self._wire)  # its answer comes after those to all that went before
        unsent, deadline = len(self.outbox), self._loop.time() + seconds
        while (len(self.outbox) or self._asked_at is not None) and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
            if len(self.outbox) < unsent:
                unsent, deadline = len(self.outbox), self._loop.time() + seconds
        return not len(self.outbox)

    def leave(self) -> None:
        """Say bye and end ``run``."""
        self._leaving = True
        if self._wire is not None:
            self._wire.send(Bye())
            self._wire.close()
        elif self._running is not None:
            self._running.cancel()  # it waits for a server, perhaps for one that is not there

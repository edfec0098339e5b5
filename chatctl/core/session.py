"""A session: one connection as a state machine. Bytes in, effects out.

Lives here: the choice of the dialect, the states, what is taken when. Does not live here: the lines that wait
(line_queue.py), how many may come (rate_limits.py), when to ping (keepalive.py), what a mode may do (permissions.py),
carrying out an effect (hub/hub.py), sockets (server/connection.py). No clock: ``now`` is any monotonic time in seconds.
Source: docs/protocol.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeVar, cast

from chatctl import protocol
from chatctl.core.dialects import JSON, SNIFF_SECONDS, TEXT, Dialect, Stranger, recognise
from chatctl.core.effects import Effect, Hangup, Raw, Reply, Says, error_frame
from chatctl.core.keepalive import Keepalive
from chatctl.core.limits import ServerLimits
from chatctl.core.line_queue import LineQueue
from chatctl.core.permissions import FREE, all_allowed, objection
from chatctl.core.rate_limits import RateLimits
from chatctl.core.token_bucket import TokenBucket
from chatctl.errors import BadFrame, ChatError, NotJoined, TooLong, VersionMismatch
from chatctl.protocol import ClientFrame, Mode, NotJson

ASK_AGAIN = b"NAME\n"
"""Prompt after a refused nickname."""

MAX_RUN = 256
"""Most lines that are parsed together."""

MAX_REFUSALS = 5
"""Refusals before the welcome, of names or of frames, after which the connection is closed."""

_SAYS_ONLY = {protocol.Say}
_T = TypeVar("_T")


class State(Enum):
    """States of a session."""

    FRESH = auto()  # no dialect yet
    GREETING = auto()  # the dialect is known, no valid hello yet
    CHALLENGED = auto()  # the hello has to be proved, no proof yet
    ENTERING = auto()  # a hello or a proof went to the hub, which has not answered yet
    LIVE = auto()
    CLOSED = auto()


_BEFORE_LOGIN = (State.FRESH, State.GREETING, State.CHALLENGED)


class Session:
    """Feed it with ``receive``, ``end`` and ``tick``; then take effects with ``step`` until there is none.

    The hub answers a Hello with ``await_proof``, ``accept``, ``refuse_retryable`` or ``refuse_final``, and a Proof with
    one of the last three. When ``step`` returns None and ``wake_at`` is set, call ``step`` again at that time.
    """

    def __init__(self, limits: ServerLimits, now: float, shared: TokenBucket | None = None) -> None:
        """Start, at the time of the accept; ``shared`` holds the bytes that all connections of its address may send."""
        self.dialect: Dialect = JSON
        self.state = State.FRESH
        self.mode: Mode = "join"
        self.asked = ""
        self.nick = ""
        self._limits = limits
        self._hello_by = now + limits.hello_seconds
        self.wake_at: float | None = self._hello_by
        self._sniff_by: float | None = None
        self._first: bytes = b""
        self._lines = LineQueue(limits.line)
        self._effects: list[Effect] = []  # few, and a deque takes 760 bytes also when it is empty
        self._held = 0
        self.refusal: ChatError | None = None
        """Why any hello is refused, known at the accept."""
        self._ended = False
        self._greeting_bytes = 0
        self.refusals = 0
        self._rates = RateLimits(limits, now, shared)
        self._keepalive = Keepalive(limits.ping_seconds, now)

    @property
    def backlog(self) -> bool:
        """Whether lines or effects wait, or would: read no more until they are taken."""
        return bool(self._held or self._lines.waiting or self._effects)

    @property
    def idle(self) -> bool:
        """Whether ``step`` gives nothing before more is received, or a time limit passes."""
        return not (self._held or self._lines.waiting or self._effects or self._ended or self._lines.failed)

    @property
    def lines(self) -> int:
        """How many lines wait."""
        return len(self._lines.waiting)

    # --- called by the transport

    def speak(self, dialect: Dialect, now: float) -> None:
        """Take a dialect that is known without the first bytes: by the port, or by what stood before them."""
        self.dialect = dialect
        self.state = State.GREETING
        self._keepalive = Keepalive(min(self._limits.ping_seconds, dialect.ping_seconds), now)

    def receive(self, data: bytes, now: float) -> None:
        """Take the bytes of one read."""
        self._keepalive.heard(now)
        if self.state is State.FRESH:
            self._sniff(data, now)
        elif self.state is not State.CLOSED:
            self._cut(data)

    def share_bytes(self, shared: TokenBucket | None, now: float) -> None:
        """Share the bytes that it may send with other connections, as at the start."""
        self._rates.share(shared, now)

    def fail(self, error: ChatError) -> None:
        """Note that nothing can be read behind the lines that came: once they are taken, send the error and close."""
        self._lines.failed = self._lines.failed or error

    def end(self, now: float) -> None:
        """Take the end of input: a last line without its LF counts as one."""
        self._ended = True
        if self.state is State.FRESH and self._first:
            self._sniff_by = now
            self._sniff(b"", now)
        if self.dialect is TEXT and self._lines.unfinished:
            self._cut(b"\n")

    def tick(self, now: float) -> None:
        """Ping a silent peer; close after missed answers. Call it every few seconds, unless the output is paused."""
        if self.state is not State.LIVE or not self.dialect.answers_pings:
            return
        if self.backlog or self._ended:
            self._keepalive.suspend(now)  # we do not read
        elif self._keepalive.is_due(now):
            if self._keepalive.is_lost:
                self._close("ping timeout")
            else:
                self._keepalive.pinged(now)
                self._effects.append(Reply(protocol.Ping(t=round(now, 3))))

    # --- called by the hub

    def await_proof(self) -> None:
        """Wait for a proof of the hello. The time limit of the hello goes on."""
        self.state = State.CHALLENGED
        self.wake_at = self._hello_by

    def accept(self, nick: str) -> None:
        """Go live under this nickname."""
        self.state = State.LIVE
        self.nick = nick
        self.wake_at = None

    def refuse_retryable(self, error: ChatError) -> None:
        """Refuse the hello; a dialect with a person in front of it may try another one."""
        if self.dialect.asks_again:
            self.state = State.GREETING
            self.wake_at = self._hello_by
            self._refuse_once(error)
        else:
            self.refuse_final(error)

    def refuse_final(self, error: ChatError) -> None:
        """Close; the error is the last that is sent."""
        self._close(error.wire_code, error_frame(error))

    def hold(self) -> None:
        """Give no effect until ``go_on``, called as often: what was asked for last is still being decided."""
        self._held += 1

    def go_on(self) -> None:
        """Give effects again."""
        self._held -= 1

    def _refuse_once(self, error: ChatError, ident: str | None = None) -> None:
        """Answer a frame with an error before the welcome; go on, unless it was one too many."""
        self.refusals += 1
        self._effects.append(Reply(error_frame(error, ident)))
        if self.refusals == MAX_REFUSALS:
            why = f"refused {MAX_REFUSALS} times"
            self._close(why, protocol.Bye(why=f"{why}: connect again"))
        elif self.dialect.asks_again:
            self._effects.append(Raw(ASK_AGAIN))

    def refuse_on_hello(self, error: ChatError) -> None:
        """Refuse the hello as soon as it comes, in its own dialect, and close."""
        self.refusal = error

    # --- effects

    def step(self, now: float, most: int = MAX_RUN) -> Effect | None:
        """Return the next effect, or None for now. ``most`` limits the messages of one ``Says``."""
        if self._held:
            return None
        if self.state is not State.LIVE:
            self._check_time_limits(now)
        while not self._effects and self.state not in (State.CLOSED, State.ENTERING):
            if not self._lines.waiting:
                self._out_of_lines()
                break
            if self._limits.rate and self.state is State.LIVE and self._must_wait(now):
                break
            self._take_run(now, min(most, self._run_length()))
        return self._effects.pop(0) if self._effects else None

    def _check_time_limits(self, now: float) -> None:
        if self.state is State.FRESH and self._sniff_by is not None and now >= self._sniff_by:
            self._sniff(b"", now)
        if self.state in _BEFORE_LOGIN and now >= self._hello_by:
            self.refuse_final(NotJoined(f"no hello within {self._limits.hello_seconds:g} s"))

    def _must_wait(self, now: float) -> bool:
        ready = self._rates.ready_at(now)
        self.wake_at = ready if ready > now else None
        return ready > now

    def _out_of_lines(self) -> None:
        if self.state in (State.GREETING, State.CHALLENGED) and (
            isinstance(self._lines.failed, TooLong) or self._bytes_of_greeting() > self._limits.hello_bytes
        ):
            self._lines.failed = self._hello_too_long()
        if self._lines.failed is not None and self.state is not State.FRESH:
            self.refuse_final(self._lines.failed)
        elif self._ended:
            self._close("closed")
        elif self.state is State.LIVE:
            self.wake_at = None

    def _close(self, why: str, last: protocol.Error | protocol.Bye | None = None) -> None:
        self.state = State.CLOSED
        self.wake_at = None
        self._lines.clear()
        self._effects.append(Hangup(why, last))

    # --- the first bytes

    def _sniff(self, data: bytes, now: float) -> None:
        self._first += data
        waited = self._sniff_by is not None and now >= self._sniff_by
        match recognise(self._first, waited=waited):
            case Dialect() as dialect:
                self.dialect = dialect
                self.state = State.GREETING
                self.wake_at = self._hello_by
                first, self._first = self._first, b""
                self._cut(first)
            case Stranger() as stranger:
                self._effects.append(Raw(stranger.answer))
                self._close(stranger.value)
            case None:
                self._wait_for_more(now)

    def _wait_for_more(self, now: float) -> None:
        if self._sniff_by is None:
            self._sniff_by = now + SNIFF_SECONDS
            self.wake_at = min(self._sniff_by, self._hello_by)
        if len(self._first) > self._limits.hello_bytes:
            self.refuse_final(self._hello_too_long())

    def _bytes_of_greeting(self) -> int:
        return self._greeting_bytes + self._lines.unfinished

    def _hello_too_long(self) -> TooLong:
        return TooLong(f"a hello has at most {self._limits.hello_bytes} bytes")

    def _cut(self, data: bytes) -> None:
        if self.dialect.framed:
            self._lines.feed(data)
        else:
            self._lines.add(data)

    # --- lines

    def _run_length(self) -> int:
        """Return how many lines may be parsed together: with a rate limit one, which may be the last for now."""
        alone = self.state is not State.LIVE or bool(self._limits.rate)
        return 1 if alone else min(len(self._lines.waiting), MAX_RUN)

    def _take_run(self, now: float, count: int) -> None:
        lines = self._lines.take(count)
        frames = self.dialect.parse_run(lines) if count > 1 else None
        if frames is None:  # a single line, a bad one among them, or a dialect without runs
            self._for_each(self._take, lines, now)
        elif {*map(type, frames)} == _SAYS_ONLY and all_allowed(
            cast(Sequence[protocol.Say], frames), self.mode, self._limits.text
        ):
            self._effects.append(Says(cast(Sequence[protocol.Say], frames)))
        else:
            self._for_each(self._handle, frames, now)

    def _for_each(self, act: Callable[[_T, float], None], of: Sequence[_T], now: float) -> None:
        for one in of:
            if self.state is not State.CLOSED:
                act(one, now)

    def _take(self, line: bytes, now: float) -> None:
        try:
            if self.state is State.LIVE:
                self._rates.take_line(line, now)
                self._handle(self.dialect.parse(line, (self.nick, self.asked)), now)
            else:
                self._greet(line)
        except (NotJson, VersionMismatch) as error:
            self.refuse_final(error)
        except BadFrame as error:
            if self.state is State.LIVE:
                self._rates.take_message(now)
                self._effects.append(Reply(error_frame(error)))
            else:
                self._refuse_once(error)

    def _greet(self, line: bytes) -> None:
        self._greeting_bytes += len(line) + 1
        if self._greeting_bytes > self._limits.hello_bytes:
            self.refuse_final(self._hello_too_long())
            return
        frame = self.dialect.parse_hello(line)
        if frame is None:
            return
        if self.state is State.CHALLENGED:
            self._take_proof(frame)
        elif not isinstance(frame, protocol.Hello):
            self._refuse_once(NotJoined("say hello first"), getattr(frame, "id", None))
        elif frame.v != protocol.VERSION:
            raise VersionMismatch(f"this server speaks version {protocol.VERSION}, not {frame.v}")
        elif self.refusal is not None:
            self.refuse_final(self.refusal)
        else:
            self.asked = frame.nick
            self.mode = frame.mode
            self._enter(frame)

    def _take_proof(self, frame: ClientFrame) -> None:
        if isinstance(frame, protocol.Proof):
            self._enter(frame)
        elif isinstance(frame, protocol.Bye):
            self._close("bye")
        else:
            self._refuse_once(NotJoined("answer the challenge first"), getattr(frame, "id", None))

    def _enter(self, frame: protocol.Hello | protocol.Proof) -> None:
        self.state = State.ENTERING
        self.wake_at = None
        self._effects.append(frame)

    def _handle(self, frame: ClientFrame | bytes | None, now: float) -> None:
        if frame is None:
            return
        if type(frame) not in FREE:
            self._rates.take_message(now)
        if isinstance(frame, bytes):
            self._effects.append(Raw(frame))
        elif isinstance(frame, protocol.Bye):
            self._close("bye")
        elif isinstance(frame, protocol.Pong):
            pass  # receive() has noted it
        elif error := objection(frame, self.mode, self._limits.text):
            self._effects.append(Reply(error_frame(error, getattr(frame, "id", None))))
        elif isinstance(frame, protocol.Say):
            self._effects.append(Says([frame]))
        else:
            self._effects.append(frame)

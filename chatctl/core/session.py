"""A session: one connection as a state machine. Bytes in, effects out.

Lives here: which dialect it is, whose turn it is to speak, how fast, and when to give up. Does not live here: what is
allowed in which mode (modes.py), what an effect does (hub.py), bytes on a socket (server.py). No clock: ``now`` is any
monotonic time in seconds. Source: docs/protocol.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeVar, cast

from chatctl import protocol
from chatctl.core.dialects import JSON, SNIFF_SECONDS, TEXT, Dialect, Stranger, recognise
from chatctl.core.effects import Effect, Hangup, Raw, Reply, Says, error_frame
from chatctl.core.limits import ServerLimits
from chatctl.core.permissions import FREE, all_allowed, objection
from chatctl.core.token_bucket import TokenBucket
from chatctl.errors import BadFrame, ChatError, NotJoined, TooLong, VersionMismatch
from chatctl.protocol import ClientFrame, Framer, Mode, NotJson

HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    b"This is a chatctl chat room, not a web server. Talk to it with: chatctl join, or nc.\n"
)

TLS_ANSWER = b"There is no TLS on this port.\n"
"""What is no TLS either: its client sees at once that this port has none, instead of a connection that ends."""

ASK_AGAIN = b"NAME\n"
"""What a person is asked who gave no nickname that can be had."""

MAX_RUN = 256
"""Lines that are looked at together at most."""

MISSED_PINGS = 2
"""So many pings without any answer, and the peer is gone."""

_SAYS_ONLY = {protocol.Say}
_T = TypeVar("_T")


class State(Enum):
    """Where the conversation stands."""

    FRESH = auto()  # no dialect yet
    GREETING = auto()  # a dialect, no valid hello yet
    CHALLENGED = auto()  # a hello that has to be proved, no proof yet
    ENTERING = auto()  # a hello or a proof went to the hub, whose answer is due
    LIVE = auto()
    CLOSED = auto()


_NOT_IN = (State.FRESH, State.GREETING, State.CHALLENGED)


class Session:
    """Feed it with ``receive``, ``end`` and ``tick``; then take effects with ``step`` until there is none.

    The hub answers a Hello with ``challenged``, ``entered``, ``refused`` or ``turned_away``, and a Proof with one of
    the last three. When ``step`` gives None and ``wake_at`` is set, call ``step`` again at that time.
    """

    __slots__ = (
        "_bytes",
        "_effects",
        "_ended",
        "_failed",
        "_first",
        "_framer",
        "_greeting_bytes",
        "_heard",
        "_hello_by",
        "_limits",
        "_lines",
        "_messages",
        "_missed",
        "_sniff_by",
        "_unwelcome",
        "asked",
        "dialect",
        "mode",
        "nick",
        "state",
        "wake_at",
    )

    def __init__(self, limits: ServerLimits, now: float) -> None:
        """Begin at the moment of the accept."""
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
        self._framer = Framer(limits.line)
        self._lines: deque[bytes] = deque()
        self._effects: deque[Effect] = deque()
        self._failed: ChatError | None = None  # the stream can't go on after the lines it gave
        self._unwelcome: ChatError | None = None  # why a hello will be refused, known at the accept
        self._ended = False
        self._greeting_bytes = 0
        self._messages = TokenBucket(limits.rate, limits.burst, now)
        self._bytes = TokenBucket(limits.bytes_per_second if limits.rate else 0, limits.bytes_per_second, now)
        self._heard = now
        self._missed = 0

    @property
    def backlog(self) -> bool:
        """Whether lines wait: read no more until they are gone."""
        return bool(self._lines or self._effects)

    # --- what the transport tells

    def receive(self, data: bytes, now: float) -> None:
        """Take the bytes of one read."""
        self._heard = now
        self._missed = 0
        if self.state is State.FRESH:
            self._sniff(data, now)
        elif self.state is not State.CLOSED:
            self._cut(data)

    def end(self, now: float) -> None:
        """The client will send no more: a last line without its LF counts as one."""
        self._ended = True
        if self.state is State.FRESH and self._first:
            self._sniff_by = now
            self._sniff(b"", now)
        if self.dialect is TEXT and len(self._framer):
            self._cut(b"\n")

    def tick(self, now: float) -> None:
        """Notice a peer that is gone without a word. Call it now and then while its output is not stuck."""
        if self.state is not State.LIVE or not self.dialect.answers_pings:
            return
        if self.backlog or self._ended:
            self._heard = now  # it is we who do not listen
        elif now - self._heard >= self._limits.ping_seconds * (self._missed + 1):
            if self._missed == MISSED_PINGS:
                self._close("ping timeout")
            else:
                self._missed += 1
                self._effects.append(Reply(protocol.Ping(t=round(now, 3))))

    # --- what the hub tells

    def await_proof(self) -> None:
        """The hello has to be proved. The time for it is that of the hello."""
        self.state = State.CHALLENGED
        self.wake_at = self._hello_by

    def accept(self, nick: str) -> None:
        """The hello was accepted, under this name."""
        self.state = State.LIVE
        self.nick = nick
        self.wake_at = None

    def refuse_retryable(self, error: ChatError) -> None:
        """The hello was not accepted."""
        self._effects.append(Reply(error_frame(error)))
        if self.dialect.asks_again:
            self.state = State.GREETING
            self.wake_at = self._hello_by
            self._effects.append(Raw(ASK_AGAIN))
        else:
            self._close(error.wire_code)

    def refuse_final(self, error: ChatError) -> None:
        """The hello was not accepted, and no other one will be."""
        self._give_up(error)

    def refuse_on_hello(self, error: ChatError) -> None:
        """Tell why, once the dialect is known, and close."""
        self._unwelcome = error

    # --- effects

    def step(self, now: float, most: int = MAX_RUN) -> Effect | None:
        """Give the next thing to do, or None for now; of messages, at most ``most`` together."""
        if self.state is not State.LIVE:
            self._watch_the_clock(now)
        while not self._effects and self.state not in (State.CLOSED, State.ENTERING):
            if not self._lines:
                self._run_dry()
                break
            if self._limits.rate and self.state is State.LIVE and self._must_wait(now):
                break
            self._take_run(now, min(most, self._at_once()))
        return self._effects.popleft() if self._effects else None

    def _watch_the_clock(self, now: float) -> None:
        if self.state is State.FRESH and self._sniff_by is not None and now >= self._sniff_by:
            self._sniff(b"", now)
        if self.state in _NOT_IN and now >= self._hello_by:
            self._give_up(NotJoined(f"no hello within {self._limits.hello_seconds:g} s"))

    def _must_wait(self, now: float) -> bool:
        ready = max(self._messages.ready_at(now), self._bytes.ready_at(now))
        self.wake_at = ready if ready > now else None
        return ready > now

    def _run_dry(self) -> None:
        if self.state in (State.GREETING, State.CHALLENGED) and (
            self._failed or self._greeting_bytes_so_far() > self._limits.hello_bytes
        ):
            self._failed = self._hello_too_long()
        if self._failed is not None and self.state is not State.FRESH:
            self._give_up(self._failed)
        elif self._ended:
            self._close("closed")
        elif self.state is State.LIVE:
            self.wake_at = None

    def _give_up(self, error: ChatError) -> None:
        self._effects.append(Reply(error_frame(error)))
        self._close(error.wire_code)

    def _close(self, why: str) -> None:
        self.state = State.CLOSED
        self.wake_at = None
        self._lines.clear()
        self._effects.append(Hangup(why))

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
            case Stranger.HTTP:
                self._effects.append(Raw(HTTP_ANSWER))
                self._close("http")
            case Stranger.TLS:
                self._effects.append(Raw(TLS_ANSWER))
                self._close("tls")
            case None:
                self._wait_for_more(now)

    def _wait_for_more(self, now: float) -> None:
        if self._sniff_by is None:
            self._sniff_by = now + SNIFF_SECONDS
            self.wake_at = min(self._sniff_by, self._hello_by)
        if len(self._first) > self._limits.hello_bytes:
            self._give_up(self._hello_too_long())

    def _greeting_bytes_so_far(self) -> int:
        return self._greeting_bytes + len(self._framer)

    def _hello_too_long(self) -> TooLong:
        return TooLong(f"a hello has at most {self._limits.hello_bytes} bytes")

    def _cut(self, data: bytes) -> None:
        if not self.dialect.framed:
            self._lines.append(data)
            return
        if self._failed is not None:
            return  # nothing that follows may be taken for a line again
        try:
            self._lines.extend(self._framer.feed(data))
        except TooLong as error:
            self._failed = error

    # --- lines

    def _at_once(self) -> int:
        """Tell how many lines may be looked at together. With a rate, each of them may be the last for now."""
        alone = self.state is not State.LIVE or bool(self._limits.rate)
        return 1 if alone else min(len(self._lines), MAX_RUN)

    def _take_run(self, now: float, count: int) -> None:
        lines = self._next(count)
        frames = self.dialect.parse_run(lines) if count > 1 else None
        if frames is None:  # one alone, one of them is bad, or a dialect that has no runs
            self._each(self._take, lines, now)
        elif {*map(type, frames)} == _SAYS_ONLY and all_allowed(
            cast(Sequence[protocol.Say], frames), self.mode, self._limits.text
        ):
            self._effects.append(Says(cast(Sequence[protocol.Say], frames)))
        else:
            self._each(self._obey, frames, now)

    def _next(self, count: int) -> list[bytes]:
        if count < len(self._lines):
            return [self._lines.popleft() for _ in range(count)]
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def _each(self, act: Callable[[_T, float], None], of: Sequence[_T], now: float) -> None:
        for one in of:
            if self.state is not State.CLOSED:
                act(one, now)

    def _take(self, line: bytes, now: float) -> None:
        try:
            if self.state is State.LIVE:
                self._bytes.take(len(line) + 1, now)
                self._obey(self.dialect.parse(line, (self.nick, self.asked)), now)
            else:
                self._greet(line)
        except (NotJson, VersionMismatch) as error:
            self._give_up(error)
        except BadFrame as error:
            if self.state is State.LIVE:
                self._messages.take(1, now)
            self._effects.append(Reply(error_frame(error)))
            if self.state is State.GREETING and self.dialect.asks_again:
                self._effects.append(Raw(ASK_AGAIN))

    def _greet(self, line: bytes) -> None:
        self._greeting_bytes += len(line) + 1
        if self._greeting_bytes > self._limits.hello_bytes:
            self._give_up(self._hello_too_long())
            return
        frame = self.dialect.parse_hello(line)
        if self.state is State.CHALLENGED:
            self._take_proof(frame)
        elif not isinstance(frame, protocol.Hello):
            self._effects.append(Reply(error_frame(NotJoined("say hello first"))))
        elif frame.v != protocol.VERSION:
            raise VersionMismatch(f"this server speaks version {protocol.VERSION}, not {frame.v}")
        elif self._unwelcome is not None:
            self._give_up(self._unwelcome)
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
            self._effects.append(Reply(error_frame(NotJoined("answer the challenge first"))))

    def _enter(self, frame: protocol.Hello | protocol.Proof) -> None:
        self.state = State.ENTERING
        self.wake_at = None
        self._effects.append(frame)

    def _obey(self, frame: ClientFrame | bytes | None, now: float) -> None:
        if frame is None:
            return
        if type(frame) not in FREE:
            self._messages.take(1, now)
        if isinstance(frame, bytes):
            self._effects.append(Raw(frame))
        elif isinstance(frame, protocol.Bye):
            self._close("bye")
        elif isinstance(frame, protocol.Pong):
            pass  # hearing it was the point
        elif error := objection(frame, self.mode, self._limits.text):
            self._effects.append(Reply(error_frame(error, getattr(frame, "id", None))))
        elif isinstance(frame, protocol.Say):
            self._effects.append(Says([frame]))
        else:
            self._effects.append(frame)

"""The directory's thread: it alone uses the directory's connection.

Lives here: the order of its work, wishes whose outcome is unknown, what happens when this server was swept. Does not
live here: the statements (presence.py), who is known (known_members.py), when to connect again (reconnecting.py),
callbacks (directory.py).

A claim that was sent and not answered stays the next one, under its number, until the engine says what came of it. What
was not sent waits for ``PATIENCE`` and is then refused. All that it reports is in the order of the engine's commits.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, MutableSequence, MutableSet, Sequence
from dataclasses import dataclass
from typing import Protocol

import psycopg

from chatctl.directory import Changed, Errand, News, Outcome, Place, Verdict, Wish
from chatctl.errors import StorageFailed
from chatctl.journal import FactKey
from chatctl.journal.postgres.engine_errors import out_of_reach, storage_failed
from chatctl.journal.postgres.errands import pieces_of
from chatctl.journal.postgres.known_members import KnownMembers
from chatctl.journal.postgres.layout import FENCED
from chatctl.journal.postgres.presence import Claimed, NewsLost, Presence
from chatctl.journal.postgres.reconnecting import Reconnector
from chatctl.journal.postgres.registering import Registration

MAX_WISHES = 256
"""Of one statement: all servers wait for it."""

FENCED_SECONDS = 0.05
"""Between two looks whether this server has its next id."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The arguments of one call of ``claim``, and the version of the facts by then."""

    wishes: Sequence[Wish]
    done: Callable[[Sequence[Verdict]], None]
    facts: int


@dataclass(frozen=True, slots=True)
class Release:
    """The arguments of one call of ``release``."""

    members: Sequence[Place]
    after: int


@dataclass(slots=True)
class Sending:
    """An errand to another server."""

    number: int
    to: Place
    errand: Errand
    expired: bool = False
    """Nobody waits for it any more: it is not sent."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The answer to another server's errand."""

    payload: str


class Hint:
    """Other servers may have changed something."""


class DirectoryEvents(Protocol):
    """Callbacks on the event loop's thread, in the order of the events."""

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call of one of these on that thread. From any thread; the order of calls is kept."""

    def told(self, news: Sequence[News]) -> None:
        """Other servers changed who is here."""

    def judged(self, claims: Sequence[Claim], verdicts: Sequence[Verdict], facts: int) -> None:
        """There are verdicts on all wishes of some claims, to be told once this version of the facts is known here."""

    def answered(self, number: int, outcome: Outcome) -> None:
        """An errand was not taken, or is done."""

    def fenced(self, places: Sequence[Place]) -> None:
        """This server was taken for dead: these places are none any more."""

    def broken(self, error: Exception) -> None:
        """The thread has ended."""


@dataclass(slots=True)
class _Attempt:
    """A call that was sent, or is about to be; then what came of it, until that is reported."""

    sid: str
    number: int
    claims: Sequence[Claim]
    claimed: Claimed | None = None


class DirectoryThread:
    """Runs until ``stop``."""

    def __init__(
        self,
        presence: Presence,
        me: Registration,
        own_changes: MutableSequence[int],
        known_facts: MutableSet[FactKey],
        known: KnownMembers,
        events: DirectoryEvents,
        look: Callable[[], None],
    ) -> None:
        """Take over an open connection.

        Args:
            presence: connected.
            me: this server, whose id the journal changes when it was swept.
            own_changes: versions of the facts that are this server's own; those of claims are added.
            known_facts: those that have a value; those of claims are added.
            known: who is here, as of the connection's newest snapshot.
            events: gets what comes of it.
            look: has the journal look whether this server was swept.
        """
        self._presence = presence
        self._me = me
        self._own_changes = own_changes
        self._known_facts = known_facts
        self._known = known
        self._events = events
        self._look = look
        self._link = Reconnector(presence, lambda *_: None)  # the journal tells of it
        self._queue: queue.SimpleQueue[Claim | Release | Sending | Answering | Hint | None] = queue.SimpleQueue()
        self._orders: deque[Claim | Release] = deque()
        self._letters: deque[Sending | Answering] = deque()
        self._attempt: _Attempt | None = None
        self._number = 0
        self._is_level = True
        self._mark = me.mark
        self._is_swept = False
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="directory", daemon=True)

    # --- from other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, item: Claim | Release | Sending | Answering | Hint) -> None:
        """Queue something to be done."""
        self._queue.put(item)

    def stop(self) -> None:
        """Make the thread end. Claims that wait are refused."""
        self._queue.put(None)

    # --- the thread

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                self._run_once()
        except Exception as error:  # noqa: BLE001 — a thread that died silently would leave every caller waiting
            self._events.post(self._events.broken, error)
        finally:
            self._presence.disconnect()
            self._refuse(StorageFailed("the journal is closed"))

    def _run_once(self) -> None:
        pause = self._link.wait
        self._take(FENCED_SECONDS if pause is None and self._is_swept else pause)
        if not self._link.connect():
            if self._link.is_late:
                self._refuse(out_of_reach())
            return
        try:
            self._work()
        except NewsLost:
            self._is_level = False
            self._queue.put(Hint())
        except psycopg.Error as error:
            if not self._presence.is_connected:
                self._link.lose()
            elif error.sqlstate == FENCED:
                self._fence()

    def _take(self, seconds: float | None) -> None:
        """Sort everything that is queued. Wait so many seconds for a first item; None: for ever."""
        try:
            item = self._queue.get(seconds != 0, seconds or None)
            while True:
                match item:
                    case Claim() | Release():
                        self._orders.append(item)
                    case Sending() | Answering():
                        self._letters.append(item)
                    case None:
                        self._is_stopping = True
                item = self._queue.get_nowait()
        except queue.Empty:
            pass

    def _work(self) -> None:
        is_waiting = self._is_swept and self._me.sid == self._known.sid  # for its next id
        if not is_waiting and (not self._is_level or self._me.mark != self._mark):
            self._level()
        if self._me.sid != self._known.sid:
            self._begin_anew()
        if self._is_swept:
            self._look()
        else:
            self._report()
            self._do_orders()
        self._send_letters()
        self._read_news()

    def _refuse(self, error: StorageFailed) -> None:
        """Refuse claims that never reached the engine. What is to be released stays."""
        claims = [one for one in self._orders if isinstance(one, Claim)]
        self._orders = deque(one for one in self._orders if isinstance(one, Release))
        self._judge(claims, [error for one in claims for _ in one.wishes])

    def _judge(self, claims: Sequence[Claim], verdicts: Sequence[Verdict], facts: int = 0) -> None:
        if claims:
            self._events.post(self._events.judged, claims, verdicts, facts)

    # --- orders

    def _do_orders(self) -> None:
        while self._attempt or self._orders:
            if self._attempt is None and isinstance(first := self._orders[0], Release):
                self._release(first.after)
                continue
            self._attempt = self._attempt or self._next_attempt()
            try:
                self._call(self._attempt)
            except psycopg.Error as error:
                if not self._presence.is_connected or error.sqlstate == FENCED:
                    raise  # what came of it is unknown, or this server's next id decides
                failed, self._attempt = self._attempt, None
                self._judge(failed.claims, [storage_failed(error) for one in failed.claims for _ in one.wishes])
            else:
                self._report()

    def _release(self, after: int) -> None:
        """Give up the next places, all that are told after the same entry: a call for each holds up what waits."""
        alike: list[Release] = []
        for one in self._orders:
            if not isinstance(one, Release) or one.after != after:
                break
            alike.append(one)
        members = [place for one in alike for place in one.members]
        here = [place.number for place in members if place.server == self._known.sid]
        self._presence.release(self._known.sid, here, after)
        self._known.lose_own(members)
        for _ in alike:
            self._orders.popleft()

    def _next_attempt(self) -> _Attempt:
        claims: list[Claim] = []
        wishes = 0
        while self._orders and isinstance(one := self._orders[0], Claim):
            wishes += len(one.wishes)
            if claims and wishes > MAX_WISHES:
                break
            self._orders.popleft()
            claims.append(one)
        self._number += 1
        return _Attempt(self._known.sid, self._number, claims)

    def _call(self, attempt: _Attempt) -> None:
        facts = min(one.facts for one in attempt.claims)
        own = [version for version in tuple(self._own_changes) if version > facts]
        wishes = [wish for one in attempt.claims for wish in one.wishes]
        attempt.claimed = self._presence.claim(attempt.sid, attempt.number, wishes, facts, own)
        self._own_changes.extend(attempt.claimed.versions)
        for wish in wishes:
            self._known_facts |= wish.facts.keys()

    def _report(self) -> None:
        """Report the news up to where wishes were judged, then the verdicts."""
        if self._attempt is None or self._attempt.claimed is None:
            return
        attempt, claimed = self._attempt, self._attempt.claimed
        self._read_news(claimed.at)
        self._attempt = None
        wishes = [wish for one in attempt.claims for wish in one.wishes]
        self._known.judged(wishes, claimed.verdicts)
        is_changed = any(isinstance(verdict, Changed) for verdict in claimed.verdicts)
        self._judge(attempt.claims, claimed.verdicts, claimed.facts if is_changed else 0)

    # --- letters

    def _send_letters(self) -> None:
        while self._letters:
            letter = self._letters.popleft()  # not sent again if the connection is lost: it may have been heard
            match letter:
                case Answering(payload):
                    self._presence.notify([payload])
                case Sending(number, to, errand, expired):
                    pieces = pieces_of(self._known.sid, number, to, errand)
                    if not expired and not self._presence.notify(pieces, to):
                        self._events.post(self._events.answered, number, "absent")

    # --- news

    def _read_news(self, to: int | None = None) -> None:
        """Report the news, at least up to number ``to``, at most so far. Raises NewsLost."""
        while True:
            news: list[News] = []
            before = self._known.last
            for number, by_sid, one in self._presence.news(before):
                if to is not None and number > to:
                    break
                if self._known.take(number, by_sid, one) and one is not None:
                    news.append(one)
            if news:
                self._events.post(self._events.told, news)
            if self._known.last == before:
                break
        if to is not None and self._known.last < to:
            raise NewsLost

    def _level(self) -> None:
        """Report what a snapshot has that was not known. If this server's own differ, it begins anew.

        Some may be missing, and some there that were given up, where the engine has lost what it had committed.
        """
        snapshot = self._presence.snapshot()
        with contextlib.suppress(NewsLost):  # of this server's own it tells what was given up, renamed and taken over
            self._read_news(snapshot.last)
        if news := self._known.level(snapshot):
            self._events.post(self._events.told, news)
        self._mark = self._me.mark
        self._is_level = (
            self._attempt is None
        )  # else what came of it may be among them: looked at again when it is known
        if self._me.sid == self._known.sid and not self._known.has_own(snapshot, exactly=self._is_level):
            self._presence.leave_behind(self._known.sid)
            self._fence()

    # --- swept

    def _fence(self) -> None:
        self._is_swept = True
        self._look()

    def _begin_anew(self) -> None:
        """Go on as the next incarnation. What was not committed by the one before is refused."""
        if self._attempt is not None and self._attempt.claimed is None:
            answer = self._presence.claim(self._me.sid, self._attempt.number, [], 0, ())
            if answer.sid == self._attempt.sid:
                self._attempt.claimed = answer
                self._own_changes.extend(answer.versions)
            else:
                self._orders.extendleft(reversed(self._attempt.claims))
                self._attempt = None
        self._report()
        self._refuse(StorageFailed("this server was cut off from the others: try again"))
        self._orders.clear()
        self._read_news()
        self._is_swept = False
        self._events.post(self._events.fenced, self._known.begin_anew(self._me.sid))

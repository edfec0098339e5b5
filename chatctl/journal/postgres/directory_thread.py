"""The directory's thread: it alone uses the directory's connection.

Lives here: the order of its work, wishes whose outcome is unknown, what happens when this server was swept. Does not
live here: which orders are done together (waiting_orders.py), the statements (presence.py), who is known
(known_members.py), when to connect again (reconnecting.py), callbacks (directory.py).

A claim that was sent and not answered stays the next one, under its number, until the engine says what came of it. What
was not sent waits for ``PATIENCE`` and is then refused. All that it reports is in the order of the engine's commits.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, MutableSequence, MutableSet, Sequence

import psycopg

from chatctl.directory import Changed, News, Verdict
from chatctl.errors import StorageFailed
from chatctl.journal import FactKey
from chatctl.journal.postgres.directory_work import (
    Answering,
    Arriving,
    Claim,
    DirectoryEvents,
    Hint,
    Reaching,
    Release,
    Sending,
)
from chatctl.journal.postgres.engine_errors import out_of_reach, storage_failed
from chatctl.journal.postgres.errands import pieces_of
from chatctl.journal.postgres.known_members import KnownMembers
from chatctl.journal.postgres.layout import FENCED
from chatctl.journal.postgres.presence import Heads, NewsLost, Presence
from chatctl.journal.postgres.reconnecting import Reconnector
from chatctl.journal.postgres.registering import Registration
from chatctl.journal.postgres.waiting_orders import ClaimAttempt, WaitingOrders

FENCED_SECONDS = 0.05
"""Between two looks whether this server has its next id."""


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
        self._queue: queue.SimpleQueue[Claim | Release | Sending | Answering | Arriving | Reaching | Hint | None] = (
            queue.SimpleQueue()
        )
        self._waiting = WaitingOrders()
        self._letters: deque[Sending | Answering] = deque()
        self._arriving: list[Arriving] = []
        self._reaching: list[Reaching] = []
        self._is_level = True
        self._mark = me.mark
        self._is_swept = False
        self._is_stopping = False
        self._is_told = False
        self._thread = threading.Thread(target=self._run, name="directory", daemon=True)

    # --- from other threads

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, item: Claim | Release | Sending | Answering | Arriving | Reaching | Hint) -> None:
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
            self._report_reached(None)

    def _run_once(self) -> None:
        pause = self._link.wait
        self._take(FENCED_SECONDS if pause is None and self._is_swept else pause)
        if not self._link.connect():
            self._report_reached(None)  # readers are let in all the same
            if self._link.is_late:
                self._refuse(out_of_reach(self._link.unfit))
                if not self._is_told and self._link.why is not None:
                    self._is_told = True
                    self._events.post(self._events.unreachable, self._link.why)
            return
        self._is_told = False
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
                        self._waiting.orders.append(item)
                    case Sending() | Answering():
                        self._letters.append(item)
                    case Arriving():
                        self._arriving.append(item)
                    case Reaching():
                        self._reaching.append(item)
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
        self._hand_letters_on()
        self._send_letters()
        heads = self._presence.heads({one.room for one in self._reaching}) if self._reaching else None
        self._read_news()
        self._report_reached(None if self._is_stopping else heads)

    def _refuse(self, error: StorageFailed) -> None:
        """Refuse claims that never reached the engine. What is to be released stays."""
        claims = self._waiting.drop_claims()
        self._judge(claims, [error for one in claims for _ in one.wishes])

    def _judge(self, claims: Sequence[Claim], verdicts: Sequence[Verdict], facts: int = 0) -> None:
        if claims:
            self._events.post(self._events.judged, claims, verdicts, facts)

    # --- orders

    def _do_orders(self) -> None:
        while (order := self._waiting.next(self._known.sid)) is not None:
            if isinstance(order, list):
                self._release(order)
                continue
            try:
                self._call(order)
            except psycopg.Error as error:
                if not self._presence.is_connected or error.sqlstate == FENCED:
                    raise  # what came of it is unknown, or this server's next id decides
                self._waiting.attempt = None
                self._judge(order.claims, [storage_failed(error)] * len(order.wishes))
            else:
                self._report()

    def _release(self, releases: Sequence[Release]) -> None:
        members = [place for one in releases for place in one.members]
        here = [place.number for place in members if place.server == self._known.sid]
        self._presence.release(self._known.sid, here, releases[0].after)
        self._known.lose_own(members)
        self._waiting.released(releases)

    def _call(self, attempt: ClaimAttempt) -> None:
        facts = min(one.facts for one in attempt.claims)
        own = [version for version in tuple(self._own_changes) if version > facts]
        wishes = attempt.wishes
        attempt.claimed = self._presence.claim(attempt.sid, attempt.number, wishes, facts, own)
        self._own_changes.extend(attempt.claimed.versions)
        for wish in wishes:
            self._known_facts |= wish.facts.keys()

    def _report(self) -> None:
        """Report the news up to where wishes were judged, then the verdicts."""
        attempt = self._waiting.attempt
        if attempt is None or (claimed := attempt.claimed) is None:
            return
        self._read_news(claimed.at)
        self._waiting.attempt = None
        self._known.judged(attempt.wishes, claimed.verdicts)
        is_changed = any(isinstance(verdict, Changed) for verdict in claimed.verdicts)
        self._judge(attempt.claims, claimed.verdicts, claimed.facts if is_changed else 0)

    # --- letters

    def _hand_letters_on(self) -> None:
        arriving, self._arriving = self._arriving, []
        for one in arriving:
            self._events.post(self._events.arrived, one.server, one.piece)

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

    def _report_reached(self, heads: Heads | None) -> None:
        asked, self._reaching = self._reaching, []
        if asked:
            self._events.post(self._events.reached, asked, heads)

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
        # What came of an attempt may be among them: looked at again when it is known.
        self._is_level = self._waiting.attempt is None
        if self._me.sid == self._known.sid and not self._known.has_own(snapshot, exactly=self._is_level):
            self._presence.leave_behind(self._known.sid)
            self._fence()

    # --- swept

    def _fence(self) -> None:
        self._is_swept = True
        self._look()

    def _begin_anew(self) -> None:
        """Go on as the next incarnation. What was not committed by the one before is refused."""
        attempt = self._waiting.attempt
        if attempt is not None and attempt.claimed is None:
            answer = self._presence.claim(self._me.sid, attempt.number, [], 0, ())
            if answer.sid == attempt.sid:
                attempt.claimed = answer
                self._own_changes.extend(answer.versions)
            else:
                self._waiting.put_back()
        self._report()
        self._refuse(StorageFailed("this server was cut off from the others: try again"))
        self._waiting.orders.clear()
        self._read_news()
        self._is_swept = False
        self._events.post(self._events.fenced, self._known.begin_anew(self._me.sid))

"""The directory of servers that share a schema: who is here under which name, at all of them.

Lives here: the event loop's side, which implements ``Directory``; errands that wait for an answer; watchers. Does not
live here: the thread (directory_thread.py), the statements (presence.py), hints and beats (watcher.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import psycopg

from chatctl.directory import Errand, News, OnErrand, Outcome, Place, Remote, Verdict, Wish
from chatctl.journal.postgres.directory_thread import DirectoryThread
from chatctl.journal.postgres.directory_work import Answering, Arriving, Claim, Hint, Reaching, Release, Sending
from chatctl.journal.postgres.engine_errors import EngineUnfit, open_error
from chatctl.journal.postgres.errands import ANSWERED, SENT, Inbox, Received, answer_of, read_answer
from chatctl.journal.postgres.journal import PostgresJournal
from chatctl.journal.postgres.known_members import KnownMembers
from chatctl.journal.postgres.presence import Heads, Presence

ANSWER_SECONDS = 2.0
"""How long another server may take for an errand, and the engine for what is asked of it here."""

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class PostgresDirectory:
    """Implements ``Directory`` beside an open journal, and ends with it."""

    def __init__(self, journal: PostgresJournal, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Connect, and learn who is here. Blocks: do it before accepting anybody.

        Raises:
            ChatError: it can't be read; the text says why.
        """
        self._journal = journal
        self._loop = loop or asyncio.get_running_loop()
        self._me = journal.me
        self._place = journal.place
        presence = Presence(journal.place, self._me)
        try:
            presence.reconnect()
            snapshot = presence.snapshot()
        except (psycopg.Error, EngineUnfit) as error:
            presence.disconnect()
            raise open_error(journal.place, error) from None
        self._known = KnownMembers(self._me.sid, snapshot)
        self._thread = DirectoryThread(
            presence,
            self._me,
            journal.own_changes,
            journal.known_facts,
            self._known,
            self,
            lambda: journal.look(None),
        )
        self._follower: Callable[[Sequence[News]], None] = lambda _: None
        self._do_errand: OnErrand = lambda *_: "absent"
        self._on_fenced: Callable[[Sequence[Place]], None] = lambda _: None
        self._counts: Callable[[], Mapping[str, int]] = dict
        self._elsewhere: Counter[str] = Counter()
        self._inbox = Inbox()
        self._errands: dict[int, Callable[[Outcome], None]] = {}
        self._number = 0
        self._is_silent = False  # one took too long, and none was answered since
        self._reports: deque[tuple[int, Callable[[], None]]] = deque()  # each waits for a version of the facts
        journal.on_version(self._run_reports)
        journal.share(self)

    # --- Directory

    def claim(self, wishes: Sequence[Wish], done: Callable[[Sequence[Verdict]], None]) -> None:
        """Implement ``Directory.claim``."""
        self._thread.put(Claim(wishes, done, self._journal.version))

    def reach(self, room: str, done: Callable[[int | None], None]) -> None:
        """Implement ``Directory.reach``."""
        if self._is_silent:
            done(None)
            return
        reaching = Reaching(room, done)
        self._loop.call_later(ANSWER_SECONDS, self._give_up, reaching)
        self._thread.put(reaching)

    def hand_over(self) -> None:
        """Give no more places up: this server ends, and members go on at others with theirs, if there are any."""
        self._me.hands_over = True

    def release(self, members: Sequence[Place], after: int) -> None:
        """Implement ``Directory.release``."""
        if self._me.hands_over:
            return
        self._thread.put(Release(members, after))

    def follow(self, news: Callable[[Sequence[News]], None]) -> Sequence[Remote]:
        """Implement ``Directory.follow``."""
        self._follower = news
        remotes = self._known.remotes()
        self._thread.start()
        return remotes

    def send(self, to: Place, errand: Errand, done: Callable[[Outcome], None]) -> None:
        """Implement ``Directory.send``."""
        if to.server == self._me.sid:
            done(self._do_errand(to, errand))
            return
        self._number += 1
        self._errands[self._number] = done
        sending = Sending(self._number, to, errand)
        self._loop.call_later(ANSWER_SECONDS, self._expire, sending)
        self._thread.put(sending)

    def on_errand(self, call: OnErrand) -> None:
        """Implement ``Directory.on_errand``."""
        self._do_errand = call

    def on_fenced(self, call: Callable[[Sequence[Place]], None]) -> None:
        """Implement ``Directory.on_fenced``."""
        self._on_fenced = call

    def count_watchers(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Implement ``Directory.count_watchers``."""
        self._counts = counts

    def watchers(self, room: str) -> int:
        """Implement ``Directory.watchers``."""
        return self._elsewhere[room]

    def stop(self) -> None:
        """End the thread. Claims that wait are refused."""
        self._thread.stop()

    # --- what the thread reports

    def post(self, call: Callable[..., None], *args: object) -> None:
        """Schedule a call on the loop's thread. From any thread."""
        self._journal.post(call, *args)

    def told(self, news: Sequence[News]) -> None:
        """Hand news out."""
        self._report(0, lambda: self._follower(news))

    def judged(self, claims: Sequence[Claim], verdicts: Sequence[Verdict], facts: int) -> None:
        """Call back with each claim's verdicts."""
        at = 0
        for claim in claims:
            to = at + len(claim.wishes)
            self._report(facts, partial(claim.done, verdicts[at:to]))
            at = to

    def answered(self, number: int, outcome: Outcome) -> None:
        """Call back with what came of an errand, unless that was done."""
        done = self._errands.pop(number, None)
        if done is not None:
            done(outcome)

    def arrived(self, server: str, piece: str) -> None:
        """Do an errand, once all verdicts before it were told."""
        self._report(0, lambda: self._receive(server, piece))

    def reached(self, asked: Sequence[Reaching], heads: Heads | None) -> None:
        """Call back once the facts of that time are known here."""
        facts = 0 if heads is None else heads.facts
        if facts > self._journal.version:
            self._journal.look(None)
        for one in asked:
            last = None if heads is None else heads.rooms.get(one.room, 0)
            self._report(facts, partial(self._answer, one, last))

    def fenced(self, places: Sequence[Place]) -> None:
        """Report that this server begins anew."""
        self._report(0, lambda: self._on_fenced(places))

    def unreachable(self, why: str) -> None:
        """Tell that no names can be assigned."""
        self._journal.directory_lost(why)

    def broken(self, error: Exception) -> None:
        """End the server: names can't be given any more."""
        self._journal.fail(error)

    def _report(self, facts: int, call: Callable[[], None]) -> None:
        self._reports.append((facts, call))
        self._run_reports(self._journal.version)

    def _run_reports(self, version: int) -> None:
        while self._reports and self._reports[0][0] <= version:
            _, call = self._reports.popleft()
            try:
                call()
            except Exception as error:  # noqa: BLE001 — the other callbacks must run
                self._loop.call_exception_handler({"message": "a directory's callback failed", "exception": error})

    def _answer(self, reaching: Reaching, last: int | None) -> None:
        self._is_silent = False
        reaching.answer(last)

    def _give_up(self, reaching: Reaching) -> None:
        if reaching.done is not None:
            self._is_silent = True
            reaching.answer(None)

    def _expire(self, sending: Sending) -> None:
        sending.expired = True
        self.answered(sending.number, "unknown")

    # --- what the watcher hears, on its thread

    def look(self, room: str | None) -> None:
        """Look soon at who came and went; a hint about what was said in a room is none."""
        if room is None:
            self._thread.put(Hint())

    def heard(self, kind: str, what: str) -> None:
        """Take a note that is neither about entries nor facts."""
        server, _, rest = what.partition(" ")
        if kind == SENT and server == self._me.sid:
            self._thread.put(Arriving(server, rest))
        elif kind == ANSWERED and server == self._me.sid and (answer := read_answer(rest)) is not None:
            self.post(self.answered, *answer)
        elif kind == "p":
            self._thread.put(Hint())

    def _receive(self, server: str, rest: str) -> None:
        received: Received | None = self._inbox.take(server, rest)
        if received is not None:
            outcome = self._do_errand(received.to, received.errand)
            self._thread.put(Answering(answer_of(received, outcome)))

    def beaten(self, watchers: Mapping[str, str]) -> None:
        """Take what the beats of the other servers tell of their watchers."""
        self.post(self._count, list(watchers.values()))

    def _count(self, counts: Sequence[str]) -> None:
        self._elsewhere = Counter()
        for one in counts:
            with contextlib.suppress(ValueError):  # a newer server's
                self._elsewhere.update(_decode_counts(one))
        own = {room: count for room, count in self._counts().items() if count}
        self._me.watchers = msgspec.json.encode(own).decode()

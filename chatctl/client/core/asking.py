"""Asking a room: from before the question is said until the room knows how it ended.

Lives here: which answers count, the deadline, telling the room. Does not live here: the wording of the question and
what a message says about it (question.py), saying (speaker.py), following (follower.py), what a command prints
(commands/ask.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chatctl.client.core.approvals import Approvals
from chatctl.client.core.author_key import AuthorKeys, insist_on_feature
from chatctl.client.core.awaited import absent_note
from chatctl.client.core.deadline import Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.features import require_feature
from chatctl.client.core.follower import Follower
from chatctl.client.core.held_lease import FEATURE, HeldLease
from chatctl.client.core.question import Question, Reading, new_tag
from chatctl.client.core.subscription import CONNECT_SECONDS
from chatctl.common.names import fold_any
from chatctl.errors import ChatError, Closed, ConditionNotMet, OutcomeUnknown, Rejected, Unreachable
from chatctl.protocol import Gap, LeaseState, Msg, Welcome

if TYPE_CHECKING:
    from chatctl.client.core.speaker import Speaker

OUTCOME_SECONDS = 15.0
"""Time for saying the question, and for telling the room how it ended."""

RELEASE_SECONDS = 2.0
"""Time for telling the server that the question is over. It finds out by itself a minute later."""

AT_ONCE_SECONDS, LAST_WORD_SECONDS = 0.12, 0.04
"""Time for telling the room after a signal, and then for leaving it to the server, which tells as soon as it can."""

MAX_TOLD = 20
"""Whispers about one question, of why an answer does not count: anybody can make up more nicknames and answers."""

TAG_LENGTHS = (2, 2, 2, 2, 3, 3, 4, 6)
"""Characters of the tags that are tried: others may have the short ones."""

NewLease = Callable[[str], HeldLease]
"""Makes the lease of a question with this tag."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The ``choice`` that was made, its ``index`` from 0, and the message ``entry`` that decided it."""

    choice: str
    index: int
    entry: Msg
    approvals: tuple[Msg, ...] = ()
    """What the owners said who made the first choice, one message for each; only where they are counted."""

    @property
    def nicks(self) -> list[str]:
        """Who made the choice."""
        return [entry.nick for entry in self.approvals] if self.approvals and self.index == 0 else [self.entry.nick]


class Asking:
    """One question, from before it is asked until the room knows how it ended."""

    def __init__(
        self,
        question: Question,
        follower: Follower,
        speaker: Speaker,
        authors: AuthorKeys,
        notice: Callable[[str], None],
        new_lease: NewLease,
    ) -> None:
        """``notice`` receives a line for a person about each answer that does not count."""
        self._question = question
        self._authors = authors
        self._follower = follower
        self._speaker = speaker
        self._notice = notice
        self._new_lease = new_lease
        self._lease: HeldLease | None = None
        self._approvals = Approvals()
        self._told: set[tuple[str, str]] = set()
        self._epoch = ""
        self._may_be_open = False  # the question may be in the room, and how it ended is not

    async def ask(self, seconds: float) -> Answer:
        """Ask, and return the first answer, or with ``approvals`` the last one that it took.

        Once the question was said, the room is told however it ends: by us, or after a signal's exception or the end of
        our task by the server, if we can't within AT_ONCE_SECONDS.

        Raises:
            ConditionNotMet: none arrived within ``seconds``; or the server has withdrawn the question.
            ChatError: as ``Speaker.say`` and ``Follower.next``.
        """
        try:
            return await self._to_its_end(Deadline.after(seconds, self._follower.now), seconds)
        except (Closed, ReaderGone):
            await self._withdraw_at_once()
            raise Closed("the room was closed before the question was answered") from None
        except ChatError:
            raise
        except BaseException:
            await self._withdraw_at_once()
            raise
        finally:
            self._follower.close()

    async def _to_its_end(self, deadline: Deadline, seconds: float) -> Answer:
        # Watch before the question is said, so that no answer can be missed.
        welcome = await self._follower.open(deadline.sooner(CONNECT_SECONDS))
        self._epoch = welcome.epoch
        try:
            await self._prepare(welcome, deadline.sooner(CONNECT_SECONDS))
            await self._note_absent(deadline.sooner(CONNECT_SECONDS))
        except DeadlinePassed:
            raise Unreachable("the server accepted the hello, but does not answer in time: nothing was asked") from None
        try:
            answer = await self._asked(seconds, deadline)
        except ChatError:
            soon = Deadline.after(RELEASE_SECONDS, self._follower.now)
            await self._follower.release(soon, withdraw=self._may_be_open)
            raise
        await self._follower.release(Deadline.after(RELEASE_SECONDS, self._follower.now))
        return answer

    async def _withdraw_at_once(self) -> None:
        """Withdraw the question, however the server is: whoever sent the signal does not wait."""
        why = await self._tell("withdrawn", AT_ONCE_SECONDS) if self._may_be_open else ""
        soon = Deadline.after(LAST_WORD_SECONDS, self._follower.now)
        is_sent = await self._follower.release(soon, withdraw=bool(why))
        if why and not is_sent:
            self._note_untold(why)

    async def _prepare(self, welcome: Welcome, deadline: Deadline) -> None:
        """Get a tag that no other question has. An older server has none; all is as it was then."""
        if self._question.keys:
            insist_on_feature(welcome)
        if self._question.approvals is not None:
            require_feature(welcome, FEATURE, "counting approvals")
        if FEATURE not in welcome.features:
            return
        for length in TAG_LENGTHS:
            lease = self._new_lease(new_tag(self._follower.random_bytes, self._question.choices, length))
            if await self._follower.hold(lease, deadline):
                self._lease = lease
                self._question = replace(self._question, tag=lease.name)
                return
        raise Rejected("the room has too many open questions: try again later")

    async def _note_absent(self, deadline: Deadline) -> None:
        """Tell the asker if those who may answer are not in the room: else the command would just seem to hang."""
        question = self._question
        if not question.nicks:
            return
        others = [nick for nick in await self._follower.members(deadline) if fold_any(nick) != question.asker]
        if line := absent_note(question.nicks, others, question.approvals or 1):
            self._notice(line)

    async def _asked(self, seconds: float, deadline: Deadline) -> Answer:
        seq, self._may_be_open = None, True
        try:
            question = self._question
            ack = await self._speaker.say(
                question.message(), asks=question.tag or None, retry_for=min(seconds, OUTCOME_SECONDS)
            )
            seq = ack.seq or 0
            if self._lease is not None:
                self._lease.asked(self._epoch, seq)
            answer = await self._answer(seq, deadline)
            how = f"{answer.choice} ({', '.join(answer.nicks)})" if answer else "no answer in time"
            if answer is None and question.approvals is not None:
                how = f"too few answered {question.choices[0]} in time"
            self._note_untold(await self._tell(how, OUTCOME_SECONDS))
        except ChatError as error:
            if seq is not None and not isinstance(error, Closed):
                self._note_untold(await self._tell(f"withdrawn ({error.text})"))
            self._may_be_open = isinstance(error, Closed | OutcomeUnknown)
            raise
        self._may_be_open = False
        if answer is None:
            raise ConditionNotMet("no answer in time" if question.approvals is None else how)
        return answer

    async def _tell(self, how: str, retry_for: float | None = None) -> str:
        """Tell the room; return why that failed, which does not change the outcome; empty if it did not."""
        try:
            await self._speaker.say(self._question.outcome(how), retry_for=retry_for)
        except ChatError as error:
            return error.text
        return ""

    def _note_untold(self, why: str) -> None:
        if why:
            self._notice(f"chatctl: the room does not know how it ended: {why}")

    # --- answers

    async def _answer(self, asked: int, deadline: Deadline) -> Answer | None:
        """Return the answer that decides, after entry number ``asked``, the question; None if none arrived in time."""
        try:
            while (entry := await self._follower.next(deadline)) is not None:
                if isinstance(entry, Gap):
                    self._notice(f"({_lost(entry)}: an answer may be among them)")
                elif entry.seq <= asked and not self._is_another_log():
                    continue
                elif (answer := await self._decided(entry, deadline)) is not None:
                    return answer
            raise ReaderGone
        except DeadlinePassed:
            return None

    def _is_another_log(self) -> bool:
        """Tell whether the log was replaced: its numbers start anew, and all its entries follow the question."""
        place = self._follower.cursor.resume
        return place is not None and place.epoch != self._epoch

    async def _decided(self, entry: Msg, deadline: Deadline) -> Answer | None:
        """Return the answer, if this entry decides the question. Both sides are told of one that does not count."""
        reading = None if entry.action else self._question.read(entry.text)
        if reading is None or not await self._may_answer(entry, reading) or reading.choice is None:
            return None
        state = await self._lease.look(entry.seq, deadline) if self._lease is not None else None
        if why := self._why_not(state, reading):
            await self._ignored(entry, why)
            return None
        if not await self._has_key(entry, deadline):
            return None
        if self._question.approvals is None or reading.choice > 0:
            choice = self._question.choices[reading.choice]
            return Answer(choice, reading.choice, entry, tuple(self._approvals.entries))
        return await self._counted(entry, state.by if state is not None else [], self._question.approvals)

    async def _may_answer(self, entry: Msg, reading: Reading) -> bool:
        nick = fold_any(entry.nick)
        if nick == self._question.asker:
            await self._ignored(entry, "that is our own nickname: ask under another one")
            return False
        if self._question.nicks and nick not in self._question.nicks:
            await self._ignored(entry, f"only {' or '.join(self._question.nicks)} may answer")
            return False
        if reading.problem:
            await self._ignored(entry, reading.problem)
        return not reading.problem

    def _why_not(self, state: LeaseState | None, reading: Reading) -> str:
        """Return why an answer does not count, as far as the server tells; empty if it does."""
        if state is None:
            return ""
        others = [tag for tag in state.open if tag != self._question.tag]
        if others and not reading.tagged:
            wanted = f"{self._question.tag} {self._question.choices[reading.choice or 0]}"
            return f"other questions are open ({', '.join(others)}): type '{wanted}'"
        if self._question.approvals is None:
            return ""
        if state.own:
            return "it is from whoever asks: the same key, or the same token on this machine"
        if not state.by and reading.choice == 0:
            return "its owner is not known: answer from chatctl join, after the question"
        return ""

    async def _counted(self, entry: Msg, marks: list[str], needed: int) -> Answer | None:
        """Count an approval; return the answer if it was the last one."""
        choice = self._question.choices[0]
        if not self._approvals.add(entry, marks):
            await self._ignored(entry, f"the same owner has chosen {choice} before")
        approvals = tuple(self._approvals.entries)
        if len(approvals) >= needed:
            return Answer(choice, 0, entry, approvals)
        self._notice(f"({choice}: {len(approvals)} of {needed})")
        return None

    async def _has_key(self, entry: Msg, deadline: Deadline) -> bool:
        if not self._question.keys:
            return True
        try:
            key = await self._authors.key_of(entry, deadline)
        except (DeadlinePassed, Unreachable, Rejected) as error:
            deadline.left()  # raises, if it was our time that passed
            await self._ignored(entry, f"its key can't be looked up: {error.text}")
            return False
        if key not in self._question.keys:
            no_key = f"the name is not bound to a key: {entry.nick} has to 'chatctl join' once with one"
            await self._ignored(entry, "its key is not one of those that may answer" if key else no_key)
        return key in self._question.keys

    async def _ignored(self, entry: Msg, why: str) -> None:
        """Tell the asker; and whoever said it, once for each reason: else they wait for what does not come."""
        self._notice(f"(ignored {entry.nick}: {why})")
        nick = fold_any(entry.nick)
        if nick == self._question.asker or (nick, why) in self._told or len(self._told) >= MAX_TOLD:
            return
        self._told.add((nick, why))
        with contextlib.suppress(ChatError):  # who is no member can't be told; the question goes on
            await self._speaker.whisper(entry.nick, self._question.ignored(why), None)


def _lost(gap: Gap) -> str:
    number = gap.to - gap.from_ + 1
    return f"{number} messages can't be shown ({gap.why})" if number > 0 else f"messages can't be shown ({gap.why})"

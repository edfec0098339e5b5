"""Asking a room and taking the first answer that counts.

Lives here: what is said, what counts as an answer, how long is waited, that the room hears how it ended. Does not live
here: saying (say.py), following across broken connections (follow.py), who is told on which stream (commands/ask.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.follower import CONNECT_SECONDS, Follower
from chatctl.common.names import fold_any
from chatctl.errors import ChatError, ConditionNotMet
from chatctl.protocol import Gap, Msg

if TYPE_CHECKING:
    from chatctl.client.core.speaker import Speaker

OUTCOME_SECONDS = 15.0
"""How long it is tried to have the question said, and to tell the room how it ended."""

MAX_QUOTED = 200
"""Characters of the question that stand before its outcome."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of whom: ``nicks`` are folded, and empty for everybody; ``asker`` is folded, too."""

    text: str
    choices: Sequence[str]
    asker: str
    nicks: Collection[str] = ()

    @property
    def numbered(self) -> bool:
        """Whether a choice's number stands for it: not where a choice is a number itself."""
        return not any(choice.strip().isdecimal() for choice in self.choices)

    def trouble(self) -> str | None:
        """Give what is wrong with it, if there is something."""
        plain = [_plain(choice) for choice in self.choices]
        if not self.text.strip() or not plain or not all(plain):
            return "a question and each choice need a text"
        if len(set(plain)) < len(plain):
            return "two choices are the same"
        return "a choice is one line" if any("\n" in choice for choice in self.choices) else None

    def said(self) -> str:
        """Give what is said in the room."""
        shown = (f"[{n}] {choice}" for n, choice in enumerate(self.choices, 1)) if self.numbered else self.choices
        how = "the choice or its number" if self.numbered else "the choice"
        whom = f", {' or '.join(self.nicks)} alone" if self.nicks else ""
        return f"{self.text}  {'  '.join(shown)}  (answer with {how}{whom})"

    def choice_of(self, text: str) -> int | None:
        """Give which choice a message is, from 0; None for one that is none."""
        said = _plain(text)
        for prefix in (f"{self.asker}:", f"{self.asker},", f"@{self.asker}"):
            said = said.removeprefix(prefix).strip()
        plain = [_plain(choice) for choice in self.choices]
        if said in plain:
            return plain.index(said)
        if self.numbered and said.isascii() and said.isdecimal() and 1 <= int(said[:4]) <= len(plain):
            return int(said[:4]) - 1
        return None

    def outcome(self, how: str) -> str:
        """Give what the room is told of how it ended."""
        quoted = self.text if len(self.text) <= MAX_QUOTED else self.text[:MAX_QUOTED] + "..."
        return f"{quoted}  -> {how}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Answer:
    """The ``choice`` that was made, its ``index`` among them from 0, and the message (``entry``) that made it."""

    choice: str
    index: int
    entry: Msg


class Asking:
    """One question, from before it is asked until the room knows how it ended."""

    def __init__(self, question: Question, follower: Follower, speaker: Speaker, notice: Callable[[str], None]) -> None:
        """``notice`` is told, in a line for a person, of what is like an answer and does not count."""
        self._question = question
        self._follower = follower
        self._speaker = speaker
        self._notice = notice
        self._epoch = ""

    async def ask(self, seconds: float) -> Answer:
        """Ask, and give the first answer. Whatever else happens once it was asked, the room is told.

        Raises:
            ConditionNotMet: none came in ``seconds``.
            ChatError: as ``Speaker.say`` and ``Follower.next``.
        """
        deadline = Deadline.after(seconds)
        try:
            # We watch before anything is asked: no answer can be missed.
            self._epoch = (await self._follower.open(deadline.sooner(CONNECT_SECONDS))).epoch
            return await self._asked(seconds, deadline)
        finally:
            self._follower.close()

    async def _asked(self, seconds: float, deadline: Deadline) -> Answer:
        seq = None
        try:
            seq = (await self._speaker.say(self._question.said(), retry_for=min(seconds, OUTCOME_SECONDS))).seq or 0
            answer = await self._answer(seq, deadline)
            how = f"{answer.choice} ({answer.entry.nick})" if answer else "nobody chose in time"
            await self._tell(how, retry_for=OUTCOME_SECONDS)
        except ChatError as error:
            if seq is not None:
                await self._tell(f"withdrawn ({error.text})")
            raise
        except BaseException:  # a signal, a task that is cancelled: it may be in the room, and nobody acts on an answer
            await self._tell("withdrawn")
            raise
        if answer is None:
            raise ConditionNotMet("nobody chose in time")
        return answer

    async def _tell(self, how: str, retry_for: float | None = None) -> None:
        """Tell the room. That it can't be told changes nothing about the outcome."""
        try:
            await self._speaker.say(self._question.outcome(how), retry_for=retry_for)
        except ChatError as error:
            self._notice(f"chatctl: the room does not know how it ended: {error.text}")

    async def _answer(self, asked: int, deadline: Deadline) -> Answer | None:
        """Give the first answer after entry number ``asked``, which is the question; None if none came in time."""
        try:
            while (entry := await self._follower.next(deadline)) is not None:
                if isinstance(entry, Gap):
                    self._notice(f"({_lost(entry)}: an answer may be among them)")
                elif (entry.seq > asked or self._is_another_log()) and (index := self._counts(entry)) is not None:
                    return Answer(self._question.choices[index], index, entry)
        except DeadlinePassed:
            pass
        return None

    def _is_another_log(self) -> bool:
        """Tell whether the numbers began anew: then all that comes is later than the question."""
        place = self._follower.cursor.resume
        return place is not None and place.epoch != self._epoch

    def _counts(self, entry: Msg) -> int | None:
        index = None if entry.action else self._question.choice_of(entry.text)
        if index is None:
            return None
        nick = fold_any(entry.nick)
        if nick == self._question.asker:
            self._notice(f"(an answer under our own name {entry.nick} does not count: ask under another with --nick)")
            return None
        if self._question.nicks and nick not in self._question.nicks:
            self._notice(f"({entry.nick} answered, but is not asked)")
            return None
        return index


def _lost(gap: Gap) -> str:
    number = gap.to - gap.from_ + 1
    return f"{number} messages can't be shown ({gap.why})" if number > 0 else f"messages can't be shown ({gap.why})"

"""Asking a room and taking the first answer that counts.

Lives here: the wording of the question, what counts as an answer, the deadline, telling the room how it ended. Does not
live here: saying (speaker.py), following (follower.py), what a command prints (commands/ask.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chatctl.client.core.author_key import AuthorKeys, insist_on_feature
from chatctl.client.core.deadline import Deadline, DeadlinePassed
from chatctl.client.core.follower import Follower
from chatctl.client.core.subscription import CONNECT_SECONDS
from chatctl.common.names import fold_any
from chatctl.errors import ChatError, ConditionNotMet, Rejected, Unreachable
from chatctl.protocol import Gap, Msg

if TYPE_CHECKING:
    from chatctl.client.core.speaker import Speaker

OUTCOME_SECONDS = 15.0
"""Time for saying the question, and for telling the room how it ended."""

MAX_QUOTED = 200
"""Characters of the question that are repeated before its outcome."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to ``nicks`` and to who has one of ``keys`` (to everybody if empty) by ``asker``.

    Names are folded; keys are fingerprints.
    """

    text: str
    choices: Sequence[str]
    asker: str
    nicks: Collection[str] = ()
    keys: Collection[str] = ()

    @property
    def numbered(self) -> bool:
        """Whether a number selects a choice: not if one of the choices is a number."""
        return not any(choice.strip().isdecimal() for choice in self.choices)

    def problem(self) -> str | None:
        """Return what is wrong with the question; None if nothing is."""
        plain = [_plain(choice) for choice in self.choices]
        if not self.text.strip() or not plain or not all(plain):
            return "a question and each choice need a text"
        if len(set(plain)) < len(plain):
            return "two choices are the same"
        return "a choice is one line" if any("\n" in choice for choice in self.choices) else None

    def message(self) -> str:
        """Return the message that asks the room."""
        shown = (f"[{n}] {choice}" for n, choice in enumerate(self.choices, 1)) if self.numbered else self.choices
        how = "the choice or its number" if self.numbered else "the choice"
        whom = f", {' or '.join(self.nicks)} alone" if self.nicks else ""
        proof = f", with the key {' or '.join(self.keys)}" if self.keys else ""
        return f"{self.text}  {'  '.join(shown)}  (answer with {how}{whom}{proof})"

    def choice_of(self, text: str) -> int | None:
        """Return the index of the choice that a message makes, from 0; None if it makes none."""
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
        """Return the message that tells the room how it ended."""
        quoted = self.text if len(self.text) <= MAX_QUOTED else self.text[:MAX_QUOTED] + "..."
        return f"{quoted}  -> {how}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Answer:
    """The ``choice`` that was made, its ``index`` from 0, and the message ``entry`` that made it."""

    choice: str
    index: int
    entry: Msg


class Asking:
    """One question, from before it is asked until the room knows how it ended."""

    def __init__(
        self,
        question: Question,
        follower: Follower,
        speaker: Speaker,
        authors: AuthorKeys,
        notice: Callable[[str], None],
    ) -> None:
        """``notice`` receives a line for a person about each answer that does not count."""
        self._question = question
        self._authors = authors
        self._follower = follower
        self._speaker = speaker
        self._notice = notice
        self._epoch = ""

    async def ask(self, seconds: float) -> Answer:
        """Ask, and return the first answer. Once the question was said, the room is told however it ends.

        Raises:
            ConditionNotMet: none arrived within ``seconds``.
            ChatError: as ``Speaker.say`` and ``Follower.next``.
        """
        deadline = Deadline.after(seconds, self._follower.now)
        try:
            # Watch before the question is said, so that no answer can be missed.
            welcome = await self._follower.open(deadline.sooner(CONNECT_SECONDS))
            self._epoch = welcome.epoch
            if self._question.keys:
                insist_on_feature(welcome)
            return await self._asked(seconds, deadline)
        finally:
            self._follower.close()

    async def _asked(self, seconds: float, deadline: Deadline) -> Answer:
        seq = None
        try:
            seq = (await self._speaker.say(self._question.message(), retry_for=min(seconds, OUTCOME_SECONDS))).seq or 0
            answer = await self._answer(seq, deadline)
            how = f"{answer.choice} ({answer.entry.nick})" if answer else "nobody chose in time"
            await self._tell(how, retry_for=OUTCOME_SECONDS)
        except ChatError as error:
            if seq is not None:
                await self._tell(f"withdrawn ({error.text})")
            raise
        except BaseException:  # a signal, a cancelled task: the question may be in the room, and nobody waits for it
            await self._tell("withdrawn")
            raise
        if answer is None:
            raise ConditionNotMet("nobody chose in time")
        return answer

    async def _tell(self, how: str, retry_for: float | None = None) -> None:
        """Tell the room. A failure to do so does not change the outcome."""
        try:
            await self._speaker.say(self._question.outcome(how), retry_for=retry_for)
        except ChatError as error:
            self._notice(f"chatctl: the room does not know how it ended: {error.text}")

    async def _answer(self, asked: int, deadline: Deadline) -> Answer | None:
        """Return the first answer after entry number ``asked``, the question; None if none arrived in time."""
        try:
            while (entry := await self._follower.next(deadline)) is not None:
                if isinstance(entry, Gap):
                    self._notice(f"({_lost(entry)}: an answer may be among them)")
                elif entry.seq <= asked and not self._is_another_log():
                    continue
                elif (index := self._counts(entry)) is not None and await self._has_key(entry, deadline):
                    return Answer(self._question.choices[index], index, entry)
        except DeadlinePassed:
            pass
        return None

    def _is_another_log(self) -> bool:
        """Tell whether the log was replaced: its numbers start anew, and all its entries follow the question."""
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

    async def _has_key(self, entry: Msg, deadline: Deadline) -> bool:
        if not self._question.keys:
            return True
        try:
            key = await self._authors.key_of(entry, deadline)
        except (DeadlinePassed, Unreachable, Rejected) as error:
            deadline.left()  # raises, if it was our time that passed
            self._notice(f"({entry.nick} answered, but whose key that is can't be asked: {error.text})")
            return False
        if key not in self._question.keys:
            why = "another key than those that are asked" if key else "no key that the name was bound to"
            self._notice(f"({entry.nick} answered, with {why})")
        return key in self._question.keys


def _lost(gap: Gap) -> str:
    number = gap.to - gap.from_ + 1
    return f"{number} messages can't be shown ({gap.why})" if number > 0 else f"messages can't be shown ({gap.why})"

"""Asking a room and taking the first answer that counts.

Lives here: what is said, what counts as an answer, how long is waited. Does not live here: saying (say.py), following
across broken connections (follow.py), who is told on which stream (commands/ask.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Self

from chatctl.client.blocking import Deadline, DeadlinePassed
from chatctl.client.follow import CONNECT_SECONDS, Follower
from chatctl.errors import NickInvalid
from chatctl.protocol import Gap, Msg
from chatctl.text import fold_nick


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


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


@dataclass(frozen=True, slots=True)
class Answer:
    """The choice that was made, from 0, and the message that made it."""

    index: int
    entry: Msg


class Asking:
    """In a ``with`` block, call ``subscribe``, have the question said, then take ``answer``."""

    def __init__(self, question: Question, follower: Follower, notice: Callable[[str], None]) -> None:
        """``notice`` is told, in a line for a person, of what is like an answer and does not count."""
        self._question = question
        self._follower = follower
        self._notice = notice
        self._epoch = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._follower.close()

    def subscribe(self, deadline: Deadline) -> None:
        """Start to watch, before anything is asked. Raises as ``Follower.open``."""
        self._epoch = self._follower.open(deadline.sooner(CONNECT_SECONDS)).epoch

    def answer(self, asked: int, deadline: Deadline) -> Answer | None:
        """Give the first answer after entry number ``asked``, which is the question; None if none came in time.

        Raises:
            ChatError: as ``Follower.entries``.
        """
        try:
            for entry in self._follower.entries(deadline):
                if isinstance(entry, Gap):
                    self._notice(f"({_lost(entry)}: an answer may be among them)")
                elif (entry.seq > asked or self._is_another_log()) and (index := self._counts(entry)) is not None:
                    return Answer(index, entry)
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
        nick = _folded(entry.nick)
        if nick == self._question.asker:
            self._notice(f"(an answer under our own name {entry.nick} does not count: ask under another with --nick)")
            return None
        if self._question.nicks and nick not in self._question.nicks:
            self._notice(f"({entry.nick} answered, but is not asked)")
            return None
        return index


def _folded(nick: str) -> str:
    try:
        return fold_nick(nick)
    except NickInvalid:  # of a server with other rules than ours
        return nick.lower()


def _lost(gap: Gap) -> str:
    number = gap.to - gap.from_ + 1
    return f"{number} messages can't be shown ({gap.why})" if number > 0 else f"messages can't be shown ({gap.why})"

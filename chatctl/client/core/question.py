"""A question to a room: its wording, and what a message says about it.

Does not live here: asking it and waiting (asking.py), whether an answer counts (asking.py), the tag's lease
(held_lease.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_QUOTED = 200
"""Characters of the question that are repeated before its outcome."""

MAX_EXAMPLE = 20
"""Characters of a choice that is repeated to show how to answer with the tag, else its number is; and of an answer."""

MAX_APPROVALS = 100

_AROUND = " \t.,;:!()[]#\"'"
"""What people type around a choice or its number: ``yes.``, ``2)``, ``[2]``, ``#2``."""

_LETTERS, _DIGITS = "abcdefghjkmnpqrstuvwxyz", "23456789"  # none that looks like another one


class Reading(NamedTuple):
    """What a message says about a question: a choice, by its index from 0, or why it can't be told."""

    choice: int | None
    tagged: bool
    """It names the question by its tag."""
    problem: str = ""


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
    approvals: int | None = None
    """How many owners have to make the first choice; None: whoever is first decides."""
    tag: str = ""
    """What tells it from others; empty where the server has no leases."""

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
        if self.nicks and set(self.nicks) == {self.asker}:  # our own answers never count
            return f"only {self.asker} may answer, and that is our own nickname: ask under another nick, such as ci"
        if self.approvals is not None and not 1 <= self.approvals <= MAX_APPROVALS:
            return f"there can be 1 to {MAX_APPROVALS} approvals"
        return "a choice is one line" if any("\n" in choice for choice in self.choices) else None

    def message(self) -> str:
        """Return the message that asks the room."""
        shown = (f"[{n}] {choice}" for n, choice in enumerate(self.choices, 1)) if self.numbered else self.choices
        how = "the choice or its number" if self.numbered else "the choice"
        tag = f"; {self._how_to_tag()}" if self.tag else ""
        count = f"; {self.approvals} must say {self.choices[0]}" if self.approvals is not None else ""
        whom = f"; only {' or '.join(self.nicks)} may answer" if self.nicks else ""
        proof = f"; with the key {' or '.join(self.keys)}" if self.keys else ""
        return f"{self._tagged(self.text)}  {'  '.join(shown)}  (answer with {how}{tag}{count}{whom}{proof})"

    def _how_to_tag(self) -> str:
        first = self.choices[0] if len(self.choices[0]) <= MAX_EXAMPLE or not self.numbered else "1"
        return f"{self.tag} is this question's tag: while others are open, answer '{self.tag} {first}'"

    def outcome(self, how: str) -> str:
        """Return the message that tells the room how it ended."""
        quoted = self.text if len(self.text) <= MAX_QUOTED else self.text[:MAX_QUOTED] + "..."
        return f"{self._tagged(quoted)}  -> {how}"

    def ignored(self, why: str) -> str:
        """Return what whoever gave an answer is told that does not count."""
        return self.outcome(f"your answer does not count: {why}")

    def _tagged(self, text: str) -> str:
        return f"[{self.tag}] {text}" if self.tag else text

    # --- what a message says

    def read(self, text: str) -> Reading | None:
        """Return what a message says about this question; None if it is other talk. The whole message has to be it."""
        said = _plain(text)
        for prefix in (f"{self.asker}:", f"{self.asker},", f"@{self.asker}"):
            if said.startswith(prefix) and (rest := said[len(prefix) :].lstrip(" :,")) != said:
                said = rest
                break
        tagged = re.match(rf"\[?{re.escape(self.tag)}\]?(?:[:,]\s*|\s+)(?=\S)", said) if self.tag else None
        if tagged:
            said = said[tagged.end() :]
        found = self._find(said)
        if len(found) == 1:
            return Reading(found[0], bool(tagged))
        if found:
            return Reading(None, bool(tagged), "it may mean " + " or ".join(self.choices[index] for index in found))
        shown = said if len(said) <= MAX_EXAMPLE else said[:MAX_EXAMPLE] + "..."
        return Reading(None, True, f"'{shown}' is not one of the choices") if tagged else None

    def _find(self, said: str) -> list[int]:
        """Return the choices that this may mean."""
        plain = [_plain(choice) for choice in self.choices]
        if said in plain:
            return [plain.index(said)]
        bare = said.strip(_AROUND)
        if not bare:
            return []
        if found := [index for index, choice in enumerate(plain) if choice.strip(_AROUND) == bare]:
            return found
        if self.numbered and bare.isascii() and bare.isdecimal():
            return [int(bare[:4]) - 1] if 1 <= int(bare[:4]) <= len(plain) else []
        if len(bare) == 1 and bare.isalpha():
            return [index for index, choice in enumerate(plain) if choice.startswith(bare)]
        return []


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def new_tag(random_bytes: Callable[[int], bytes], choices: Sequence[str], length: int) -> str:
    """Return a tag of one letter and ``length`` - 1 digits that begins no choice."""
    while True:
        first, *others = random_bytes(length)
        tag = _LETTERS[first % len(_LETTERS)] + "".join(_DIGITS[byte % len(_DIGITS)] for byte in others)
        if not any(_plain(choice).startswith(tag) for choice in choices):
            return tag
        length += 1

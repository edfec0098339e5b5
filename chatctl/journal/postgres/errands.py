"""Errands to other servers, as payloads of NOTIFY, which takes 8,000 bytes.

Lives here: an errand in pieces, and put together again; its answer. No I/O. Does not live here: what an errand does
(hub/), which server is meant (directory_thread.py).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from chatctl.directory import Errand, Kick, Outcome, Place, Whispering

SENT, ANSWERED = "w", "a"
"""The first words of the payloads."""

PIECE = 1_900
"""Characters of an errand in one payload: of four bytes each, with what stands before them."""

MAX_OPEN = 1_000
"""Errands of which a piece is missing still; the oldest is dropped for a new one."""

_OUTCOMES: tuple[Outcome, ...] = ("done", "absent", "slow", "unknown", "not_known")

_decode = msgspec.json.Decoder(Whispering | Kick).decode


class Received(NamedTuple):
    """An errand to this server."""

    sender: str
    number: int
    """Of the errand, as its sender counts."""
    to: Place
    errand: Errand | None
    """None: of a kind that only newer servers know."""


def pieces_of(sender: str, number: int, to: Place, errand: Errand) -> list[str]:
    """Return the payloads that carry an errand, in order."""
    text = msgspec.json.encode(errand).decode()
    parts = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
    head = f"{SENT} {to.server} {sender} {number} {to.number}"
    return [f"{head} {index} {len(parts)} {part}" for index, part in enumerate(parts)]


def answer_of(errand: Received, outcome: Outcome) -> str:
    """Return the payload that answers an errand."""
    return f"{ANSWERED} {errand.sender} {errand.number} {outcome}"


def read_answer(what: str) -> tuple[int, Outcome] | None:
    """Return the number of an errand and what came of it, from a payload without its first word and the server.

    None: it is no answer. Whoever may connect to the database can notify.
    """
    number, _, outcome = what.partition(" ")
    if not number.isdecimal():
        return None
    return int(number), next((one for one in _OUTCOMES if one == outcome), "unknown")


class Inbox:
    """Errands that come in pieces."""

    def __init__(self) -> None:
        """Start empty."""
        self._open: dict[tuple[str, int], list[str]] = {}

    def take(self, own: str, what: str) -> Received | None:
        """Take a payload without its first word and the server, ``own``; return the errand once it is whole.

        What is no errand is dropped.
        """
        sender, _, rest = what.partition(" ")
        *numbers, part = rest.split(" ", 4)
        if len(numbers) != 4 or not all(map(str.isdecimal, numbers)):
            return None
        number, place, index, count = map(int, numbers)
        key = sender, number
        parts = self._open.setdefault(key, [])
        if len(parts) != index:  # one was not heard: its sender gets no answer
            del self._open[key]
            return None
        parts.append(part)
        if len(parts) < count:
            while len(self._open) > MAX_OPEN:
                del self._open[next(iter(self._open))]
            return None
        return Received(sender, number, Place(own, place), _errand("".join(self._open.pop(key))))


def _errand(text: str) -> Errand | None:
    try:
        errand: Errand = _decode(text)
    except ValueError:
        return None
    return errand

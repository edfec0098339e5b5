"""NameClaims: names that are bound to a key, and stay its owner's whoever is here.

Lives here: whose name it is, and which names look like it. Does not live here: how a key is proved (gate.py), who holds
a name at the moment (roster.py), how claims are kept (journal/: facts of the kind ``claim``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from chatctl.common.names import fold_nick
from chatctl.core.confusables import skeletons

MOST_OF_A_KEY = 8
"""Names that one key may bind: nobody collects a room's names."""

MOST = 100_000
"""NameClaims of one server: keys cost nothing, memory does."""

KIND = "claim"


class NameClaim(Struct, frozen=True):
    """``nick``, spelt as it was then, belongs to the key of this fingerprint ``since`` that time (Unix seconds)."""

    nick: str
    key: str
    since: float


class NameClaims:
    """All claims of one server."""

    def __init__(self, facts: Mapping[tuple[str, str], str] | None = None, *, binding: bool = True) -> None:
        """Begin with those that were kept. Without ``binding`` names are nobody's, and none is bound."""
        self.binding = binding
        self._claims: dict[str, NameClaim] = {}
        self._looks: dict[str, set[str]] = {}
        self._of_key: Counter[str] = Counter()
        for (kind, _), value in (facts or {}).items():
            if kind == KIND and binding:
                self.add(msgspec.json.decode(value, type=NameClaim))

    def __len__(self) -> int:
        return len(self._claims)

    def __iter__(self) -> Iterator[NameClaim]:
        return iter(self._claims.values())

    def find(self, nick: str) -> NameClaim | None:
        """Give the claim on this name, however it is cased. Raises NickInvalid."""
        return self._claims.get(fold_nick(nick)) if self._claims else None

    def like(self, nick: str) -> Iterator[NameClaim]:
        """Give the claims on other names that look like this one. Raises NickInvalid."""
        own = fold_nick(nick)
        if self._looks:
            keys = {key for looks in skeletons(nick) for key in self._looks.get(looks, ())}
            yield from (self._claims[key] for key in keys if key != own)

    def propose(self, nick: str, key: str, now: float) -> NameClaim | None:
        """Give the claim that this key may make on a name, None if it may not: it is bound, or there are too many."""
        if not self.binding or self.find(nick) is not None:
            return None
        if self._of_key[key] >= MOST_OF_A_KEY or len(self) >= MOST:
            return None
        return NameClaim(nick, key, now)

    def add(self, claim: NameClaim) -> None:
        """Take a claim that was kept; one on the same name is replaced."""
        self.drop(claim.nick)
        own = fold_nick(claim.nick)
        self._claims[own] = claim
        self._of_key[claim.key] += 1
        for looks in skeletons(claim.nick):
            self._looks.setdefault(looks, set()).add(own)

    def drop(self, nick: str) -> NameClaim | None:
        """Set a name free; give the claim that was on it."""
        own = fold_nick(nick)
        claim = self._claims.pop(own, None)
        if claim is not None:
            self._of_key[claim.key] -= 1
            for looks in skeletons(claim.nick):
                self._looks[looks].discard(own)
        return claim


def fact(claim: NameClaim) -> tuple[tuple[str, str], str]:
    """Give a claim as a journal keeps it."""
    return (KIND, fold_nick(claim.nick)), msgspec.json.encode(claim).decode()

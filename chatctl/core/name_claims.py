"""Name claims: nicknames bound to a key, which stay their owner's whoever is here.

Lives here: whose a name is, and which claimed names look like it. Does not live here: how a key is proved (auth.py),
who has a name at the moment (roster.py), where claims are stored (journal/: facts of the kind ``claim``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from chatctl.common.names import fold_nick
from chatctl.core.confusables import LookAlikes

MAX_PER_KEY = 8
"""Names that one key may bind: nobody collects a room's names."""

MAX_CLAIMS = 100_000
"""Claims of one server: keys cost nothing, memory does."""

KIND = "claim"


class NameClaim(Struct, frozen=True):
    """A nickname, as it was spelt then, and the fingerprint of its owner's key; ``since`` in Unix seconds."""

    nick: str
    key: str
    since: float


class NameClaims:
    """All claims of one server."""

    def __init__(self, facts: Mapping[tuple[str, str], str] | None = None, *, binding: bool = True) -> None:
        """Start with the claims among ``facts``. Without ``binding`` there are none, and none is proposed."""
        self.binding = binding
        self._claims: dict[str, NameClaim] = {}
        self._look_alikes: LookAlikes[NameClaim] = LookAlikes()
        self._per_key: Counter[str] = Counter()
        for (kind, _), value in (facts or {}).items():
            if kind == KIND and binding:
                self.add(msgspec.json.decode(value, type=NameClaim))

    def __len__(self) -> int:
        return len(self._claims)

    def __iter__(self) -> Iterator[NameClaim]:
        return iter(self._claims.values())

    def find(self, nick: str) -> NameClaim | None:
        """Return the claim on this name, in any case, or None. Raises NickInvalid."""
        return self._claims.get(fold_nick(nick)) if self._claims else None

    def like(self, nick: str) -> list[NameClaim]:
        """Return the claims on other names that look like this one. Raises NickInvalid."""
        own = fold_nick(nick)
        return [claim for claim in self._look_alikes.of(nick) if fold_nick(claim.nick) != own] if self._claims else []

    def propose(self, nick: str, key: str, now: float) -> NameClaim | None:
        """Return a claim for ``add``, or None if the name is claimed already or a limit is reached."""
        if not self.binding or self.find(nick) is not None:
            return None
        if self._per_key[key] >= MAX_PER_KEY or len(self) >= MAX_CLAIMS:
            return None
        return NameClaim(nick, key, now)

    def add(self, claim: NameClaim) -> None:
        """Add a claim that the journal has; it replaces one on the same name."""
        self.drop(claim.nick)
        self._claims[fold_nick(claim.nick)] = claim
        self._per_key[claim.key] += 1
        self._look_alikes.add(claim.nick, claim)

    def drop(self, nick: str) -> NameClaim | None:
        """Remove the claim on a name and return it, or None."""
        claim = self._claims.pop(fold_nick(nick), None)
        if claim is not None:
            self._per_key[claim.key] -= 1
            self._look_alikes.remove(claim.nick, claim)
        return claim


def fact(claim: NameClaim) -> tuple[tuple[str, str], str]:
    """Return a claim as a journal's fact: (kind, key), value."""
    return (KIND, fold_nick(claim.nick)), msgspec.json.encode(claim).decode()

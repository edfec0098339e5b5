"""Name claims: nicknames bound to a key, which stay their owner's whoever is here.

Lives here: which names are bound to which key, how many may be, which were never used again. Does not live here: what a
claim means for who asks for a name (name_ownership.py), how a key is proved (auth.py), who has a name at the moment
(members.py), where claims are stored (journal/: facts of the kind ``claim``). No clock: ``now`` is Unix seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from chatctl.common.names import fold_any, fold_nick
from chatctl.core.confusables import LookAlikes, skeletons, skeletons_of

MAX_PER_KEY = 8
"""Names that one key may bind: nobody collects a room's names."""

MAX_CLAIMS = 100_000
"""Claims of one server: keys cost nothing, memory does."""

MAX_PER_HOUR = 60
"""New claims of one address (IPv6: of its /64) in an hour."""

UNUSED_SECONDS = 60 * 86_400.0
"""A name that its key was never proved for again is free after this time. One address fills at most 60 × 24 × 60 =
86,400 of the places until then."""

USE_SECONDS = 86_400.0
"""A use within a day of the last one is not noted: the owner of a name costs one commit a day."""

MAX_NETWORKS = 10_000
"""Addresses whose new claims are counted; with more of them the oldest are forgotten."""

KIND = "claim"


class NameClaim(Struct, frozen=True, omit_defaults=True):
    """A nickname, as it was spelt then, and the fingerprint of its owner's key; times in Unix seconds."""

    nick: str
    key: str
    since: float
    used: float | None = None
    """When its owner last came in, to a day; ``since`` if never again; None if nobody counted."""

    def was_used(self) -> bool:
        """Return whether its owner came again, or may have."""
        return self.used != self.since


class NameClaims:
    """All claims of one server."""

    def __init__(self, facts: Mapping[tuple[str, str], str] | None = None, *, binding: bool = True) -> None:
        """Start with all claims among ``facts``: none is judged. Without ``binding`` there is never one."""
        self.binding = binding
        self._claims: dict[str, NameClaim] = {}  # by folded name
        self._folded: dict[NameClaim, str] = {}  # the way back: folding takes 0.1 ms
        self._look_alikes: LookAlikes[NameClaim] = LookAlikes()
        self._per_key: Counter[str] = Counter()
        self._unused: dict[str, float] = {}  # folded names of those never used again, the oldest first
        self._hours: dict[str, list[float]] = {}  # by network: when its hour began, claims since
        decode = msgspec.json.Decoder(NameClaim).decode
        kept = [(key, decode(value)) for (kind, key), value in (facts or {}).items() if kind == KIND and binding]
        for folded, claim in sorted(kept, key=lambda one: one[1].since):
            self._insert(folded, claim)

    def __len__(self) -> int:
        return len(self._claims)

    def __iter__(self) -> Iterator[NameClaim]:
        return iter(self._claims.values())

    def find(self, nick: str) -> NameClaim | None:
        """Return the claim on this name, in any case, or None. Raises NickInvalid."""
        return self._claims.get(fold_nick(nick)) if self._claims else None

    def find_kept(self, nick: str) -> NameClaim | None:
        """Return the claim on a name as it was kept, even if it is not a valid nickname any more."""
        return self._claims.get(fold_any(nick)) or next((claim for claim in self if claim.nick == nick), None)

    def fact_key(self, claim: NameClaim) -> tuple[str, str]:
        """Return the (kind, key) of a claim in the journal. It was folded by the rules of the day it was bound."""
        folded = self._folded.get(claim) or fold_any(claim.nick)
        if folded not in self._claims:
            folded = next((key for key, one in self._claims.items() if one.nick == claim.nick), folded)
        return KIND, folded

    def value(self, key: tuple[str, str]) -> str | None:
        """Return what the journal is to have under the (kind, key) of a claim; None: nothing."""
        claim = self._claims.get(key[1])
        return None if claim is None else fact(claim)

    def has(self, claim: NameClaim) -> bool:
        """Return whether this very claim holds: it was not replaced nor dropped since it was added."""
        return self._claims.get(self.fact_key(claim)[1]) is claim

    def alike(self, nick: str) -> Iterable[NameClaim]:
        """Return the claims on this name and on those that look like it."""
        return self._look_alikes.of(skeletons(nick)) if self._claims else ()

    def of_key(self, key: str) -> list[NameClaim]:
        """Return the claims of one key."""
        return [claim for claim in self if claim.key == key]

    # --- new ones

    def objection(self, key: str, network: str, now: float) -> str:
        """Return why this key can't bind another name now, for people; empty if it can."""
        if self._per_key[key] >= MAX_PER_KEY:
            return f"a key has at most {MAX_PER_KEY} names"
        if len(self) >= MAX_CLAIMS:
            return "this server has no room for more names: its operator can release some"
        begun, count = self._hours.get(network, (now, 0))
        if count >= MAX_PER_HOUR and now - begun < 3600:
            return f"from your address {MAX_PER_HOUR} names were bound within an hour: join again later"
        return ""

    def count(self, network: str, now: float) -> None:
        """Count a new claim for its address."""
        begun, count = self._hours.pop(network, (now, 0))
        self._hours[network] = [begun, count + 1] if now - begun < 3600 else [now, 1]
        if len(self._hours) > MAX_NETWORKS:
            del self._hours[next(iter(self._hours))]

    def add(self, claim: NameClaim) -> None:
        """Add a claim; it replaces one on the same name."""
        self.drop(claim)
        self._insert(self.fact_key(claim)[1], claim)

    def drop(self, claim: NameClaim) -> None:
        """Remove the claim on the name of this one, if there is one."""
        _, folded = self.fact_key(claim)
        if before := self._claims.pop(folded, None):
            self._per_key[before.key] -= 1
            self._look_alikes.remove(skeletons_of(before.nick, folded), before)
            self._unused.pop(folded, None)
            del self._folded[before]

    def learn(self, folded: str, claim: NameClaim | None) -> None:
        """Take the claim that another server has kept under this key; None: it has set the name free."""
        before = self._claims.get(folded)
        if before is not None and before != claim:
            self.drop(before)
        if claim is not None and before != claim and self.binding:
            self._insert(folded, claim)

    def _insert(self, folded: str, claim: NameClaim) -> None:
        self._claims[folded] = claim
        self._folded[claim] = folded
        self._per_key[claim.key] += 1
        self._look_alikes.add(skeletons_of(claim.nick, folded), claim)
        if not claim.was_used():
            self._unused[folded] = claim.since

    # --- old ones

    def expired(self, now: float) -> list[NameClaim]:
        """Return claims that were never used again for ``UNUSED_SECONDS``, some at a time."""
        found: list[NameClaim] = []
        for folded, since in self._unused.items():
            if now - since < UNUSED_SECONDS or len(found) == 100:
                break
            found.append(self._claims[folded])
        return found

    def suspects(self) -> Iterator[tuple[NameClaim, str]]:
        """Yield claims that an operator should look at, and why."""
        seen: set[NameClaim] = set()
        for group in self._look_alikes.shared():
            for claim, other in _with_older(group):
                if claim not in seen:
                    yield claim, f"looks like {other.nick}, which was bound before"
                seen.add(claim)
        for folded, claim in self._claims.items():
            if claim.used is None and folded != _folded_today(claim.nick):  # later ones were bound by today's rules
                yield claim, "it is not a valid nickname any more"


def is_older(one: NameClaim, other: NameClaim) -> bool:
    """Return whether the first of two claims goes before the other: the older one does."""
    return _age(one) < _age(other)


def _age(claim: NameClaim) -> tuple[float, str]:
    return claim.since, claim.nick


def _with_older(group: Iterable[NameClaim]) -> Iterator[tuple[NameClaim, NameClaim]]:
    """Yield each claim that was made after one of another key, with that one."""
    firsts: list[NameClaim] = []  # the oldest, and the oldest that has another key
    for claim in sorted(group, key=_age):
        older = next((one for one in firsts if one.key != claim.key), None)
        if older is not None:
            yield claim, older
        if not firsts or (len(firsts) == 1 and older is not None):
            firsts.append(claim)


def _folded_today(nick: str) -> str | None:
    from chatctl.errors import NickInvalid

    try:
        return fold_nick(nick)
    except NickInvalid:
        return None


def fact(claim: NameClaim) -> str:
    """Return a claim as the value of a journal's fact."""
    return msgspec.json.encode(claim).decode()

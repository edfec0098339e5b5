"""Name ownership: the one place that decides what somebody may do with a nickname.

Lives here: the decision on entering, renaming, binding, taking over, posting and whispering, from who asks and who
holds, has bound or looks like the name in any room. The result is one value; carrying it out is up to hub/. Does not
live here: who is here (members.py), the claims (name_claims.py), what a nickname may be (common/names.py), bans
(moderation.py).

What holds, and tests/core/name_world.py checks after each step:

- A name and all that look like it have one owner on the whole server: a key, or where none was proved a token. Who owns
  it may be in several rooms. Who has neither owns nothing and has the name alone, while he is here.
- While a name is bound, everybody who has it, or one that looks like it, has proved its key.
- A place, and what is whispered to it, goes to its owner alone.

Source: docs/design.md, "One place decides about names".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from chatctl.common.names import MAX_NICK_POINTS, check_nick, fold_nick
from chatctl.common.text import clean
from chatctl.core.dialects import bend_nick
from chatctl.core.members import Member, Members
from chatctl.core.name_claims import NameClaim, NameClaims, is_older
from chatctl.errors import ChatError, NickInvalid, NickTaken, NoSuchNick

Holder: TypeAlias = Member[Any]

Intent = Literal["enter", "rename", "post", "whisper", "read"]
"""``enter``: become a member, which takes one's own place over and binds the name where it can. ``rename``: a member's.
``post``: speak without being one, at the hello and for each message. ``whisper``: to the name. ``read``: use none."""


def owner_of(token: str | None) -> bytes | None:
    """Return what the server stores of a client's token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest() if token else None


class Owner(Struct, frozen=True):
    """What somebody proved: token hash, key fingerprint."""

    token: bytes | None = None
    key: str | None = None

    def owns(self, holder: Holder) -> bool:
        """Return whether a member's place is this owner's: by the key that was proved for it, else by its token."""
        if holder.proved is not None:
            return holder.proved == self.key
        return holder.token is not None and holder.token == self.token


NOBODY = Owner()


class Ask(Struct, frozen=True):
    """A question: who wants to do what with which name."""

    nick: str
    """As it was sent."""
    owner: Owner
    intent: Intent
    room: str
    network: str = ""
    """The address that new claims are counted for; empty for this machine's own."""
    place: Holder | None = None
    """The asker's own place: of one who renames."""


class Granted(Struct, frozen=True):
    """Yes."""

    nick: str
    """As it will be shown; empty for one who uses none."""
    place: Holder | None = None
    """On entering, the asker's own place in this room, to take over. For a whisper, the receiver's."""
    claim: NameClaim | None = None
    """To be committed before entering; then ask again."""
    unbound: str = ""
    """Why the name is not bound to the key that was proved, for people."""


class Refused(Struct, frozen=True):
    """No, and nothing else happens."""

    error: ChatError


Decision: TypeAlias = Granted | Refused


def grant(decision: Decision) -> Granted:
    """Return what was granted. Raises the error of what was refused."""
    if isinstance(decision, Refused):
        raise decision.error
    return decision


class Names:
    """All that decides about names on one server. Asking changes nothing."""

    def __init__(self, claims: NameClaims, here: Members[Any] | None = None, *, longest: int = MAX_NICK_POINTS) -> None:
        """Decide by these claims and by who is here. A nickname has at most ``longest`` code points."""
        self.claims = claims
        self.here: Members[Any] = here if here is not None else Members()
        self.longest = longest

    def decide(self, ask: Ask, now: float) -> Decision:
        """Return what comes of an ask. ``now`` is Unix seconds."""
        try:
            if ask.intent == "read" and not ask.nick:
                return Granted("")
            nick = check_nick(ask.nick)
            if ask.intent == "whisper":
                return Granted(nick, self._receiver(nick, ask.room))
            if ask.intent != "read":
                self._check(nick, ask)
        except ChatError as error:
            return Refused(error)
        return self._entry(nick, ask, now) if ask.intent == "enter" else Granted(nick)

    def bend(self, ask: Ask, spare: Sequence[str], now: float) -> Decision:
        """Return the decision on the nearest name that can be had; ``spare`` are random digits (``bend_nick``)."""
        for nick in bend_nick(ask.nick, spare, self.longest):
            decision = self.decide(Ask(nick, NOBODY, ask.intent, ask.room), now)
            if isinstance(decision, Granted):
                return decision
        return Refused(NickTaken("all names like yours are taken: choose another one"))

    def owned_by(self, nick: str, owner: Owner) -> NameClaim | None:
        """Return this owner's claim on the name, or None. Raises NickInvalid."""
        claim = self.claims.find(nick)
        return claim if claim is not None and claim.key == owner.key else None

    def is_used(self, claim: NameClaim) -> bool:
        """Return whether the owner of a claim is here, under its name or one that looks like it."""
        return any(holder.proved == claim.key for holder in self.here.alike(claim.nick))

    def without_key(self, claim: NameClaim) -> list[Holder]:
        """Return who has a claimed name, or one that looks like it, and did not prove the claim's key."""
        return [holder for holder in self.here.alike(claim.nick) if holder.proved != claim.key]

    # --- whose it is

    def _check(self, nick: str, ask: Ask) -> None:
        """Return if the name, with all that look like it in any room, is the asker's or nobody's. Raises ChatError."""
        if len(nick) > self.longest:
            raise NickInvalid(f"a nickname has at most {self.longest} characters here")
        folded = fold_nick(nick)
        for claim in self._claims_of_others(nick, ask.owner):
            if claim is self.claims.find(nick):
                raise NickTaken(f"{clean(claim.nick)} is bound to a key that is not yours: choose another name")
            raise NickTaken(f"{clean(nick)} looks like {clean(claim.nick)}, which is bound to a key that is not yours")
        for holder in self.here.alike(nick):
            if holder is ask.place:
                continue
            same_place = holder.key == folded and holder.room == ask.room
            if not ask.owner.owns(holder) or (ask.intent == "rename" and same_place):
                raise _taken(nick, folded, holder)

    def _claims_of_others(self, nick: str, owner: Owner) -> Iterable[NameClaim]:
        """Yield what others have bound that is or looks like the name. Of claims that look alike the oldest counts.

        There are such claims from before all of this was checked; they must not lock each other's owners out.
        """
        own = self.owned_by(nick, owner)
        rivals = () if own is None else self.claims.alike(own.nick)  # dbi, bound, does not make dbI theirs who have dbl
        for claim in self.claims.alike(nick):
            if claim.key == owner.key or (own is not None and claim in rivals and is_older(own, claim)):
                continue
            yield claim

    # --- entering

    def _entry(self, nick: str, ask: Ask, now: float) -> Granted:
        alike = list(self.here.alike(nick))
        folded = fold_nick(nick)
        place = next((one for one in alike if one.room == ask.room and one.key == folded), None)
        key = ask.owner.key
        if key is None or not self.claims.binding or self.owned_by(nick, ask.owner) is not None:
            return Granted(nick, place)
        keyless = next((one for one in alike if one is not place and one.proved != key), None)
        if keyless is not None:
            return Granted(nick, place, unbound=f"you are in {keyless.room} under it without the key")
        if objection := self.claims.objection(key, ask.network, now):
            return Granted(nick, place, unbound=objection)
        return Granted(nick, place, NameClaim(nick, key, now, now))

    # --- whispers

    def _receiver(self, nick: str, room: str) -> Holder:
        """Return the member of this name in this room. Raises NoSuchNick."""
        folded = fold_nick(nick)
        for holder in self.here.alike(nick):
            if holder.room == room and holder.key == folded:
                claim = self.claims.find(nick)
                if claim is None or claim.key == holder.proved:
                    return holder
        raise NoSuchNick(f"{clean(nick)} is not here")


def _taken(nick: str, folded: str, holder: Holder) -> NickTaken:
    if holder.key == folded:
        return NickTaken(f"somebody else uses the nickname {clean(holder.nick)}: choose another one")
    return NickTaken(f"{clean(nick)} looks like {clean(holder.nick)}, who is here: choose another name")

"""Name binding: claims on nicknames are committed, used and dropped.

Lives here: what the journal is told of claims, and what follows from its answer. Does not live here: whether a name may
be bound (core/name_ownership.py), the claims themselves (core/name_claims.py), operators who set names free
(admin_claims.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chatctl.core.ip_networks import client_of
from chatctl.core.name_claims import MAX_CLAIMS, USE_SECONDS, NameClaim, fact
from chatctl.core.name_ownership import Owner
from chatctl.directory import Kick
from chatctl.errors import ChatError, NickTaken, StorageFailed
from chatctl.hub.peer_control import PeerControl
from chatctl.hub.presence import REPLACED
from chatctl.journal import ChangedMeanwhile, Facts


class NameBinding:
    """The claims of one server, as its journal has them."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub
        self._log = hub.log

    def hold(self, claim: NameClaim, host: str) -> Facts:
        """Let a granted claim hold from now on, or a second one could be committed over it; return what to commit.

        Then call ``committed``, ``failed`` or ``withdraw``.
        """
        claims = self._hub.names.claims
        claims.add(claim)
        claims.count(client_of(host), claim.since)
        return {claims.fact_key(claim): fact(claim)}

    def withdraw(self, claim: NameClaim) -> bool:
        """Let a claim that was not committed hold no longer; return whether it did.

        An operator may have set the name free since, and somebody else bound it.
        """
        if holds := self._hub.names.claims.has(claim):
            self._hub.names.claims.drop(claim)
        return holds

    def failed(self, claim: NameClaim, error: ChatError) -> None:
        """Note that a claim could not be committed."""
        self.withdraw(claim)
        self._log.error("not bound", nick=claim.nick, why=error.text)

    def committed(self, claim: NameClaim, then: Callable[[], None]) -> None:
        """Note that a claim is committed, and let its owner go on."""
        claims = self._hub.names.claims
        holds = claims.has(claim)
        if claims.find_kept(claim.nick) is None:  # an operator set it free; the journal may have taken that before this
            self._keep({claims.fact_key(claim): None})
        self._log.info("bound", nick=claim.nick, key=claim.key)
        self._warn_if_full()
        then()
        if holds:
            self._disconnect_keyless(claim)

    def _disconnect_keyless(self, claim: NameClaim) -> None:
        """Disconnect the owner's earlier connection without the key, if he went away before he took its place over."""
        for holder in self._hub.names.without_key(claim):
            if holder.place is not None:
                self._hub.directory.send(holder.place, Kick(REPLACED, code=NickTaken.wire_code), lambda _: None)

    def _warn_if_full(self) -> None:
        bound = len(self._hub.names.claims)
        if bound >= 0.9 * MAX_CLAIMS and bound % (MAX_CLAIMS // 100) == 0:
            self._log.warning("nearly as many names are bound as can be", bound=bound, most=MAX_CLAIMS)

    def note_use(self, nick: str, owner: Owner) -> None:
        """Keep that the owner of a bound name came in under it, once a day."""
        claim, now = self._hub.names.owned_by(nick, owner), self._hub.clock()
        if claim is not None and (claim.used is None or now - claim.used >= USE_SECONDS):
            self._keep(self._used(claim, now))

    def drop_expired(self) -> None:
        """Set names free that were bound long ago and never used again."""
        names, now = self._hub.names, self._hub.clock()
        changes: dict[tuple[str, str], str | None] = {}
        for claim in names.claims.expired(now):
            if names.is_used(claim):
                changes |= self._used(claim, now)
                continue
            changes[names.claims.fact_key(claim)] = None
            names.claims.drop(claim)
            self._log.info("set free", nick=claim.nick, key=claim.key, why="never used again")
        self._keep(changes)

    def _used(self, claim: NameClaim, now: float) -> dict[tuple[str, str], str | None]:
        used = msgspec.structs.replace(claim, used=now)
        self._hub.names.claims.add(used)
        return {self._hub.names.claims.fact_key(used): fact(used)}

    def _keep(self, changes: Facts) -> None:
        claims = self._hub.names.claims

        def committed(error: StorageFailed | None) -> None:
            if isinstance(error, ChangedMeanwhile):  # other claims, perhaps; not if it is one of these
                self._keep({key: value for key, value in changes.items() if claims.value(key) == value})
            elif error is not None:  # it is tried again when the server starts anew, or on the next day
                self._log.error("last use of a name not stored", why=error.text)

        if changes:
            self._hub.journal.keep(changes, committed)

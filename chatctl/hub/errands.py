"""Errands: what is done at the server that a member is connected to, this one or another.

Lives here: doing them, finding their member again, and what their outcome means for who asked. Does not live here: how
they get there (directory/), who may whisper (messages.py) or kick (core/permissions.py).
"""

from __future__ import annotations

from collections.abc import Callable

from chatctl.common.text import clean
from chatctl.core.peer import Peer, peer_of
from chatctl.directory import Directory, Errand, Kick, Outcome, Place, Whispering, Wish
from chatctl.errors import ChatError, Forbidden, NoSuchNick, StorageFailed
from chatctl.hub.event_log import NOT_KNOWN
from chatctl.hub.member_places import RoomMember
from chatctl.hub.presence import Presence
from chatctl.hub.shared import Shared
from chatctl.hub.tick import Tick
from chatctl.protocol import Bye, Whispered

MAX_TRIES = 10
"""Of an errand to a member that has another place each time."""

NOTHING = Wish("", "", frozenset(), frozenset())
"""A wish whose verdict only says that all news up to now has come."""


class Errands:
    """Sends errands to members, and does those to this server's."""

    def __init__(self, hub: Shared, directory: Directory, presence: Presence, tick: Tick) -> None:
        """Take them from the directory."""
        self._hub = hub
        self._directory = directory
        self._presence = presence
        self._tick = tick
        directory.on_errand(self._do)

    def send(self, member: RoomMember, errand: Errand, done: Callable[[Outcome], None], tries: int = MAX_TRIES) -> None:
        """Have an errand done to a member, whatever name it has by then; call ``done`` with what came of it.

        If it is renamed or taken over at that moment, nobody has its place any more. What it has instead is known here
        once the directory has answered something, and the errand is sent there.
        """
        place = member.place
        if place is None:
            done("absent")
            return

        def came(outcome: Outcome) -> None:
            if outcome == "absent" and tries > 1:
                self._directory.claim([NOTHING], lambda _: again())
            else:
                done(outcome)

        def again() -> None:
            if member.place == place:
                done("absent")
            else:
                self.send(member, errand, done, tries - 1)

        self._directory.send(place, errand, came)

    def _do(self, place: Place, errand: Errand | None) -> Outcome:
        if errand is None:
            self._hub.log.info_once(NOT_KNOWN, what="kind of errand")
            return "not_known"
        member = self._presence.find(place)
        peer = peer_of(member) if member is not None else None
        if peer is None or peer.leaving is not None:
            return "absent"
        return self._whisper(peer, errand) if isinstance(errand, Whispering) else self._kick(peer, errand)

    def _whisper(self, peer: Peer, whispering: Whispering) -> Outcome:
        if peer.paused:
            return "slow"
        self._tick.reply(peer, Whispered(from_=whispering.from_, time=whispering.time, text=whispering.text))
        return "done"

    def _kick(self, peer: Peer, kick: Kick) -> Outcome:
        bye = Bye(why=kick.why, final=True, code=kick.code or None)
        self._hub.disconnect(peer, "replaced" if kick.code else "removed", bye)
        return "done"


def error_of(outcome: Outcome, nick: str) -> ChatError | None:
    """Return the error of an errand to somebody, for who asked for it; None: it was done."""
    match outcome:
        case "done":
            return None
        case "absent":
            return NoSuchNick(f"{clean(nick)} is not here")
        case "slow":
            return NoSuchNick(f"{clean(nick)} reads too slowly: this was not delivered")
        case "unknown":
            return StorageFailed(f"the server of {clean(nick)} does not answer: it may have arrived")
        case "not_known":
            return Forbidden(f"the server of {clean(nick)} has an older chatctl, which can't do that")

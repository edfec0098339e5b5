"""Reclaiming: a server that others have taken for dead claims the names of its members anew.

Does not live here: how it finds out (journal/postgres/), whose a name is by now (core/name_ownership.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chatctl.core.name_ownership import Ask, grant
from chatctl.core.peer import Peer, peer_of
from chatctl.directory import Directory, Place, Wish
from chatctl.errors import ChatError, NickTaken
from chatctl.hub.member_places import MemberPlaces, RoomMember
from chatctl.hub.name_requests import commit_name
from chatctl.hub.shared import Shared
from chatctl.protocol import Bye

RETRY_SECONDS = 1.0
"""After which a member comes back whose name could not be claimed anew."""


class Reclaiming:
    """The members of one server whose places were lost."""

    def __init__(self, hub: Shared, directory: Directory, places: MemberPlaces, lose: Callable[[Peer], None]) -> None:
        """Be told by the directory. ``lose`` disconnects a peer whose name is somebody else's."""
        self._hub = hub
        self._directory = directory
        self._places = places
        self._lose = lose
        directory.on_fenced(self._claim_anew)

    def _claim_anew(self, places: Sequence[Place]) -> None:
        """Claim the names of this server's members again: others may have taken them, or bound them."""
        lost: list[tuple[Peer, RoomMember]] = []
        for member in self._places.take_away(places):
            peer = peer_of(member)
            if peer is not None and peer.leaving is None:
                member.place = None
                lost.append((peer, member))
            else:
                self._places.forget(member)
        for peer, member in lost:
            if peer.leaving is None and member.place is None:
                self._claim_again(peer, member)

    def _claim_again(self, peer: Peer, member: RoomMember) -> None:
        def decide() -> tuple[None, Wish | None]:
            if member.place is not None:  # renamed meanwhile
                return None, None
            ask = Ask(member.nick, peer.owner, "rename", member.room, place=member)
            grant(self._hub.names.decide(ask, self._hub.clock()))
            return None, self._places.wish(member.nick, peer, member.room, since=member.since)

        def given(_: None, place: Place | None) -> None:
            if peer.member is not member or peer.leaving is not None or member.place is not None:
                self._places.release(place, member.room)
            elif place is not None:
                self._places.move(member, place)

        def refused(error: ChatError) -> None:
            if isinstance(error, NickTaken):
                self._lose(peer)
            else:
                self._hub.disconnect(peer, error.wire_code or "lost", Bye(why=error.text, retry_after=RETRY_SECONDS))

        commit_name(self._directory, peer, decide, given, refused)

"""A peer: one connection, as the hub sees it."""

from __future__ import annotations

from typing import Protocol

from chatctl.core.admission import Owner
from chatctl.core.auth import ConnectionInfo
from chatctl.core.bans import Person
from chatctl.core.room import Reader, Room
from chatctl.core.roster import Member
from chatctl.core.session import Session


class Peer(Reader, Protocol):
    """A reader that also has a session and can be closed."""

    session: Session
    label: str
    """Its name in the log."""
    info: ConnectionInfo
    """How it reached the server."""
    token: bytes | None
    """The hash of the token in its hello."""
    key: str | None
    """The fingerprint of the key that it proved."""
    room: Room | None
    """Set while it is in a room."""
    member: Member[Reader] | None
    """Its row in the roster, if it has one."""
    in_flight: int
    """Messages that it said and the journal has not committed yet."""
    leaving: str | None
    """Disconnect reason; set when leaving starts. The peer stays until what it said is committed."""
    goodbye: bytes
    """The last bytes that it is sent."""

    @property
    def owner(self) -> Owner:
        """Its proofs of owning a name."""

    def queue_reply(self, data: bytes) -> None:
        """Keep a reply for the end of this tick; the next ``send`` puts it before its own data."""

    @property
    def has_replies(self) -> bool:
        """Whether replies are queued."""

    def close(self) -> None:
        """Flush, then close the connection."""

    def pump(self) -> None:
        """Go on taking effects from the session."""


def peer_of(member: Member[Reader]) -> Peer:
    """Return a member's connection: the rosters of a hub hold peers only."""
    return member.conn  # type: ignore[return-value]


def person_of(peer: Peer, nick: str) -> Person:
    """Return what is known of a peer that has or wants this name."""
    return Person(nick, peer.key, peer.token, peer.info.host)

"""A peer: one connection, as those who serve it see it."""

from __future__ import annotations

from typing import Protocol

from chatctl.core.admission import Owner
from chatctl.core.auth import ConnectionInfo
from chatctl.core.room import Reader, Room
from chatctl.core.roster import Member
from chatctl.core.session import Session


class Peer(Reader, Protocol):
    """One connection, as the hub sees it: a reader that also has a session and can be closed."""

    session: Session
    label: str
    way: ConnectionInfo
    """How it came in."""
    token: bytes | None
    """The hash of the secret that its hello brought."""
    key: str | None
    """The fingerprint of the key that it proved."""
    room: Room | None
    """Set while it is in one."""
    member: Member[Reader] | None
    """Its place in the roster, if it has one."""
    in_flight: int
    """What it said and the journal has not committed yet."""
    leaving: str | None
    """Why it goes, once that is known: it stays until what it said was shown."""
    goodbye: bytes
    """What it is sent last of all."""

    @property
    def owner(self) -> Owner:
        """What names may be its own by."""

    def owe(self, data: bytes) -> None:
        """Keep an answer of this turn; the next ``send`` takes it along, before its slice of the log."""

    @property
    def owes(self) -> bool:
        """Whether an answer is kept."""

    def close(self) -> None:
        """Flush, then close the connection."""

    def pump(self) -> None:
        """Go on taking effects from its session."""


def peer_of(member: Member[Reader]) -> Peer:
    """Give the peer that a member is: the roster of a hub lists peers only."""
    return member.conn  # type: ignore[return-value]

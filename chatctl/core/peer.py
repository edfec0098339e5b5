"""A peer: the state of one connection, as the hub uses it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from chatctl.core.auth import ConnectionInfo
from chatctl.core.bans import Person
from chatctl.core.dialects import JSON, Dialect
from chatctl.core.members import Member
from chatctl.core.name_ownership import Owner
from chatctl.core.room import Reader, Room
from chatctl.core.session import Session
from chatctl.protocol import Frame


@dataclass(eq=False, slots=True)  # slots: a default that stays on the class makes each access slower
class Peer(ABC):
    """A room's reader that also has a session and can be closed. What moves its bytes is a subclass."""

    session: Session
    label: str
    """Its name in the log."""
    info: ConnectionInfo
    """How it reached the server."""
    dialect: Dialect = JSON
    after: int = 0
    """As in ``Reader``; so are the next three."""
    paused: bool = False
    behind: bool = False
    missed: list[Frame] = field(default_factory=list)
    token: bytes | None = None
    """The hash of the token in its hello."""
    key: str | None = None
    """The fingerprint of the key that it proved."""
    room: Room | None = None
    """Set while it is in a room."""
    member: Member[Reader | None] | None = None
    """Its row in the roster, if it has one."""
    in_flight: int = 0
    """Messages that it said and the journal has not committed yet."""
    refused: bool = False
    """Whether the log says already that it was not let in."""
    leaving: str | None = None
    """Disconnect reason; set when leaving starts. The peer stays until what it said is committed."""
    goodbye: bytes = b""
    """The last bytes that it is sent."""
    replies: list[bytes] = field(default_factory=list)
    """Queued for the end of this tick; the next ``send`` puts them before its own data."""

    @property
    def owner(self) -> Owner:
        """Its proofs of owning a name."""
        return Owner(self.token, self.key)

    def queue_reply(self, data: bytes) -> None:
        """Keep a reply for the end of this tick."""
        self.replies.append(data)

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send the queued replies, then ``data``; may set ``paused``."""

    @abstractmethod
    def close(self) -> None:
        """Flush, then close the connection."""

    @abstractmethod
    def entered(self) -> None:
        """Note that it was let in."""

    @abstractmethod
    def pump(self) -> None:
        """Go on taking effects from the session."""


def peer_of(member: Member[Reader | None]) -> Peer | None:
    """Return a member's connection, if it is to this server: the rosters of a hub hold no other readers."""
    return member.conn  # type: ignore[return-value]


def person_of(peer: Peer, nick: str) -> Person:
    """Return what is known of a peer that has or wants this name."""
    return Person(nick, peer.key, peer.token, peer.info.host)

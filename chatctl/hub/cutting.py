"""Cutting: a log that has lost its end, or was given another epoch, goes on in the rooms that are open.

Lives here: which connections stay in a room, and what they are told. Does not live here: what is lost
(journal/postgres/resuming.py), the ring and the cursors (core/room.py), where a client that comes back goes on
(history.py), changes of facts that were lost (learning.py).
"""

from __future__ import annotations

from chatctl.core.peer import Peer
from chatctl.hub.peer_control import PeerControl
from chatctl.protocol import Bye, Notice

RETURN_SECONDS = 0.1
"""After which the first of those who are disconnected may come back."""

RETURNS_A_SECOND = 500
"""How many of them are asked to come back in each second after that: the other servers' come at the same time."""

RENEWED = "the server's database was moved or restored: reconnecting"
FACTS_LOST = "the server's database has lost its last changes: check recent names, bans, locks and rules"


class Cutting:
    """Cuts the rooms of one hub."""

    def __init__(self, hub: PeerControl) -> None:
        """Serve one hub."""
        self._hub = hub

    def cut(self, why: str, *, facts: bool) -> None:
        """Go on from where the journal's heads are now.

        Clients that keep a cursor have one of the earlier epoch: they are disconnected, come back and resume. The
        others stay, and are told of what they were shown and is lost.

        Args:
            why: for the log.
            facts: whether changes of names, rules and leases were lost, too. Who holds a lease has to take it again;
                the rest is learned as what another server changes.
        """
        hub = self._hub
        hub.log.warning(why)
        heads = {room: hub.journal.head(room.name) for room in hub.history.rooms.values()}
        cut = {room: head for room, head in heads.items() if head.epoch != room.epoch}
        readers = [peer for peer in hub.peers if peer.room in cut and _keeps_cursor(peer)]
        for peer in readers:
            if peer.room is not None:
                peer.room.remove_reader(peer)  # it is sent nothing more of the log, but what is in flight is answered
        holders = [peer for peer in hub.peers if facts and hub.leasing.leases.holds(peer)]
        for rank, peer in enumerate(dict.fromkeys([*readers, *holders])):
            wait = round(RETURN_SECONDS + rank / RETURNS_A_SECOND, 1)
            hub.disconnect(peer, "cut", Bye(why=RENEWED if peer.room in cut else FACTS_LOST, retry_after=wait))
        for room, head in cut.items():
            room.truncate(head.epoch, head.last)
            hub.leasing.cut(room.name)
        for room in heads:
            if facts:
                room.tell(Notice(FACTS_LOST, hub.clock()))
            hub.touch(room)


def _keeps_cursor(peer: Peer) -> bool:
    return peer.session.dialect.resumes and peer.room is not None and peer in peer.room.readers

"""Waiting: a peer that gets no further effect of its session until something is answered, at once or later."""

from __future__ import annotations

from types import TracebackType

from chatctl.core.peer import Peer


class Waiting:
    """Begins inside a ``with`` block, in which something is asked for; ``over`` ends it, there or in a later call."""

    def __init__(self, peer: Peer) -> None:
        """Hold the peer's session."""
        self._peer = peer
        self._at_once = True
        peer.session.hold()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._at_once = False

    def over(self) -> None:
        """Go on with the peer."""
        self._peer.session.go_on()
        if not self._at_once and self._peer.leaving is None:  # else it is asking for effects just now
            self._peer.pump()

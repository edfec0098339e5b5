"""Keeping a lease for as long as something runs: a connection holds it, and one that breaks is made again.

Lives here: taking it first, taking it again in time, noticing that it is lost. Does not live here: its frames
(held_lease.py), keepalive and the pace of reconnecting (subscription.py), what is said about it (commands/run/lock.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chatctl.client.core.deadline import Deadline, DeadlinePassed, ReaderGone
from chatctl.client.core.features import require_feature
from chatctl.client.core.held_lease import FEATURE, HeldLease
from chatctl.client.core.retry import may_pass
from chatctl.client.core.subscription import CONNECT_SECONDS, Subscription
from chatctl.errors import ChatError, Unreachable
from chatctl.protocol import LEASE_SECONDS, Hello, LeaseState

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import Transport


class LeaseEvents(Protocol):
    """Hears what becomes of a lease that was held."""

    def out_of_reach(self, why: str) -> None:
        """The server may have given it to somebody else by now; it is asked for again."""

    def taken(self, state: LeaseState) -> None:
        """Somebody else has it, or (without a ``nick``) an operator freed it. Nothing is called after this."""

    def back(self, seconds: float) -> None:
        """It is held again after being out of reach; nobody else had it. It was not held for ``seconds``."""

    def refused(self, why: str) -> None:
        """The server does not let us have it any more. Nothing is called after this."""


class LeaseKeeper:
    """One lease on one connection at a time. Call ``take``; if that went well, ``keep``."""

    def __init__(
        self, transport: Transport, address: Address, hello: Hello, lease: HeldLease, events: LeaseEvents
    ) -> None:
        """``hello`` enters to post, with the token that ``lease`` has."""
        self._now = transport.now
        self._lease = lease
        self._events = events
        self._subscription = Subscription(transport, address, hello.room, hello=hello)
        self._grace = LEASE_SECONDS
        self._lost_at: float | None = None
        self._is_told = False

    async def take(self, deadline: Deadline) -> LeaseState:
        """Connect and ask for the lease; return who has it.

        Raises:
            Unsupported: the server has no leases.
            Unreachable: it does not answer in time.
            ChatError: as ``Transport.connect``, or the server refuses.
        """
        try:
            require_feature(await self._subscription.connect(deadline), FEATURE, "a lock")
            await self._send_take(deadline)
            while not isinstance(state := await self._subscription.receive(deadline), LeaseState):
                pass
        except DeadlinePassed:
            self.close()
            raise Unreachable("the server accepted the hello, but does not answer in time") from None
        except BaseException:
            self.close()
            raise
        self._grace = state.grace
        return state

    def close(self) -> None:
        """Hang up."""
        self._subscription.close()

    async def keep(self) -> None:
        """Hold the lease until it is gone for good, or the transport's reader is."""
        try:
            while True:
                try:
                    frame = await self._subscription.receive(Deadline(None, self._now))
                except ChatError as error:
                    if not await self._come_back(error):
                        return
                else:
                    if isinstance(frame, LeaseState) and not self._is_ours(frame):
                        return
        except ReaderGone:
            pass

    def _is_ours(self, state: LeaseState) -> bool:
        """Take the answer to another ``take``; return whether to go on."""
        lost_at, self._lost_at = self._lost_at, None
        if not state.held:
            self._events.taken(state)
        elif self._is_told and lost_at is not None:
            self._events.back(self._now() - lost_at)
        self._is_told = False
        self._grace = state.grace
        return state.held

    async def _come_back(self, error: ChatError) -> bool:
        """Connect again, however long that takes, and ask for the lease; return False if we are refused."""
        if self._lost_at is None:
            self._lost_at = self._now()
        while True:
            until = Deadline(None if self._is_told else self._lost_at + self._grace, self._now)
            try:
                await self._subscription.recover(error, until)
                await self._take_again(until)
            except ChatError as failed:
                if not self._is_told and self._now() >= self._lost_at + self._grace:
                    self._is_told = True
                    self._events.out_of_reach(error.text)
                elif may_pass(failed):
                    error = failed
                else:
                    self._events.refused(failed.text)
                    return False
            else:
                return True

    async def _take_again(self, deadline: Deadline) -> None:
        await self._subscription.connect(deadline.sooner(CONNECT_SECONDS))
        await self._send_take(deadline)

    async def _send_take(self, deadline: Deadline) -> None:
        connection = self._subscription.connection
        assert connection is not None, "not connected"
        await connection.send(self._lease.take(connection.welcome.epoch), deadline.sooner(CONNECT_SECONDS))

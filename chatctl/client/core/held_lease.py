"""A lease that this process holds or wants: what is sent for it, and what the answers mean.

Lives here: its frames, and looking at an entry as its holder. Does not live here: the connection that holds it
(follower.py for a question, lease_keeper.py for a lock). Source: docs/protocol.md, "Leases".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatctl.client.core.deadline import DeadlinePassed
from chatctl.client.core.request import request
from chatctl.client.core.retry import Retry, may_pass
from chatctl.client.core.subscription import CONNECT_SECONDS
from chatctl.errors import ChatError, ConditionNotMet
from chatctl.protocol import VERSION, Hello, Lease, LeaseKind, LeaseState

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import Transport

FEATURE = "leases"

_LOOKS, _LOOK_SECONDS = 10, 0.2
"""How often an entry is looked at, and the seconds in between, where we do not have the lease any more: our connection
may be taking it again just now."""


class HeldLease:
    """One lease of ours, under a holder's name that nobody else knows."""

    def __init__(
        self, transport: Transport, address: Address, room: str, token: str | None, kind: LeaseKind, name: str
    ) -> None:
        """``token`` is that of the connection which holds it."""
        self.kind = kind
        self.name = name
        self._transport = transport
        self._address = address
        self._hello = Hello(v=VERSION, room=room, mode="probe", token=token)
        self._holder = transport.random_bytes(16).hex()
        self._asked: tuple[str, int] | None = None

    def asked(self, epoch: str, seq: int) -> None:
        """Note which entry of which log asks the question."""
        self._asked = epoch, seq

    def take(self, epoch: str) -> Lease:
        """Return the frame that takes it, on a connection to the log ``epoch``.

        In another log than that of the question, all entries follow it.
        """
        seq = None if self._asked is None else self._asked[1] if self._asked[0] == epoch else 0
        return Lease(self.kind, self.name, self._holder, "take", seq)

    def release(self) -> Lease:
        """Return the frame that ends it."""
        return Lease(self.kind, self.name, self._holder, "release")

    def withdraw(self) -> Lease:
        """Return the frame that ends a question, which the server tells the room."""
        return Lease(self.kind, self.name, self._holder, "withdraw")

    def heard(self, state: LeaseState) -> None:
        """Take an answer to ``take`` after the first one, or unasked news. Raises ConditionNotMet if it is lost."""
        if state.name == self.name and not state.held:
            why = state.why or "it did not hear from us for too long"
            raise ConditionNotMet(f"the server has withdrawn the question: {why}")

    async def look(self, seq: int, deadline: Deadline) -> LeaseState:
        """Have the server judge entry number ``seq``, on a connection of its own, for as long as that takes.

        Raises:
            DeadlinePassed: the time is over.
            ConditionNotMet: we do not have the lease any more.
            ChatError: the server refuses.
        """
        for _ in range(_LOOKS):
            state = await self._looked(seq, deadline)
            if state.held:
                return state
            await self._wait(_LOOK_SECONDS, deadline)
        self.heard(state)
        return state

    async def _looked(self, seq: int, deadline: Deadline) -> LeaseState:
        retry = Retry(self._transport)
        while True:
            try:
                return await self.ask_once(Lease(self.kind, self.name, self._holder, "look", seq), deadline)
            except ChatError as error:
                deadline.left()  # raises, if it was our time that passed
                if not (isinstance(error, DeadlinePassed) or may_pass(error)):
                    raise
                await self._wait(retry.delay(error), deadline)

    async def ask_once(self, frame: Lease, deadline: Deadline) -> LeaseState:
        """Send one frame on a connection of its own. Raises as ``Transport.connect`` and ``request``."""
        soon = deadline.sooner(CONNECT_SECONDS)
        connection = await self._transport.connect(self._address, self._hello, soon)
        try:
            return await request(connection, frame, LeaseState, soon)
        finally:
            connection.close()

    async def _wait(self, seconds: float, deadline: Deadline) -> None:
        left = deadline.left()
        await self._transport.sleep(seconds if left is None else min(seconds, left))
        deadline.left()

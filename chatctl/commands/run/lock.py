"""The lock of a run: one at a time among all machines in the room.

It is advisory: it is taken before CMD starts and kept while CMD runs; if it is lost then, CMD goes on and people are
told. Lives here: the thread that keeps it, what is said about it. Does not live here: keeping it
(client/core/lease_keeper.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from chatctl.cli.output import moment, warn
from chatctl.client.core.address import Address
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.lease_keeper import LeaseKeeper
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.client.io.clock import deadline_in
from chatctl.common.durations import span
from chatctl.common.text import clean
from chatctl.errors import ChatError, ConditionNotMet
from chatctl.protocol import Hello, LeaseState

END_SECONDS = 2.0
"""Time for the thread to end, and for telling the server that the lock is free: else it finds out after a minute."""


class RunLock:
    """A lock that this process takes, keeps in a thread, and releases."""

    def __init__(self, address: Address, hello: Hello, name: str, say: Callable[[str], None]) -> None:
        """Take nothing yet.

        Args:
            address: of the server.
            hello: enters the room to post.
            name: of the lock.
            say: tells the room; called in the thread.
        """
        self._name = name
        self._say = say
        self._open_end, self._waited_for = os.pipe()  # closing the first ends every wait on the second
        self._lease = HeldLease(BlockingTransport(), address, hello.room, hello.token, "lock", name)
        self._keeper = LeaseKeeper(BlockingTransport(self._waited_for), address, hello, self._lease, self)
        self._thread: threading.Thread | None = None

    def take(self, seconds: float) -> None:
        """Take it.

        Raises:
            ConditionNotMet: somebody else has it.
            ChatError: it can't be had: nobody there, refused, a server that has no locks.
        """
        state = drive(self._keeper.take(deadline_in(seconds)))
        if not state.held:
            self._keeper.close()
            raise ConditionNotMet(f"the lock {self._name} {_held(state, self._name)}: CMD was not started")

    def keep(self) -> None:
        """Keep it, in a thread. Call this once CMD runs: the thread takes no signals then (signal_relay.py)."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            drive(self._keeper.keep())
        except Exception as error:  # noqa: BLE001 — whatever fails here, CMD goes on, and its status is ours
            self._warn(str(error))

    def release(self) -> None:
        """Release it: the next one may start. A failure to do so changes nothing."""
        os.close(self._open_end)
        if self._thread is not None:
            self._thread.join(END_SECONDS)
        try:
            drive(self._lease.ask_once(self._lease.release(), deadline_in(END_SECONDS)))
        except ChatError as error:
            warn(f"the lock {self._name} is kept for a minute more: {error.text}")
        self._keeper.close()

    # --- what the keeper tells

    def _warn(self, why: str) -> None:
        warn(f"the lock {self._name} is lost, and CMD continues: {why}")

    def out_of_reach(self, why: str) -> None:
        """Tell whoever reads stderr; the room can't hear it now."""
        self._warn(f"{why}; another run may start")

    def taken(self, state: LeaseState) -> None:
        """Tell both."""
        self._warn(f"{clean(state.nick)} has it now" if state.nick else clean(state.why))
        self._say(f"lost the lock {self._name}{f' to {state.nick}' if state.nick else ''}, and continues")

    def back(self, seconds: float) -> None:
        """Tell both."""
        warn(f"the lock {self._name} is held again, after {span(round(seconds))}")
        self._say(f"was without the lock {self._name} for {span(round(seconds))}, and went on")

    def refused(self, why: str) -> None:
        """Tell whoever reads stderr: to the room we may not speak either."""
        self._warn(why)


def _held(state: LeaseState, name: str) -> str:
    """Return who has the lock, and until when if no connection of theirs holds it."""
    if not state.nick:
        return f"was not to be had: {clean(state.why)}"
    since = f" since {moment(state.since)}" if state.since is not None else ""
    gone = ""
    if state.until is not None:
        gone = f", who is gone: it is free at {moment(state.until)}, or after 'chatctl admin unlock {name}'"
    return f"is held by {clean(state.nick)}{since}{gone}"

"""What the schema says of several servers: under which id each is there, whether it beats, and waits for that.

Does not live here: what is done to them (several_servers.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tests.system.chaos.engine_diary import EngineDiary
from tests.system.chaos.shared_server import SharedServer
from tests.system.chaos.tormentor import Unwell

_T = TypeVar("_T")

_LOOK = 0.05
"""Seconds between two looks whether something is so."""

_LOOKS = 600
"""So many, in half a minute at least, until a server is swept, or beats again; none while the machine stands still."""


class RegisteredServers:
    """Each wait ends with Unwell if it is in vain, or if a server ended by itself meanwhile."""

    def __init__(self, servers: Sequence[SharedServer], book: EngineDiary, activity: Callable[[], str]) -> None:
        """``activity`` says what the engine does, for people."""
        self.book = book
        self.sweeps = 0
        """Servers that others have taken for dead."""
        self._servers = servers
        self._activity = activity
        self._rest = threading.Event()  # never set: a rhythm, not a signal

    def learn(self, server: SharedServer) -> None:
        """Wait until the schema says which one it is: another one than before. Note that it is up."""
        before = server.sid
        server.sid = self._wait_for(lambda: self._sid_of(server, before), f"{server.name} is registered")
        self.book.note("up", server.sid)

    def wait_for_beats(self) -> None:
        """Wait until all have another beat: nobody may sweep them for the one before. Note that they are up."""
        for server in self._servers:
            before = self.book.beats().get(server.port, ("", 0))
            server.sid = self._wait_for(partial(self._beats_again, server, *before), f"{server.name} beats")
            self.book.note("up", server.sid)

    def wait_until_swept(self, server: SharedServer) -> None:
        """Wait until others have taken it for dead."""
        sid = server.sid
        self._wait_for(lambda: all(one != sid for one, _ in self.book.beats().values()), f"{server.name} is swept")
        self.sweeps += 1

    def wait_until_it_knows(self, server: SharedServer) -> None:
        """Wait until a server has found out by itself that it was taken for dead."""
        before = server.sid
        found = self._wait_for(
            lambda: self._sid_of(server, before) or self.book.last_of(before) != "went", f"{server.name} goes on"
        )
        if isinstance(found, str):  # else it changes what it must not: that is for the verifier
            server.sid = found
            self.book.note("up", found)

    def _sid_of(self, server: SharedServer, before: str) -> str | None:
        sid, _ = self.book.beats().get(server.port, ("", 0))
        return sid if sid not in ("", before) else None

    def _beats_again(self, server: SharedServer, before: str, beat: int) -> str | None:
        """Return its id if it has beaten since, under this id or, taken for dead meanwhile, under another."""
        sid, now = self.book.beats().get(server.port, ("", 0))
        return sid if now > (beat if sid == before else 0) else None

    def _wait_for(self, look: Callable[[], _T | None], what: str) -> _T:
        for _ in range(_LOOKS):
            if found := look():
                return found
            for server in self._servers:
                if server.proxy.upstream is not None and server.running.process.poll() is not None:
                    raise Unwell(f"{server.name} ended by itself; wanted was: {what}")
            self._rest.wait(_LOOK)
        raise Unwell(f"not so after {_LOOKS} looks: {what}. What the engine does:\n{self._activity()}")

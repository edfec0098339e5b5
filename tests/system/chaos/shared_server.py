"""One of several servers that share a schema: between a bad network to its clients, and another one to the engine."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.system.chaos.child import Child
from tests.system.chaos.engines import uri
from tests.system.chaos.proxy import Proxy

_SOCKET = ".s.PGSQL.5432"


class SharedServer:
    """It keeps its port, whatever becomes of its process."""

    def __init__(self, name: str, seed: str, hosts: Sequence[Path], *, calm: bool) -> None:
        """``name`` is the one of its log, ``hosts`` where the engines listen."""
        self.name = name
        self.child: Child | None = None
        self.is_older = False
        """Whether it is of another version."""
        self.sid = ""
        """Its id in the schema, as it was seen last."""
        self.proxy = Proxy(f"{seed} {name}")
        self.proxy.calm = calm
        self._stack = contextlib.ExitStack()
        self._stack.callback(self.proxy.close)
        self._links: list[Proxy] = []
        self.uri = uri([self._link(host) for host in hosts])
        """The journal's."""

    def _link(self, host: Path) -> Path:
        """Return where an engine can be reached through a network that can be cut."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="chatctl-link-")))
        link = Proxy(socket=folder / _SOCKET)
        link.calm, link.upstream = True, host / _SOCKET
        self._stack.callback(link.close)
        self._links.append(link)
        return folder

    @property
    def running(self) -> Child:
        assert self.child is not None
        return self.child

    @property
    def port(self) -> str:
        """Its own port, as it is called in the schema."""
        return str(self.running.port)

    def cut_off(self, *, upwards: bool) -> None:
        """Have nothing get through between it and the engines; ``upwards`` False: no answers alone."""
        for link in self._links:
            link.hold(upwards=upwards)

    def join_again(self, *, whole: bool) -> None:
        """End that. Connections go on if they are ``whole``; else they were forgotten on the way."""
        for link in self._links:
            if not whole:
                link.cut_all()
            link.let_go()

    def close(self) -> None:
        if self.child is not None and self.child.process.poll() is None:
            self.child.kill()
        self._stack.close()

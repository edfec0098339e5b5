"""The port for monitoring systems: from a server's parts to one that listens.

Does not live here: opening its sockets (server/startup.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from chatctl.core.admission import Admission
from chatctl.hub.health import Health
from chatctl.protocol import DEFAULT_ROOM
from chatctl.server.certificates import Tls
from chatctl.server.journals import AnyJournal
from chatctl.server.metrics.collector import ServerCollector, Sources
from chatctl.server.metrics.journal_files import JournalFiles
from chatctl.server.metrics.loop_lag import LoopLag
from chatctl.server.metrics.port import MetricsPort
from chatctl.server.metrics.site import MetricsSite
from chatctl.server.server import Server
from chatctl.server.startup import Sockets, is_beyond_this_machine
from chatctl.server.web.origins import Origins


class Metrics:
    """The registry of one server's metrics, and the port where they are read."""

    def __init__(
        self,
        server: Server,
        admission: Admission,
        journal: AnyJournal,
        path: Path | None,
        tls: Tls | None,
        sockets: Sockets,
        is_stopping: Callable[[], bool],
    ) -> None:
        """Begin to answer.

        Args:
            server: with its hub.
            admission: has the operator's rooms.
            journal: of the hub.
            path: its file, if it has one.
            tls: the server's certificate, if it has one.
            sockets: of the server.
            is_stopping: whether it takes nobody any more.
        """
        hub = server.hub
        self._lag = LoopLag(server.loop)
        self._files = JournalFiles(path)
        sources = Sources(server, admission.rooms, self._lag, self._files, tls)
        self._registry = CollectorRegistry()
        self._registry.register(ServerCollector(sources))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        origins = None if is_beyond_this_machine(sockets.metrics) else Origins([], [])
        site = MetricsSite(self._scrape, Health(journal, DEFAULT_ROOM, hub.clock), is_stopping, origins)
        self._port = MetricsPort(sockets.metrics, site.answer, server.limits, hub.networks, hub.log)

    async def _scrape(self) -> tuple[bytes, str]:
        """Return all samples in Prometheus' text format, and its content type."""
        await self._files.look()
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def close(self) -> None:
        """Stop measuring and listening."""
        self._lag.stop()
        self._port.close()

"""The metrics of a server, read when they are asked for. Each is described in docs/metrics.md.

Most are not counted anywhere: how much was said and delivered is where logs and cursors stand. What is counted costs an
addition. Rooms that clients opened are one sample together: whoever opens rooms must not fill a time series database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from chatctl import __version__
from chatctl.core.histogram import Histogram
from chatctl.core.room import Room
from chatctl.server.certificates import Tls
from chatctl.server.log_setup import lost_lines
from chatctl.server.metrics.journal_files import JournalFiles
from chatctl.server.metrics.loop_lag import LoopLag
from chatctl.server.server import Server

OTHERS = "(others)"
"""The label of all rooms together that clients opened: no room can be called so."""

Samples = Sequence[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the metrics are read from."""

    server: Server
    rooms: frozenset[str]
    """Those of the operator."""
    lag: LoopLag
    files: JournalFiles
    tls: Tls | None


class ServerCollector(Collector):
    """Gives the samples of one server."""

    def __init__(self, sources: Sources) -> None:
        """Read from these."""
        self._from = sources
        self._server, self._hub = sources.server, sources.server.hub

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as they are now."""
        yield InfoMetricFamily("chatctl_build", "The version of chatctl.", value={"version": __version__})
        yield from self._connections()
        yield from self._rooms()
        yield from self._traffic()
        yield from self._journal()
        yield from self._process()

    def _connections(self) -> Iterator[Metric]:
        census = [((name, str(tls).lower()), count) for (name, tls), count in sorted(self._server.census().items())]
        about = "Connections, by what they speak and whether with TLS."
        yield _gauge("chatctl_connections", about, census, ("dialect", "tls"))
        yield _gauge("chatctl_slow_readers", "Connections that wait to be read.", self._server.slow_readers())
        about = "Connections that were closed because they read nothing."
        yield _counter("chatctl_stalled_connections", about, self._server.stalled)
        about = "Connections closed before their hello, since too many were waiting."
        yield _counter("chatctl_dropped_connections", about, self._server.dropped)
        refusals = [((code,), count) for code, count in sorted(self._hub.refusals.items())]
        yield _counter("chatctl_refusals", "Errors that clients were sent, by code.", refusals, ("code",))
        yield _counter("chatctl_ban_hits", "How often a ban kept somebody out.", self._hub.rules.ban_hits)

    def _rooms(self) -> Iterator[Metric]:
        yield _gauge("chatctl_rooms", "Rooms that are open.", len(self._hub.history.rooms))
        about = "Members of the room who are connected to this server."  # so that servers of one room can be added up
        yield _gauge("chatctl_room_members", about, self._by_room(_connected), ROOM)
        about = "Connections that read the room and are no members."
        yield _gauge("chatctl_room_watchers", about, self._by_room(lambda room: room.watchers), ROOM)
        about = "Messages that were said in the room."
        yield _counter("chatctl_room_messages", about, self._by_room(lambda room: room.said), ROOM)
        about = "Messages that readers of the room were sent, each of them counted."
        yield _counter("chatctl_room_deliveries", about, self._by_room(lambda room: room.delivered), ROOM)
        gaps = dict.fromkeys(("lost", "retention", "slow"), 0)
        for room in self._hub.history.rooms.values():
            for why, count in room.gaps.items():
                gaps[why] = gaps.get(why, 0) + count
        about = "Gaps that readers were told of: messages that they were not sent, by reason."
        yield _counter("chatctl_gaps", about, [((why,), count) for why, count in gaps.items()], ("why",))

    def _by_room(self, value: Callable[[Room], int]) -> Samples:
        """Return a value of each room of the operator, and the sum of it for all others."""
        own, others = [], 0
        for name, room in sorted(self._hub.history.rooms.items()):
            if name in self._from.rooms:
                own.append(((name,), float(value(room))))
            else:
                others += value(room)
        return [*own, ((OTHERS,), float(others))]

    def _traffic(self) -> Iterator[Metric]:
        yield _counter("chatctl_received_bytes", "Bytes that clients sent.", self._server.received)
        yield _counter("chatctl_sent_bytes", "Bytes that clients were sent.", self._server.sent)
        memory = self._hub.memory
        shares = {
            "connections": memory.connections,
            "input": memory.input,
            "output": memory.output,
            "rings": memory.rings,
        }
        used = [((name,), float(share.used)) for name, share in shares.items()]
        limits = [((name,), float(share.limit)) for name, share in shares.items()]
        yield _gauge("chatctl_memory_used_bytes", "Memory in use, by what for.", used, ("share",))
        yield _gauge("chatctl_memory_limit_bytes", "Memory that may be used, by what for.", limits, ("share",))

    def _journal(self) -> Iterator[Metric]:
        messages = self._hub.messages
        yield _histogram("chatctl_journal_commit_seconds", "Time until a batch is committed.", messages.commits)
        yield _gauge("chatctl_journal_queue_messages", "Messages that are not committed yet.", messages.waiting)
        about = "Messages that could not be committed, and were refused."
        yield _counter("chatctl_journal_failed_messages", about, messages.not_stored)
        about = "Whether rooms got new epochs when the server started, or since: the journal may have lost messages."
        yield _gauge("chatctl_journal_epochs_renewed", about, bool(getattr(self._hub.journal, "renewed", None)))
        journal = self._hub.journal
        yield _gauge("chatctl_journal_durability", "1; the level is its label.", [((journal.durability,), 1.0)], LEVEL)
        about = "Servers that share the journal, this one included."
        yield _gauge("chatctl_servers", about, getattr(journal, "servers", 1))
        sizes = self._from.files.sizes
        if sizes is not None:
            yield _gauge("chatctl_journal_size_bytes", "Size of the journal's database.", sizes.database)
            yield _gauge("chatctl_journal_wal_size_bytes", "Size of its write-ahead log.", sizes.wal)
            yield _gauge("chatctl_journal_free_bytes", "Bytes that are free where the journal is.", sizes.free)

    def _process(self) -> Iterator[Metric]:
        yield _histogram("chatctl_event_loop_lag_seconds", "How late the event loop is.", self._from.lag.seconds)
        yield _counter("chatctl_log_lost_lines", "Lines of the log that could not be written.", lost_lines())
        tls = self._from.tls
        if tls is not None and tls.current.dates:
            ends = min(one.ends for one in tls.current.dates)
            yield _gauge(
                "chatctl_certificate_expiry_timestamp_seconds", "When the certificate, or its chain, ends.", ends
            )


ROOM = ("room",)
LEVEL = ("level",)


def _connected(room: Room) -> int:
    return sum(member.conn is not None for member in room.roster)


def _gauge(name: str, about: str, value: float | Samples, labels: Sequence[str] = ()) -> Metric:
    metric = GaugeMetricFamily(name, about, labels=labels)
    for values, sample in _samples(value):
        metric.add_metric(values, sample)
    return metric


def _counter(name: str, about: str, value: float | Samples, labels: Sequence[str] = ()) -> Metric:
    """Return a counter; its samples have ``_total`` behind the name."""
    metric = CounterMetricFamily(name, about, labels=labels)
    for values, sample in _samples(value):
        metric.add_metric(values, sample)
    return metric


def _samples(value: float | Samples) -> Samples:
    return [((), float(value))] if isinstance(value, int | float) else value


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    buckets = [("+Inf" if bound == float("inf") else str(bound), float(count)) for bound, count in histogram.buckets()]
    return HistogramMetricFamily(name, about, buckets=buckets, sum_value=histogram.sum)

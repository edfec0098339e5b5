"""The options of ``serve`` that set limits. Each is named after its field of ``ServerLimits``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.help_pages import option_group
from chatctl.cli.options import all_of, count_option, duration_option
from chatctl.commands.serve.param_types import LIMIT_DURATION, MEMORY, RATE, STARTUPS

if TYPE_CHECKING:
    from chatctl.core.limits import ServerLimits


def _count(name: str, field: str, least: int, most: int | None, default: int, text: str) -> Any:
    return count_option(name, field, least=least, most=most, default=default, help=text)


def _time(name: str, field: str, default: str, text: str) -> Any:
    return duration_option(name, field, type=LIMIT_DURATION, default=default, help=text)


common_limits = option_group(
    "Limits",
    count_option(
        "--max-clients",
        "clients",
        show_default="10000, or 0.8 × the file limit",
        help="Connections at once, from all addresses.",
    ),
    count_option(
        "--max-per-address",
        "per_address",
        default=64,
        help="Connections at once from one address; loopback addresses are exempt.",
    ),
    click.option(
        "--rate",
        type=RATE,
        default="10:30",
        show_default=True,
        metavar="N[:BURST]|off",
        help="Messages per second from one connection, and how many at once; beyond it they wait.",
    ),
    click.option(
        "--memory",
        type=MEMORY,
        metavar="SIZE",
        show_default="a quarter of the machine's",
        help="Memory for all rooms and connections: 256M, 2G. At this limit rooms keep fewer messages in it, large "
        "answers wait, and new clients are told that the server is full.",
    ),
)

rare_limits = option_group(
    "Rare limits",
    _count("--ring-entries", "ring_entries", 1, None, 100_000, "Messages of a room kept in memory."),
    _count("--max-line", "line", 256, 1 << 20, 16_384, "Bytes of one line from a client."),
    _count("--max-text", "text", 1, 256 * 1024, 4_096, "Bytes of one message."),
    _count("--max-nick", "nick", 1, 32, 32, "Characters of a nickname."),
    _time("--hello-timeout", "hello_seconds", "10s", "Time allowed to complete the handshake and hello."),
    _count("--max-hello", "hello_bytes", 64, 1 << 20, 8_192, "Bytes a client may send in that time."),
    _time("--ping", "ping_seconds", "60s", "Idle time after which a client is pinged."),
    _time("--stall", "stall_seconds", "30s", "Time after which a client that reads nothing is disconnected."),
    _count("--byte-rate", "bytes_per_second", 256, None, 65_536, "Bytes per second from one connection."),
    _count(
        "--address-byte-rate",
        "bytes_per_address",
        256,
        None,
        262_144,
        "Bytes per second from all connections of one address; loopback addresses are exempt.",
    ),
    _count("--out-buffer", "out_buffer", 1_024, 1 << 26, 65_536, "Bytes queued for a slow reader."),
    _count("--ring-bytes", "ring_bytes", 1_024, None, 64 << 20, "Bytes of a room's messages kept in memory."),
    _count("--backlog", "backlog", 0, 10_000, 100, "Past messages that a client may ask for when it joins."),
    _count("--page", "page", 1, 10_000, 1_000, "Messages in one page of history."),
    _count("--connect-rate", "connect_rate", 0, None, 20, "Connections per second from one address; 0: no limit."),
    click.option(
        "--max-greeting",
        "greeting",
        type=STARTUPS,
        default="100:30:1000",
        show_default=True,
        metavar="START:PERCENT:FULL",
        help="Connections before their hello: from START on PERCENT of new ones are closed, all of them at FULL.",
    ),
    rare=True,
)

limit_options = all_of(common_limits, rare_limits)


def limits_of(chosen: dict[str, Any]) -> ServerLimits:
    """Take the values of ``limit_options`` out of ``chosen``, and return the limits that they set."""
    from chatctl.core.limits import ServerLimits
    from chatctl.server.descriptors import max_clients
    from chatctl.server.machine_memory import default_memory

    rate, burst = chosen.pop("rate")
    start, percent, full = chosen.pop("greeting")
    clients = max_clients(chosen.pop("clients"))
    memory = chosen.pop("memory") or default_memory()
    others = {name: chosen.pop(name) for name in ServerLimits.__struct_fields__ if name in chosen}
    greeting = {"greeting_start": start, "greeting_percent": percent, "greeting_full": full}
    return ServerLimits(clients=clients, memory=memory, rate=rate, burst=burst, **greeting, **others)

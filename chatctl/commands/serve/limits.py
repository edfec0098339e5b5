"""The limits of ``serve``, an option each. Those given are named as the fields of ``core.limits.ServerLimits``."""

from __future__ import annotations

import re
from typing import Any

import click

from chatctl.cli.options import Duration, all_of


class Startups(click.ParamType[tuple[int, int, int]]):
    """``START:PERCENT:FULL``: from so many on so many percent are dropped, all of them at so many."""

    name = "startups"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Give the three numbers."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,6}):(\d{1,3}):(\d{1,6})", str(value), re.ASCII)
        start, percent, full = map(int, match.groups()) if match else (0, 0, 0)
        if not 0 < start <= full or percent > 100:
            self.fail(f"'{value}' is not START:PERCENT:FULL, such as 100:30:1000", param, ctx)
        return start, percent, full


class Span(Duration):
    """A duration that a server can keep to."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give seconds."""
        seconds = super().convert(value, param, ctx)
        if not 0.05 <= seconds <= 86_400:
            self.fail(f"'{value}' is not between 50ms and 1d", param, ctx)
        return seconds


def _limit(name: str, field: str, kind: click.ParamType[Any], default: float | str, text: str) -> Any:
    unit = "DURATION" if isinstance(kind, Span) else "N"
    return click.option(name, field, type=kind, default=default, show_default=True, metavar=unit, help=text)


def _count(least: int, most: int | None = None) -> click.IntRange:
    return click.IntRange(least, most)


_SPAN = Span()

limit_options = all_of(
    _limit("--max-line", "line", _count(256, 1 << 20), 16_384, "Bytes of one line from a client."),
    _limit("--max-text", "text", _count(1, 256 * 1024), 4_096, "Bytes of one message."),
    _limit("--max-nick", "nick", _count(1, 32), 32, "Characters of a nickname."),
    _limit("--hello-timeout", "hello_seconds", _SPAN, "10s", "Time to be let in, a TLS handshake included."),
    _limit("--max-hello", "hello_bytes", _count(64, 1 << 20), 8_192, "Bytes that a client may send for that."),
    _limit("--ping", "ping_seconds", _SPAN, "60s", "Silence before a client is asked whether it is there."),
    _limit("--stall", "stall_seconds", _SPAN, "30s", "Time after which a client that reads nothing is closed."),
    _limit("--byte-rate", "bytes_per_second", _count(256), 65_536, "Bytes a second from one connection."),
    _limit("--out-buffer", "out_buffer", _count(1_024, 1 << 26), 65_536, "Bytes that wait for a slow reader."),
    _limit("--ring-bytes", "ring_bytes", _count(1_024), 64 << 20, "Bytes of a room's messages kept in memory."),
    _limit("--backlog", "backlog", _count(0, 10_000), 100, "Messages of the past on entering."),
    _limit("--page", "page", _count(1, 10_000), 1_000, "Messages in a page of history."),
    _limit("--connect-rate", "connect_rate", _count(0), 20, "Connections a second from one address; 0: any."),
    click.option(
        "--max-greeting",
        "greeting",
        type=Startups(),
        default="100:30:1000",
        show_default=True,
        metavar="START:PERCENT:FULL",
        help="Connections not let in yet, and how many of the next ones are dropped.",
    ),
)


def as_limits(chosen: dict[str, Any]) -> dict[str, Any]:
    """Give what was chosen, by field."""
    start, percent, full = chosen.pop("greeting")
    return chosen | {"greeting_start": start, "greeting_percent": percent, "greeting_full": full}

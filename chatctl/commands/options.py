"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_HOST = "127.0.0.1"  # as in protocol.py, which --help must not import: it needs msgspec
DEFAULT_PORT = 5500
DEFAULT_ROOM = "lobby"


class Duration(click.ParamType[float]):
    """``300ms``, ``5s``, ``2m``, ``1h``; a bare number is seconds."""

    name = "duration"
    _SHAPE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
    _SECONDS: ClassVar = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give seconds."""
        if isinstance(value, int | float):
            return float(value)
        match = self._SHAPE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is no duration: write 300ms, 5s, 2m or 1h", param, ctx)
        return float(match[1]) * self._SECONDS[match[2]]


class Rate(click.ParamType[tuple[float, int]]):
    """``N``, ``N:BURST`` or ``off``."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, int]:
        """Give (messages a second, burst); (0, 0) for off."""
        if isinstance(value, tuple):
            return value
        if value == "off":
            return 0.0, 0
        number, _, burst = str(value).partition(":")
        try:
            rate = float(number)
            most = int(burst) if burst else max(1, int(3 * rate))
        except (ValueError, OverflowError):
            rate, most = 0.0, 0
        if not (0 < rate < 1e9 and most >= 1):
            self.fail(f"{value!r} is no rate: write 10, 10:30 or off", param, ctx)
        return rate, most


DURATION = Duration()
RATE = Rate()


def host_option(text: str) -> Callable[[F], F]:
    """``--host``."""
    return click.option(
        "--host", default=DEFAULT_HOST, show_default=True, envvar="CHATCTL_HOST", show_envvar=True, help=text
    )


def port_option(text: str) -> Callable[[F], F]:
    """``--port``."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=DEFAULT_PORT,
        show_default=True,
        envvar="CHATCTL_PORT",
        show_envvar=True,
        help=text,
    )


@dataclass(frozen=True, slots=True)
class Where:
    """Which server and which room."""

    host: str
    port: int
    unix: Path | None
    room: str


def where_options(command: F) -> F:
    """``--host --port --unix --room``, handed on as ``where``."""

    def gather(ctx: click.Context, host: str, port: int, unix: Path | None, room: str, **rest: object) -> object:
        return ctx.invoke(command, where=Where(host, port, unix, room), **rest)

    return gather  # type: ignore[return-value]

"""Types of option values that several commands take. A type that only one command takes lives in its package.

``--help`` loads this file: a type imports what it needs when a value is converted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chatctl.errors import ChatError

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address

T = TypeVar("T")


class Parsed(click.ParamType[T]):
    """What a function makes of a value. The text of its ValueError or ChatError is the usage error's."""

    def __init__(self, parse: Callable[[Any], T]) -> None:
        """``parse`` takes a string; from the configuration file also a number, or a value that it returned before."""
        self.name = parse.__name__
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        """Return the parsed value."""
        try:
            return self._parse(value)
        except (ValueError, ChatError) as error:
            self.fail(str(error), param, ctx)


def duration(value: object) -> float:
    """Return the seconds of ``300ms``, ``5s``, ``1h30m``, ``1d`` or ``2w``; a bare number is seconds."""
    from chatctl.common.durations import LONGEST_DURATION, parse_duration

    seconds = float(value) if isinstance(value, int | float) else parse_duration(str(value))
    if seconds is None or not 0 <= seconds < LONGEST_DURATION:
        raise ValueError(f"{value!r} is not a duration: write 300ms, 5s, 2m or 1h")
    return seconds


def regex(value: object) -> re.Pattern[str]:
    """Compile a regular expression of Python's ``re``."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(str(value))
    except (re.error, RecursionError, OverflowError, ValueError) as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None


def text(value: object) -> str:
    """Return a text that can cross the wire: what is typed may be any bytes, and a name of a file may stay so."""
    given = str(value)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{os.fsencode(given).decode('utf-8', 'backslashreplace')} is not UTF-8") from None
    return given


def nick(value: object) -> str:
    """Return a nickname folded, to compare others with."""
    from chatctl.common.names import fold_nick

    return fold_nick(str(value))


def moment(value: object) -> float:
    """Return the Unix seconds of a moment: ``2026-01-31``, ``14:30``, ``2h`` (ago)."""
    from time import time

    from chatctl.common.times import parse_moment

    if isinstance(value, float):
        return value
    try:
        return parse_moment(str(value), time())
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{value!r} is not a moment: write 2h, 14:30, 2026-01-31 or 2026-01-31T14:30") from None


def host(value: object) -> str:
    """Return a host without the brackets that an IPv6 address has where a port follows; that is another option's."""
    text = str(value)
    if match := re.fullmatch(r"(\[[^\]]*\]|[^:\[]+):(\d{1,5})", text, re.ASCII):
        raise ValueError(f"{text!r} is a host and a port: write --host {match[1]} --port {match[2]}")
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def web_url(value: object) -> Address:
    """Return the address of a server whose page has this URL."""
    from chatctl.client.core.address import parse_web

    return value if isinstance(value, tuple) else parse_web(str(value))  # type: ignore[return-value]


def pin(value: object) -> str:
    """Return a certificate's SHA-256 fingerprint as ``SHA256:`` and base64."""
    from chatctl.common.fingerprints import parse

    return parse(str(value))


class WholeNumber(click.IntRange):
    """A whole number in a range, named as people call it in errors."""

    name = "whole number"


class Number(click.FloatRange):
    """A number in a range, with or without a fraction."""

    name = "number"


class FilePath(click.Path):
    """A file as a ``Path``. pathlib is loaded when one is given: it costs as much as ten modules of ours."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a ``Path``."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


def journal(value: object) -> Path:
    """Return the path of a journal's file, with every symbolic link resolved."""
    from pathlib import Path

    from chatctl.common.paths import parse_journal

    return Path(parse_journal(os.fspath(value) if isinstance(value, os.PathLike) else str(value)))


def journal_or_uri(value: object) -> Path | str:
    """Return the same; the URI of a PostgreSQL database as it is."""
    from chatctl.common.journal_uri import is_postgres

    return value if isinstance(value, str) and is_postgres(value) else journal(value)


def journal_or_none(value: object) -> Path | str:
    """Return the same; ``none`` as it is, too."""
    return "none" if value == "none" else journal_or_uri(value)


def schema(value: object) -> str:
    """Return the name of a schema in a database."""
    from chatctl.common.journal_uri import check_schema_name

    return check_schema_name(str(value))


DURATION = Parsed(duration)
JOURNAL_OR_URI = Parsed(journal_or_uri)
JOURNAL_OR_NONE = Parsed(journal_or_none)
SCHEMA = Parsed(schema)
REGEX = Parsed(regex)
FOLDED_NICK = Parsed(nick)
HOST = Parsed(host)
MOMENT = Parsed(moment)
PIN = Parsed(pin)
WEB_URL = Parsed(web_url)
TEXT = Parsed(text)


def split_command(command: str, option: str) -> list[str]:
    """Return the argument list of an option that names a command, split as a shell splits words; no shell sees it.

    Raises:
        BadParameter: a quote is not closed, or there is no word.
    """
    import shlex

    hint = f"'{option}'"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.BadParameter(f"{command!r}: {error}".lower(), param_hint=hint) from None
    if not words:
        raise click.BadParameter("the command is empty", param_hint=hint)
    return words

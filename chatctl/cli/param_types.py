"""Types of option values that several commands take. A type that only one command takes lives in its package.

``--help`` loads this file: a type imports what it needs when a value is converted.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.completers import completer
from chatctl.errors import NickInvalid

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Duration(click.ParamType[float]):
    """``300ms``, ``5s``, ``2m``, ``1h``, ``1d``; a bare number is seconds. Converts to seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        from chatctl.common.durations import LONGEST_DURATION, parse_duration

        seconds = float(value) if isinstance(value, int | float) else parse_duration(str(value))
        if seconds is None or not 0 <= seconds < LONGEST_DURATION:
            self.fail(f"{value!r} is no duration: write 300ms, 5s, 2m or 1h", param, ctx)
        return seconds


class Regex(click.ParamType["re.Pattern[str]"]):
    """A regular expression of Python's ``re``, compiled."""

    name = "regex"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        """Return the compiled pattern."""
        import warnings

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return re.compile(str(value))
        except (re.error, RecursionError, OverflowError, ValueError) as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


class FilePath(click.Path):
    """A file as a ``Path``. pathlib is loaded when one is given: it costs as much as ten modules of ours."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a ``Path``."""
        from pathlib import Path

        return Path(os.fsdecode(super().convert(value, param, ctx)))


class FoldedNick(click.ParamType[str]):
    """A nickname to compare others with: converts to the folded form. Tab completes members of the room."""

    name = "nick"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the members of the room."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(nick) for nick in completer("nicks")(ctx, param, incomplete)]

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it folded."""
        from chatctl.common.names import fold_nick

        try:
            return fold_nick(str(value))
        except NickInvalid as error:
            self.fail(error.text, param, ctx)


class Pin(click.ParamType[str]):
    """A certificate's SHA-256 fingerprint."""

    name = "pin"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as ``SHA256:`` and base64."""
        from chatctl.common.fingerprints import parse

        try:
            return parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = Duration()
REGEX = Regex()
FOLDED_NICK = FoldedNick()

"""Which option values Tab completes. The code that finds them is loaded only when a shell asks for some.

Light: every command loads this file. Does not live here: the values (completion_values.py).
"""

from __future__ import annotations

from collections.abc import Callable

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]

_complete: Callable[[str, click.Context, click.Parameter, str], list[str]] | None = None


def completer(kind: str) -> Completer:
    """Return a ``shell_complete`` callback for ``servers``, ``rooms``, ``nicks`` or ``commands``.

    It offers nothing before ``set_completers`` was called.
    """
    return lambda ctx, param, incomplete: _complete(kind, ctx, param, incomplete) if _complete is not None else []


def set_completers(complete: Callable[[str, click.Context, click.Parameter, str], list[str]]) -> None:
    """Have ``complete`` called with the kind and what Click hands over."""
    global _complete
    _complete = complete

"""Which option values Tab completes. The code that finds them is loaded only when a shell asks for some.

Light: every command loads this file. Does not live here: the values (completion_values.py).
"""

from __future__ import annotations

from collections.abc import Callable

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]

_find: Callable[[str], Completer] | None = None


def completer(kind: str) -> Completer:
    """Return a ``shell_complete`` callback for ``servers``, ``rooms``, ``nicks`` or ``commands``.

    It offers nothing before ``set_completers`` was called.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return _find(kind)(ctx, param, incomplete) if _find is not None else []

    return complete


def set_completers(find: Callable[[str], Completer]) -> None:
    """Have ``find`` return the completer of each kind."""
    global _find
    _find = find

"""Values that Tab can offer: which parameter has which. What finds them (complete.py) is loaded when a shell asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

Completer = Callable[[click.Context, click.Parameter, str], list[str]]

_completers: dict[str, Completer] = {}


def known(what: str) -> Completer:
    """Give what offers ``servers``, ``rooms``, ``nicks`` or ``commands``; nothing while no shell has asked."""

    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return _completers[what](ctx, param, incomplete) if _completers else []

    return offer


def learn(completers: Mapping[str, Completer]) -> None:
    """Have these offered, by what they give."""
    _completers.update(completers)

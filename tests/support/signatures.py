"""The public names and parameters of the client's two forms, to be compared."""

from __future__ import annotations

import inspect
from typing import Any

ASYNC = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "__anext__": "__next__"}


def public(thing: Any) -> dict[str, Any]:
    """Return the public names of a class, inherited ones too; special ones under the blocking form's."""
    special = set(ASYNC) | set(ASYNC.values())
    named = {name: value for name, value in inspect.getmembers(thing) if not name.startswith("_") or name in special}
    return {ASYNC.get(name, name): value for name, value in named.items()}


def parameters(function: Any) -> list[tuple[str, Any, Any, Any]]:
    return [
        (one.name, one.kind, one.default, one.annotation) for one in inspect.signature(function).parameters.values()
    ]

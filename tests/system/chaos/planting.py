"""How a fault is planted in a server: something of it is replaced, which has to be there."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType


def plant(owner: type | ModuleType, name: str, fault: Callable[..., object]) -> None:
    """Replace a method or a function. Raises AttributeError where the server has none of that name any more."""
    getattr(owner, name)
    setattr(owner, name, fault)


def without(sql: str, part: str, instead: str = "") -> str:
    """Return SQL in which a part is replaced, which has to be there once."""
    assert sql.count(part) == 1, part
    return sql.replace(part, instead)

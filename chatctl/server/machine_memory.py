"""How much memory this process may have: of the machine, or of the control group that it runs in.

A container, or a unit with ``MemoryMax=``, has less than the machine. Source: cgroups(7); "Memory" in the kernel's
admin-guide/cgroup-v2 and cgroup-v1/memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SHARE = 4
"""A server uses one of so many parts: of the rest, its users, the page cache and others live."""

LEAST = 16 << 20
"""The least that a server can do with."""

UNKNOWN = 1 << 30
"""Where a system does not say how much there is."""


def default_memory(root: Path = Path("/")) -> int:
    """Return the bytes that a server uses unless it is told otherwise: a quarter of the least that bounds it."""
    return max(LEAST, min([_machine(), *_of_groups(root)]) // SHARE)


def _machine() -> int:
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return UNKNOWN


def _of_groups(root: Path) -> Iterator[int]:
    """Yield the limit of each group that this process is in, of version 1 and 2, up to the topmost."""
    mounted = root / "sys/fs/cgroup"
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _limits(mounted, path, "memory.max")
            elif "memory" in controllers.split(","):
                yield from _limits(mounted / "memory", path, "memory.limit_in_bytes")


def _limits(mounted: Path, path: str, name: str) -> Iterator[int]:
    """Yield the limits from a group upwards. In a container its own path may not be there, and the top is its own."""
    group = mounted / path.strip("/")
    for folder in (group, *group.parents):
        if folder.is_relative_to(mounted):
            with contextlib.suppress(OSError, ValueError):  # "max": none
                yield int((folder / name).read_text())

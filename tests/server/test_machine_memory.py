"""machine_memory.py: the least of what bounds a process, from files as the kernel has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatctl.server.machine_memory import LEAST, default_memory

MIB = 1 << 20
V1, V2 = "sys/fs/cgroup/memory", "sys/fs/cgroup"


def machine(root: Path, groups: str, **limits: str) -> Path:
    """Lay out files; ``limits`` has the content of each path."""
    for path, text in {"proc/self/cgroup": groups, **limits}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/app.slice/chat\n", {f"{V2}/app.slice/chat/memory.max": "419430400\n"}, 100 * MIB),
        ("0::/app.slice/chat\n", {f"{V2}/app.slice/chat/memory.max": "max\n"}, None),
        (
            "0::/app.slice/chat\n",
            {f"{V2}/app.slice/chat/memory.max": "max\n", f"{V2}/app.slice/memory.max": "419430400\n"},
            100 * MIB,
        ),
        ("0::/not/there\n", {f"{V2}/memory.max": "419430400"}, 100 * MIB),
        ("4:cpu,memory:/box\n0::/\n", {f"{V1}/box/memory.limit_in_bytes": "419430400\n"}, 100 * MIB),
        ("4:memory:/box\n", {f"{V1}/box/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("0::/\n", {f"{V2}/memory.max": "1048576"}, LEAST),
        ("nonsense\n", {}, None),
    ],
    ids=["v2", "v2 without one", "v2 of a parent", "v2 in a container", "v1", "v1 without one", "tiny", "unreadable"],
)
def test_the_least_limit_counts(tmp_path: Path, groups: str, limits: dict[str, str], expected: int | None) -> None:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    if expected is not None and whole < expected:
        expected = whole
    assert default_memory(machine(tmp_path, groups, **limits)) == (whole if expected is None else expected)


def test_a_system_without_any_has_the_machines(tmp_path: Path) -> None:
    assert default_memory(tmp_path) >= LEAST

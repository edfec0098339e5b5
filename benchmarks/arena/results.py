"""The measurements of each turn, in a JSON file beside the page, so that one scenario can be measured again alone."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, float]


@dataclass
class Measured:
    """One scenario: figures of each turn by entrant, None for a turn that failed, and why it did."""

    turns: dict[str, list[Row | None]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    when: str = ""
    quick: bool = False
    machine: str = ""

    def values(self, entrant: str, figure: str) -> list[float]:
        """Return one figure of all turns that have it."""
        return [row[figure] for row in self.turns.get(entrant, []) if row is not None and figure in row]

    def median(self, entrant: str, figure: str) -> float | None:
        """Return the median of a figure, None if no turn has it."""
        values = self.values(entrant, figure)
        return statistics.median(values) if values else None

    def pairs(self, ours: str, theirs: str, figure: str, other: str | None = None) -> list[tuple[float, float]]:
        """Return a figure of both entrants for each turn in which both have it. ``other`` is the name of theirs."""
        both = zip(self.turns.get(ours, []), self.turns.get(theirs, []), strict=False)
        return [(a[figure], b[other or figure]) for a, b in both if a is not None and b is not None]


@dataclass
class Results:
    """All measurements, by scenario; and which versions were there at the last run, and which peers were missing."""

    scenarios: dict[str, Measured] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read the file of earlier runs; empty if there is none."""
        if not path.exists():
            return cls()
        found: dict[str, Any] = json.loads(path.read_text())
        scenarios = {name: Measured(**one) for name, one in found["scenarios"].items()}
        return cls(scenarios, found["versions"], found["missing"])

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        plain = {
            "scenarios": {name: vars(one) for name, one in self.scenarios.items()},
            "versions": self.versions,
            "missing": self.missing,
        }
        part = path.with_suffix(".part")
        part.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
        part.replace(path)


def machine() -> str:
    """Return a description of this machine, in one line."""
    name = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = next(
        (line.split("=")[1].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY")), ""
    )
    return (
        f"{name or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system or platform.system()},"
        f" Linux {platform.release().partition('-')[0]}, Python {sys.version.split()[0]}"
    )


def now() -> str:
    """Return today's date."""
    return datetime.now(UTC).date().isoformat()


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []

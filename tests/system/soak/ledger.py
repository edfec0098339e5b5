"""The ledger: what members were promised and what they were shown, and whether the two agree."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field

MOST_FAULTS = 20


@dataclass
class Ledger:
    """Written by all members of one run."""

    acked: dict[int, str] = field(default_factory=dict)
    """What was acknowledged under which number."""
    shown: dict[int, str] = field(default_factory=dict)
    """What the auditor saw, who reads everything from the start."""
    redacted: set[int] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note that a promise was broken."""
        self.counts["faults"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)
            print(f"FAULT: {text}", file=sys.stderr, flush=True)

    def ack(self, who: str, seq: int, text: str) -> None:
        """Note that a message was acknowledged."""
        self.counts["acked"] += 1
        if self.acked.setdefault(seq, text) != text:
            self.fault(f"{who}: two messages have the number {seq}")

    def close(self) -> None:
        """Compare both sides, once everybody is gone and the auditor has seen all."""
        for seq, text in self.acked.items():
            if self.shown.get(seq) != text and seq not in self.redacted:
                self.fault(f"message {seq} was acknowledged as {text[:30]!r} and shown as {self.shown.get(seq)!r:.40}")
        first = min(self.shown, default=1)
        if sorted(self.shown) != list(range(first, first + len(self.shown))):
            self.fault("the auditor was shown a log with holes")

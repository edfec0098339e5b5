"""Random walks: so many steps with a seed, what was done in them, and the step that broke something."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable


class Broken(AssertionError):
    """Something that must hold did not."""


def walk_steps(step: Callable[[], None], steps: int, seed: int) -> None:
    """Take so many steps. Raises Broken with the number of the one that failed."""
    for number in range(steps):
        try:
            step()
        except Exception as error:
            raise Broken(f"step {number} of seed {seed}: {error!r}") from error


def main(walk: Callable[[int, int], Counter[str]]) -> None:
    """Walk as the command line says (STEPS [SEED]), and print what was done."""
    steps, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begun = time.monotonic()
    done = walk(steps, seed)
    print(f"{steps} steps, seed {seed}, {time.monotonic() - begun:.0f} s: nothing broken")
    print(", ".join(f"{count} {what}" for what, count in done.most_common()))

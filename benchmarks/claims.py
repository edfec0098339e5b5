"""Measures what a full table of bound names costs: reading it at a start, and deciding on one more name.

Run it: ``python benchmarks/claims.py [CLAIMS]``. Once with ASCII names and once with Cyrillic ones, which take PRECIS
and two skeletons each.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatctl.common.names import fold_nick
from chatctl.core.name_claims import KIND, MAX_CLAIMS, NameClaim, NameClaims, fact
from chatctl.core.name_ownership import NOBODY, Ask, Names, Owner

KINDS: dict[str, Callable[[int], str]] = {
    "ASCII": lambda number: f"Rajat-{number}",
    "Cyrillic": lambda number: f"Анна{number}",
}


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took."""
    begun = time.process_time()
    yield
    print(f"{what:<40} {time.process_time() - begun:8.3f} s of CPU", flush=True)


def main() -> None:
    """Measure as the command line says."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else MAX_CLAIMS
    for kind, spell in KINDS.items():
        made = [NameClaim(spell(number), f"SHA256:{number}", float(number), float(number)) for number in range(wanted)]
        facts = {(KIND, fold_nick(claim.nick)): fact(claim) for claim in made}
        with timed(f"{kind}: {wanted} claims read"):
            claims = NameClaims(facts)
        names = Names(claims)
        with timed(f"{kind}: 1000 hellos of owners"):
            for claim in made[:: max(1, wanted // 1000)]:
                names.decide(Ask(claim.nick, Owner(key=claim.key), "enter", "lobby"), 0.0)
        with timed(f"{kind}: 1000 names bent"):
            for number in range(1000):
                names.bend(Ask("Rajat", NOBODY, "enter", "lobby"), [str(number)], 0.0)
        with timed(f"{kind}: the suspects listed"):
            list(claims.suspects())
        with timed(f"{kind}: all set free"):
            for claim in made:
                claims.drop(claim)


if __name__ == "__main__":
    main()

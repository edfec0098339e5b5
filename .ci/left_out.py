"""List the tests that a run left out, and why: ``left_out.py JUNIT_XML [--expect FILE]``.

Without ``--expect`` it fails if a test was skipped that this machine could run: every skip must name a need that is not
met and that cannot be installed here. With ``--expect`` it fails if the list differs from the one in FILE.
"""

from __future__ import annotations

import argparse
import difflib
import os
import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.needs import NEEDS, is_met, reason


def skipped(junit: Path) -> list[tuple[str, str]]:
    """Return (test, reason) for every skipped test of a run, sorted."""
    cases = ET.parse(junit).iter("testcase")  # noqa: S314  # pytest wrote it
    return sorted(
        (f"{case.get('classname')}::{case.get('name')}", skip.get("message", ""))
        for case in cases
        if (skip := case.find("skipped")) is not None
    )


def is_excused(why: str) -> bool:
    """Tell whether nothing on this machine could make the test run."""
    for name, need in NEEDS.items():
        if why.endswith(reason(name)):
            installable = need.package and os.geteuid() == 0 and shutil.which("apt-get")
            return not installable and not is_met(name)
    return False


def main() -> int:
    """Print the list, or what is wrong with it; return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("junit", type=Path)
    parser.add_argument("--expect", type=Path)
    given = parser.parse_args()
    found = skipped(given.junit)
    if given.expect is None:
        wrong = [f"{test}: {why}" for test, why in found if not is_excused(why)]
        print("\n".join(["skipped, but could run here:", *wrong] if wrong else [f"{len(found)} left out"]))
        return 1 if wrong else 0
    expected = given.expect.read_text(encoding="utf-8").splitlines()
    difference = list(difflib.unified_diff(expected, [f"{test}: {why}" for test, why in found], "expected", "skipped"))
    print("\n".join(difference or [f"{len(found)} left out, as expected"]))
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main())

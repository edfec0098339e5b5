"""The benchmarks are programs, not a package of ours: their folder has to be on the path."""

import sys

from tests.support.environment import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

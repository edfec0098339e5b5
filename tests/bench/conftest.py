"""The benchmarks are programs, not a package of ours: their folder has to be on the path."""

import sys

from tests.support import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

"""Run one target under atheris: ``python -m tests.system.fuzz.run cleaner -runs=100000``.

Options are libFuzzer's. New inputs go into a folder of their own (``.fuzz/TARGET``), the corpus is read only. Wants
atheris: ``pip install -e '.[fuzz]'``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

CORPUS = Path(__file__).parent / "corpus"

with atheris.instrument_imports(include=["chatctl"]):
    from tests.system.fuzz.targets import TARGETS


def main() -> None:
    name, *options = sys.argv[1:]
    found = Path(".fuzz") / name
    found.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], str(found), str(CORPUS / name), *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Shows that each row of the table in docs/security.md holds: its defence is taken out, and its test fails.

``python -m tests.system.security.mutations [WORDS]`` does it for each row (or those whose attack holds WORDS) on a copy
of the tree, prints a line each, and ends with 1 if a test still passes. It takes some minutes.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.environment import ROOT
from tests.system.security.defences import MUTATIONS, Mutation

AT_ONCE = 2
SECONDS = 600
UNTOUCHED = Mutation("nothing is taken out", "README.md", "", "", "")


def main() -> int:
    words = " ".join(sys.argv[1:])
    chosen = [mutation for mutation in MUTATIONS if words in mutation.attack]
    if not chosen:
        print(f"no attack is described with the words {words!r}")
        return 1
    verdict, seconds = judge(UNTOUCHED, sorted({mutation.test for mutation in chosen}))
    print(f"{verdict:8} {seconds:5.1f} s  {UNTOUCHED.attack}", flush=True)
    if verdict != "PASSES":
        return 1
    survived = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutation, (verdict, seconds) in zip(chosen, pool.map(judge, chosen), strict=True):
            survived += verdict != "fails"
            print(f"{verdict:8} {seconds:5.1f} s  {mutation.attack}: {mutation.test}", flush=True)
    print(f"{len(chosen)} defences taken out, {survived} not noticed")
    return bool(survived)


def judge(mutation: Mutation, tests: Sequence[str] = ()) -> tuple[str, float]:
    """Run the mutation's test, or ``tests``, on a copy of the tree in which the defence is taken out.

    Returns:
        ``fails`` if a test notices, ``PASSES`` if none does, ``BROKEN`` if nothing was tested; and the seconds it took.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatctl-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        if mutation.old:
            file, mutated = mutate(mutation)
            (tree / file).write_text(mutated, encoding="utf-8")
        env = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-x", "-p", "no:cacheprovider"]
        argv += tests or [mutation.test]
        done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, timeout=SECONDS, check=False)
    return {0: "PASSES", 1: "fails"}.get(done.returncode, "BROKEN"), time.monotonic() - begun


def mutate(mutation: Mutation) -> tuple[str, str]:
    """Return the path of the file from the root, and its text without the defence. Raises LookupError."""
    file, _, name = mutation.place.partition("::")
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines(keepends=True)
    first, last = _lines_of(name, "".join(lines)) if name else (1, len(lines))
    part = "".join(lines[first - 1 : last])
    if (times := part.count(mutation.old)) != 1:
        raise LookupError(f"{mutation.attack}: {mutation.old!r} occurs {times} times in {mutation.place}")
    return file, "".join([*lines[: first - 1], part.replace(mutation.old, mutation.new), *lines[last:]])


def _lines_of(name: str, source: str) -> tuple[int, int]:
    """Return the first and the last line of a function, class or method. Raises LookupError."""
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        found = [
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and child.name == part
        ]
        if len(found) != 1:
            raise LookupError(f"{name} is defined {len(found)} times")
        node = found[0]
    return found[0].lineno, found[0].end_lineno or found[0].lineno


def rows(page: str) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the page's table: attack, what stops it, the test that shows it."""
    table = page.partition("| attack | what stops it | test |\n")[2].partition("\n\n")[0]
    for line in table.split("\n")[1:]:
        attack, stops, test = (cell.strip() for cell in line.strip("|").split(" | "))
        yield attack, stops, test.strip("`")


if __name__ == "__main__":
    sys.exit(main())

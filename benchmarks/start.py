"""What a command costs from its start to its end, as multiples of ``python -c pass``.

    .venv/bin/python benchmarks/start.py [--runs 40]

All are run in turn, round after round, so that a busy machine slows them alike. The
median counts; the least tells of an idle machine. Modules are compiled beforehand, as an installer does it.
"""

from __future__ import annotations

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "--help": ["--help"],
    "send": ["send", "hello"],
    "who": ["who"],
    "probe": ["probe"],
    "tail -n 1": ["tail", "-n", "1", "--no-follow"],
}


@contextmanager
def server(env: dict[str, str]) -> Iterator[str]:
    """Run a server on a free port; yield the port."""
    serve = [sys.executable, "-m", "chatctl", "serve", "--port", "0", "--journal", "none", "--rate", "off"]
    with subprocess.Popen(serve, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().rpartition(":")[2].strip()
        finally:
            process.terminate()


def cases(port: str) -> dict[str, list[str]]:
    """Return the command lines to measure, by the name that the table shows."""
    python, script = sys.executable, str(Path(sys.executable).with_name("chatctl"))
    found = {"python -c pass": [python, "-c", "pass"], "python -c 'import click'": [python, "-c", "import click"]}
    found["python -c 'import click, msgspec, socket'"] = [python, "-c", "import click, msgspec, socket"]
    for name, arguments in COMMANDS.items():
        where = [] if name == "--help" else ["--port", port]
        found[f"chatctl {name}"] = [script, *arguments, *where]
        found[f"python -m chatctl {name}"] = [python, "-m", "chatctl", *arguments, *where]
    return found


def measure(what: dict[str, list[str]], runs: int, env: dict[str, str]) -> dict[str, list[float]]:
    """Run each command ``runs`` times, in turns; return the seconds of each run."""
    taken: dict[str, list[float]] = {name: [] for name in what}
    for turn in range(runs + 1):
        for name, command in what.items():
            begun = time.perf_counter()
            subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            if turn:  # the first one warms the disk's cache
                taken[name].append(time.perf_counter() - begun)
    return taken


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    compileall.compile_dir(ROOT / "chatctl", quiet=1)
    with tempfile.TemporaryDirectory() as state:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("CHATCTL_", "PYTHON"))}
        env |= {"CHATCTL_STATE_DIR": state, "XDG_CONFIG_HOME": state}
        with server(env) as port:
            taken = measure(cases(port), runs, env)
    base = taken["python -c pass"]
    print(f"{'':42} median ms  x pass   least ms  x pass")
    for name, seconds in taken.items():
        middle, least = statistics.median(seconds), min(seconds)
        ratios = middle / statistics.median(base), least / min(base)
        print(f"{name:42} {middle * 1000:9.1f}  {ratios[0]:6.2f}  {least * 1000:9.1f}  {ratios[1]:6.2f}")


if __name__ == "__main__":
    main()

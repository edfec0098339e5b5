"""Which modules a command loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from tests.support.environment import DEADLINE, ROOT

HEAVY = ("asyncio", "prompt_toolkit", "msgspec", "sqlite3", "precis_i18n", "platformdirs", "uvloop", "psycopg")

RUN = """
import json, sys
from chatctl.main import main
try:
    main()
except SystemExit as done:
    code = done.code
print(json.dumps([code or 0, sorted(sys.modules)]), file=sys.stderr)
"""


SERVE = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules)))
from chatctl.main import main
main(sys.argv[1:])
"""


def loaded_by_server(env: Mapping[str, str], *options: str) -> set[str]:
    """Run a server in a process of its own until it listens, and end it. Return all modules."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", "-q", "--port", "0", *options], env=env, cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(b"join with"):
            pass
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=DEADLINE)
    return set(out.decode().split())


def loaded_by(*arguments: str, expected: int = 0, **environment: str) -> tuple[str, set[str]]:
    """Run the program in a process of its own, which ends with ``expected``. Return stdout and all modules."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == expected, done.stderr
    return done.stdout, set(names)

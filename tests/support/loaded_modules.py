"""Which modules a command loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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

"""What a start costs: ``--help`` and completion load nothing heavy."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("asyncio", "prompt_toolkit", "msgspec", "sqlite3", "precis_i18n", "platformdirs", "uvloop")

RUN = """
import json, sys
from chatctl.main import main
try:
    main()
except SystemExit as done:
    code = done.code
print(json.dumps([code or 0, sorted(sys.modules)]), file=sys.stderr)
"""


def loaded_by(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """Run the program in a process of its own; give its stdout and the modules it had loaded in the end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return done.stdout, set(names)


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["--version"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """41 ms with light imports, 221 with everything: it is what completion costs on every Tab."""
    shown, names = loaded_by(*arguments)
    assert "chatctl" in shown
    assert "chatctl.main" in names
    assert not names & set(HEAVY)


def test_completion_loads_nothing_heavy() -> None:
    shown, names = loaded_by(_CHATCTL_COMPLETE="bash_complete", COMP_WORDS="chatctl se", COMP_CWORD="1")
    assert "serve" in shown
    assert not names & set(HEAVY)

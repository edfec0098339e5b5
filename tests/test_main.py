"""main.py: a signal ends any command, wherever it strikes."""

import subprocess
import sys

import pytest

from tests.support.environment import DEADLINE

STRIKE = """
import os, signal, sys, time, weakref
import click
from chatctl.main import cli, main

class Thing: pass

def strike(*_):
    os.kill(os.getpid(), signal.{name})
    for _ in range(100): pass  # Python looks for signals here, and drops what the handler raises

def command():
    thing = Thing()
    {arm}
    print("armed", flush=True)
    del thing
    time.sleep({seconds})

cli.commands["strike"] = click.Command("strike", callback=command)
main(["strike"])
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
@pytest.mark.parametrize("arm", ["ref = weakref.ref(thing, strike)", "Thing.__del__ = strike"])
def test_a_signal_that_strikes_where_python_drops_exceptions_ends_it_all_the_same(
    arm: str, name: str, code: int
) -> None:
    """The import system has such a callback: a `who --watch` that was killed while it started ran on for ever."""
    script = STRIKE.format(name=name, arm=arm, seconds=DEADLINE)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE / 2, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "armed\n", "")


def test_another_exception_that_python_drops_is_told_as_always() -> None:
    script = STRIKE.format(name="SIGTERM", arm="Thing.__del__ = lambda _: 1 / 0", seconds=0)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr

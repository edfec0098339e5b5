"""The entry point, also of ``python -m chatctl``: tunes the garbage collector before anything else is loaded."""

import gc
import signal
import sys
from typing import NoReturn

COLLECT_EVERY = 10_000
"""Allocations between two collections of the youngest generation. At Python's default of 700, loading modules, which
frees nothing, takes an eighth longer."""


def main() -> NoReturn:
    """Run the command that the arguments name."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while modules are loaded; main.py takes it then
    gc.set_threshold(COLLECT_EVERY)
    if "serve" in sys.argv:  # signals wait until the server can take them: an exception on the way may be lost
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
    from chatctl.main import main as run

    try:
        run()
    finally:
        gc.freeze()  # the process ends: the interpreter's last collection need not visit the objects that are left


if __name__ == "__main__":
    main()

"""``chatctl``, and ``python -m chatctl``: what is said to the garbage collector before anything is loaded."""

import gc
from typing import NoReturn

COLLECT_EVERY = 10_000
"""Objects made after which the youngest are looked through. At Python's 700, loading modules, which throw nothing away,
takes an eighth longer."""


def main() -> NoReturn:
    """Run the command that the arguments name."""
    gc.set_threshold(COLLECT_EVERY)
    from chatctl.main import main as run

    try:
        run()
    finally:
        gc.freeze()  # what there is goes with the process: the interpreter's last round need not look through it


if __name__ == "__main__":
    main()

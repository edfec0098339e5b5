"""An editor for tests: it takes the screen as real ones do, shows the file, and obeys lines that are typed.

write TEXT   replaces the file's text     double   writes it twice     modes   shows who may read it
end [N]      ends with this status        die      is killed, the screen still taken
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

ALTERNATE, BACK = "\x1b[?1049h\x1b[H\x1b[2J", "\x1b[?1049l"


def main(path: Path) -> None:
    """Edit the file at ``path``."""
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"INTERRUPTED\n"))
    print(f"{ALTERNATE}EDITING {path.read_text()!r}", flush=True)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "write":
            path.write_text(rest + "\n")
        elif word == "double":
            path.write_text(path.read_text().strip() * 2 + "\n")
        elif word == "modes":
            print(f"{path.stat().st_mode & 0o777:o} {path.parent.stat().st_mode & 0o777:o}", flush=True)
        elif word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "end":
            print(BACK, end="", flush=True)
            sys.exit(int(rest or 0))
        print(f"DONE {word}", flush=True)


main(Path(sys.argv[1]))

"""docs/exit-codes.md, made of the table: ``python -m tests.system.exits.render`` checks it, ``--write`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.system.exits.table import CODES, PROBE_CODES, SITUATIONS, Cell, example
from tests.system.exits.whole import CELLS, COMMANDS, NOTHING

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "exit-codes.md"

TOP = """# Exit codes

What every command's exit code means, and what it prints in each situation in which a script may find itself. A test
runs every line of the tables below exactly as it stands here, against a real server or against what stands there
instead of one. The page is generated from the table that the test runs (`python -m tests.system.exits.render --write`).

Two rules hold everywhere. **stdout is data, stderr is everything else**: one line that says what happened, to what, and
what to do. And **0 means that what was asked for was done**: a message that
was refused, or may not have been said, never ends with 0.

## The codes
"""

PROBE = """
`probe` has the codes of the monitoring plugins instead:
"""

SPECIAL = """
`ask` ends with 0 for the first choice, 11 for the second, 12 for the third. `run` ends with its command's own status,
with 127 if there is no such command and 126 if it can't be run. That status may be 3 to 8, too: where a script has to
know whether the command started, as with `--lock`, let it make a file first:

```sh
rm -f started
chatctl run --lock deploy --nick deploy -- sh -c 'touch started && exec ./deploy' || {
    status=$?
    test -e started || echo "./deploy did not start: chatctl ended with $status" >&2
    exit $status
}
```

## All at a glance

Where a command can end in several ways, its section beneath says when. A dash: it can't be in that situation.
"""

SCRIPT = """
## In a script

```sh
chatctl send --id "backup-$(date +%F)" --retry-for 60s "backup done"
case $? in
    0) ;;                                           # said, once
    3) logger "no server there, nothing was sent" ;;
    4) logger "it may have been said" ;;            # the same line again, later, says it once
    *) logger "not said"; exit 1 ;;
esac
```
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([*_codes(), *_glance(), *_situations(), SCRIPT.rstrip(), *_commands()]) + "\n"


def _codes() -> Iterator[str]:
    yield TOP
    yield "| code | means | what to do |\n|---|---|---|"
    yield from (f"| {code} | {means} | {todo} |" for code, (means, todo) in CODES.items())
    yield PROBE
    yield "| code | means |\n|---|---|"
    yield from (f"| {code} | {means} |" for code, means in PROBE_CODES.items())
    yield SPECIAL.rstrip()


def _glance() -> Iterator[str]:
    yield ""
    yield f"| | {' | '.join(f'[{command}](#{command})' for command in COMMANDS)} |"
    yield "|---|" + "---|" * len(COMMANDS)
    for situation in SITUATIONS:
        yield f"| {situation} | {' | '.join(_in_short(command, situation) for command in COMMANDS)} |"


def _in_short(command: str, situation: str) -> str:
    codes = dict.fromkeys(str(cell.code) for cell in _cells(command, situation))
    return " ".join(codes) or "–"


def _situations() -> Iterator[str]:
    yield "\n| situation | that is |\n|---|---|"
    yield from (f"| {name} | {what} |" for name, what in SITUATIONS.items())


def _commands() -> Iterator[str]:
    for command in COMMANDS:
        yield f"\n## {command}\n"
        yield "| situation | typed | code | printed |\n|---|---|---|---|"
        for situation in SITUATIONS:
            shown = f"**{situation}**"
            for cell in _cells(command, situation):
                yield f"| {shown} | {_code(example(cell.typed))} | {cell.code} | {_printed(cell)} |"
                shown = ""
        yield from _not_there(command)


def _not_there(command: str) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for one in NOTHING:
        if one.command == command:
            reasons.setdefault(one.why, []).append(one.situation)
    if reasons:
        listed = "; ".join(f"{', '.join(situations)} ({why})" for why, situations in reasons.items())
        yield f"\nDoes not apply: {listed}."


def _cells(command: str, situation: str) -> list[Cell]:
    return [cell for cell in CELLS if (cell.command, cell.situation) == (command, situation)]


def _printed(cell: Cell) -> str:
    out, err = example(cell.out), example(cell.err)
    lines = [_code(line) for line in out.split("\n") if line]
    lines += [f"*stderr:* {_code(line)}" for line in err.split("\n") if line]
    lines += [f"*in the room:* {_code(line)}" for line in example(cell.said or "").split("\n") if line]
    return "<br>".join([*(lines or ["nothing"]), *([f"({cell.note})"] if cell.note else [])])


def _code(text: str) -> str:
    """Return it as code inside a table, where a pipe would end the cell."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}".replace("|", "\\|")


def main() -> int:
    """Check the page, or write it."""
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
        return 0
    if not PAGE.exists() or PAGE.read_text() != page():
        print(f"{PAGE} is not what the table says: python -m tests.system.exits.render --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

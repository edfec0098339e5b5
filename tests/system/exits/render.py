"""docs/exit-codes.md, made of the table: ``python -m tests.system.exits.render`` checks it, ``--write`` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.system.exits.table import CODES, PROBE_CODES, SITUATIONS, Cell, example
from tests.system.exits.whole import CELLS, COMMANDS, NOTHING

PAGE = Path(__file__).parent.parent.parent.parent / "docs" / "exit-codes.md"

TOP = """# Exit codes

What the exit codes mean, and what each command prints in each situation that a script may meet. A test
runs every command of the tables below exactly as it is printed here, against a real server or against a
stand-in that misbehaves. The page is generated from the table that the test uses
(`python -m tests.system.exits.render --write`).

Two rules hold for all commands:

- **stdout is data, stderr is everything else.** An error is one line that says what happened, to what, and
  what to do.
- **0 means that the command did what you asked for.** If a message was refused, or may not have been
  stored, the exit code is never 0.

## The codes
"""

PROBE = """
`probe` has the exit codes of the monitoring plugins:
"""

SPECIAL = """
`ask` ends with 0 for the first choice, 11 for the second, 12 for the third.

`run` ends with the exit status of its command, with 127 if the command does not exist, and with 126 if it can't
be run. The command's own status may also be 3 to 8. If a script must know whether the command was started, as
with `--lock`, let the command create a file first:

```sh
rm -f started
chatctl run --lock deploy --nick deploy -- sh -c 'touch started && exec ./deploy' || {
    status=$?
    test -e started || echo "./deploy did not start: chatctl ended with $status" >&2
    exit $status
}
```

## All at a glance

If there are several codes, the section of the command says when it ends with which. A dash means that the
situation does not apply.
"""

SCRIPT = """
## In a script

```sh
chatctl send --id "backup-$(date +%F)" --retry-for 60s "backup done"
case $? in
    0) ;;                                           # stored, once
    3) logger "no server there, nothing was sent" ;;
    4) logger "it may have been stored" ;;          # repeat the command later: it is stored once
    *) logger "not sent"; exit 1 ;;
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
    yield "\n| situation | meaning |\n|---|---|"
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
        yield "\nSituations that do not apply:\n"
        yield from (f"- {', '.join(situations)}: {why}" for why, situations in reasons.items())


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

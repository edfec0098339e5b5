"""Generate ``docs/commands.md`` and ``docs/man/`` from the commands' own help, and the schema of the frames.

    python docs/generate.py            write them
    python docs/generate.py --check    write nothing; name each file that is out of date, and fail if there is one

The output does not depend on the terminal, the environment, the date or the machine.

click-man 0.6.0 does not fit. From our entry point it takes the command that comes first in the alphabet for the
whole program; it wraps what ``\\b`` keeps as it is, and leaves that control character in the page; NAME ends after 45
characters in dots; nothing in a description is escaped, so a line that begins with a dot is lost.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from chatctl import __version__
from chatctl.cli.help_pages import full_help, grouped_records, help_blocks
from chatctl.main import cli

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

from docs.schema import schema_page  # noqa: E402 — it is beside this file, which is also run as a program

WIDTH = 80

SECTIONS = {
    "Example:": "EXAMPLES",
    "Examples:": "EXAMPLES",
    "Exit codes:": "EXIT STATUS",
    "Environment:": "ENVIRONMENT",
}
"""The first line of a preformatted block in a help text, and the section of the man page that the block becomes."""

HEAD = """\
# The commands

What `chatctl COMMAND --help` prints, for `serve` what `--help-all` prints. Each command is a man page, too:
`man chatctl-send`, or `man -l docs/man/chatctl-send.1` in a clone. Made by `python docs/generate.py`; change the help
texts, not this page.
"""


@dataclass
class Help:
    """A command's help, parsed. Blocks that begin with ``\\b`` keep their lines."""

    ctx: click.Context
    description: list[str] = field(default_factory=list)
    sections: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each section, dedented, by the man page's headings."""

    @property
    def name(self) -> str:
        """The full name: ``chatctl config show``."""
        return self.ctx.command_path

    @property
    def page(self) -> str:
        """The man page's name: ``chatctl-config-show``."""
        return self.name.replace(" ", "-")

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        return _summary(self.ctx.command)


def commands() -> Iterator[Help]:
    """Yield the group and every command below it, in the order of ``--help``."""
    yield from _walk(cli, "chatctl", None)


def _walk(command: click.Command, name: str, parent: click.Context | None) -> Iterator[Help]:
    ctx = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, **command.context_settings
    )
    yield _parse(ctx)
    for child, found in _children(ctx):
        yield from _walk(found, child, ctx)


def _children(ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(ctx.command, click.Group):
        for name in ctx.command.list_commands(ctx):
            command = ctx.command.get_command(ctx, name)
            if command is not None and not command.hidden:
                yield name, command


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=1000).rstrip(".")


def _parse(ctx: click.Context) -> Help:
    found = Help(ctx)
    for block in help_blocks(ctx.command):
        heading, _, rest = block.removeprefix("\b\n").partition("\n")
        if block.startswith("\b\n") and heading in SECTIONS:
            found.sections[SECTIONS[heading]] = textwrap.dedent(rest).split("\n")
        else:
            found.description.append(block)
    return found


def commands_page(found: list[Help]) -> str:
    """Return the text of ``docs/commands.md``."""
    contents = [f"- [{one.name}](#{one.page}): {one.summary}" for one in found]
    texts = [f"## {one.name}\n\n```text\n{full_help(one.ctx)}\n```" for one in found]
    return "\n".join([HEAD, *contents, "", "\n\n".join(texts), ""])


def man_page(one: Help) -> str:
    """Return a command's man page."""
    lines = [
        f'.TH {_escape(one.page.upper())} 1 "" "chatctl {__version__}" "chatctl manual"',
        ".nh",  # a command that is hyphenated can't be searched for
        ".ad l",
        ".SH NAME",
        f"{_escape(one.page)} \\- {_escape(one.summary)}",
        ".SH SYNOPSIS",
        f".B {_escape(one.name)}",
        *_lines(" ".join(one.ctx.command.collect_usage_pieces(one.ctx)).split("\n")),
        ".SH DESCRIPTION",
        *_description(one.description),
        *_options(one.ctx),
        *_subcommands(one),
    ]
    for heading in ("EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
        if heading in one.sections:
            lines += [f".SH {heading}", *_preformatted(one.sections[heading])]
    return "\n".join([*lines, *_see_also(one.ctx), ""])


def _description(blocks: list[str]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        yield from [".PP"] if number else []
        yield from _preformatted(block.split("\n")[1:]) if block.startswith("\b\n") else _filled(block)


def _options(ctx: click.Context) -> Iterator[str]:
    """Yield all options, the rare ones included, below the headings of ``--help``."""
    yield ".SH OPTIONS"
    groups = grouped_records(ctx, ctx.command.get_params(ctx))
    for title, records in groups.items():
        yield from [f".SS {_escape(title)}"] if len(groups) > 1 else []
        for switches, text in records:
            yield from (".TP", _switches(switches), *_filled(text))


def _switches(text: str) -> str:
    """Return an option's names in bold and its metavar in italics."""
    words = re.split(r"(,? )", text)
    return "".join(
        word if re.fullmatch(r",? |/", word) else f"\\f{'B' if word.startswith('-') else 'I'}{_escape(word)}\\fP"
        for word in words
    )


def _subcommands(one: Help) -> Iterator[str]:
    for number, (name, command) in enumerate(_children(one.ctx)):
        yield from [] if number else [".SH COMMANDS"]
        yield from (".TP", f".BR {_escape(f'{one.page}-{name}')} (1)", *_filled(_summary(command)))


def _see_also(ctx: click.Context) -> Iterator[str]:
    above = []
    while ctx.parent is not None:
        ctx = ctx.parent
        above.append(f".BR {_escape(ctx.command_path.replace(' ', '-'))} (1)")
    return iter([".SH SEE ALSO", *_joined(above)] if above else [])


def _joined(pages: list[str]) -> list[str]:
    return [f"{page} ," for page in pages[:-1]] + pages[-1:]


def _filled(text: str) -> list[str]:
    """Return prose, which man wraps again; short lines keep diffs small."""
    return _lines(textwrap.wrap(text, 72, break_long_words=False, break_on_hyphens=False))


def _preformatted(lines: list[str]) -> list[str]:
    return [".nf", *_lines(lines), ".fi"]


def _lines(lines: list[str]) -> list[str]:
    """Escape lines, and keep roff from reading one as a request."""
    return [f"\\&{line}" if line.startswith((".", "'")) else line for line in map(_escape, lines)]


def _escape(text: str) -> str:
    r"""Escape text so that roff shows it unchanged, ``-`` and quotes too: it can be copied into a shell."""
    special = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
    return "".join(special.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)


def generated() -> dict[Path, str]:
    """Return the content of each generated file."""
    found = list(commands())
    pages = {ROOT / "docs" / "man" / f"{one.page}.1": man_page(one) for one in found}
    schema = {ROOT / "docs" / "protocol.schema.json": schema_page()}
    return {ROOT / "docs" / "commands.md": commands_page(found)} | pages | schema


def stale() -> list[str]:
    """Return the names of files that differ from their generated content, and of pages without a command."""
    wanted = generated()
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return [str(path.relative_to(ROOT)) for path in [*wrong, *_orphans(wanted)]]


def _orphans(wanted: dict[Path, str]) -> list[Path]:
    return sorted(set((ROOT / "docs" / "man").glob("*")) - set(wanted))


def write() -> None:
    """Write all files, and remove pages without a command."""
    wanted = generated()
    (ROOT / "docs" / "man").mkdir(exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    for path in _orphans(wanted):
        path.unlink()


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; name what is out of date, and fail if there is any.")
def main(check: bool) -> None:
    """Write docs/commands.md, docs/man/ and docs/protocol.schema.json."""
    if not check:
        write()
    elif wrong := stale():
        click.echo("\n".join(wrong))
        sys.exit(1)


if __name__ == "__main__":
    main()

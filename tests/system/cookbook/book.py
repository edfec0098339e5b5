"""The cookbook as data: its recipes, and the fenced blocks of each. Nothing here runs anything.

A recipe is a ``##`` section. A block is a file if the last line above it opens with the file's path, in backquotes
and from ``~/`` on, and ends in a colon. Blocks without one are commands, or transcripts (``console``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.environment import ROOT

COOKBOOK = ROOT / "docs" / "cookbook.md"


@dataclass(frozen=True)
class Block:
    """A fenced block: ``line`` is where it opens, ``text`` ends in an LF."""

    language: str
    name: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"docs/cookbook.md:{self.line}: {self.language} {self.name}".rstrip()


@dataclass
class Recipe:
    """A section, and which of its blocks a test has used."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    used: set[int] = field(default_factory=set)

    @property
    def slug(self) -> str:
        """What its test is called, after ``test_``."""
        return re.sub(r"\W+", "_", self.title.lower()).strip("_")

    def take(self, language: str, name: str = "") -> Block:
        """Return the next block of that kind that was not used; a file has its name."""
        for block in self.blocks:
            if block.line not in self.used and (block.language, block.name) == (language, name):
                self.used.add(block.line)
                return block
        raise AssertionError(f"{self.title}: no further {language} block {name!r}")

    def files(self) -> Iterator[Block]:
        """Take all blocks that are a file."""
        for block in self.blocks:
            if block.name and block.line not in self.used:
                self.used.add(block.line)
                yield block

    def left(self) -> list[Block]:
        """Return the blocks that no test has used."""
        return [block for block in self.blocks if block.line not in self.used]


def recipes(path: Path = COOKBOOK) -> dict[str, Recipe]:
    """Return the recipes by their slug. A fence that does not close is an error, and so is one outside of a recipe."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> dict[str, Recipe]:
    """Cut a document into recipes."""
    found: list[Recipe] = []
    opened: tuple[int, str] | None = None
    above, body = "", list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        if opened is not None and line == "```":
            assert found, f"line {opened[0]}: a block outside of a recipe"
            found[-1].blocks.append(Block(opened[1], name_in(above), "".join(f"{one}\n" for one in body), opened[0]))
            opened, above = None, ""
        elif opened is not None:
            body.append(line)
        elif line.lstrip().startswith(("```", "~~~")):
            assert re.fullmatch(r"```[a-z]+", line), f"line {number}: a fence is ``` and a language, and not indented"
            opened, body = (number, line.removeprefix("```")), []
        elif line.startswith("## "):
            found.append(Recipe(line.removeprefix("## ")))
        elif line:
            above = line
    assert opened is None, f"line {opened[0] if opened else 0}: a block that does not end"
    return {recipe.slug: recipe for recipe in found}


def name_in(above: str) -> str:
    """Return the file that a line announces: '`~/bin/x`, which does this:' is ``~/bin/x``."""
    announced = re.fullmatch(r"`(~/[^` ]+)`.*:", above)
    return announced[1] if announced else ""


def transcript(text: str) -> list[tuple[str, str]]:
    """Cut a ``console`` block into (command, what it prints); '> ' continues with a command."""
    parts: list[tuple[str, str]] = []
    for line in text.splitlines():
        command, output = parts[-1] if parts else ("", "")
        if line.startswith("$ "):
            parts.append((line.removeprefix("$ "), ""))
        elif line.startswith("> ") and not output:
            parts[-1] = (f"{command}\n{line.removeprefix('> ')}", "")
        else:
            parts[-1] = (command, f"{output}{line}\n")
    return parts


def crontab(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the settings and the commands of a crontab. An unescaped '%' would be a line end to cron: an error."""
    settings, commands = dict[str, str](), list[str]()
    for line in text.splitlines():
        setting = re.fullmatch(r"(\w+)\s*=\s*(.*)", line)
        if setting:
            settings[setting[1]] = setting[2]
        elif line and not line.startswith("#"):
            job = re.fullmatch(r"(?:[\d*/,-]+ ){5} *(.+)", line)
            assert job, f"no line of a crontab: {line!r}"
            assert "%" not in job[1], f"cron takes % for a line end: {line!r}"
            commands.append(job[1])
    return settings, commands

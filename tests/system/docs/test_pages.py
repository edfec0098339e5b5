"""``docs/commands.md`` and the man pages are what docs/generate.py makes of the commands as they are now."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from docs import generate
from docs.generate import ROOT, Help, commands

ALL = list(commands())
ONE = pytest.mark.parametrize("one", ALL, ids=[one.page for one in ALL])


def test_they_are_current(tmp_path: Path) -> None:
    """With another window, other variables and another folder than when they were written: none of that may count.

    In a process of its own: Click makes a command's ``--help`` once, as the first context in the process wants it.
    """
    odd = {"COLUMNS": "40", "FORCE_COLOR": "1", "LC_ALL": "C", "CHATCTL_HOST": "elsewhere", "CHATCTL_CONFIG": "/none"}
    command = [sys.executable, ROOT / "docs" / "generate.py", "--check"]
    done = subprocess.run(command, env=os.environ | odd, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "", "out of date: run 'python docs/generate.py' and commit what it writes"
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_is_out_of_date_is_named_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was changed, one that is missing, and that of a command that is gone."""
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    generate.write()
    assert generate.stale() == []
    pages = tmp_path / "docs" / "man"
    with (pages / "chatctl-who.1").open("a") as page:
        page.write("by hand\n")
    (pages / "chatctl.1").unlink()
    (pages / "chatctl-gone.1").touch()
    assert set(generate.stale()) == {f"docs/man/{name}.1" for name in ("chatctl", "chatctl-gone", "chatctl-who")}
    generate.write()
    assert generate.stale() == []


@ONE
def test_a_page_says_all_that_the_help_says(one: Help) -> None:
    """Nothing is lost to roff: not a line that begins with a dot, not a backslash, not the lines of an example."""
    page = unroff(generate.man_page(one))
    for lines in one.sections.values():
        assert "\n".join(lines) in page
    flat = " ".join(page.split())
    for block in one.description:
        assert " ".join(block.removeprefix("\b\n").split()) in flat
    for param in one.ctx.command.get_params(one.ctx):
        if isinstance(param, click.Option) and (record := param.get_help_record(one.ctx)):
            assert " ".join(record[1].split()) in flat
            assert record[0] in flat


def unroff(page: str) -> str:
    """Take roff's own signs out again."""
    assert "\b" not in page
    shown = [line for line in page.split("\n") if not re.match(r"\.[A-Za-z]+( |$)", line)]
    text = re.sub(r"\\f[BIP]|\\&", "", "\n".join(shown))
    text = re.sub(r"\\\[u([0-9A-F]{4,6})\]", lambda found: chr(int(found[1], 16)), text)
    for sign, char in ((r"\(aq", "'"), (r"\(ga", "`"), (r"\(ha", "^"), (r"\(ti", "~"), (r"\-", "-")):
        text = text.replace(sign, char)
    return text.replace(r"\e", "\\")


def test_what_roff_would_take_for_itself_is_escaped() -> None:
    ctx = click.Context(click.Command("odd", help="Do.\n\n\b\n.SH no\n'x\n  a\\b  ~^`'- × \U0001f600"), info_name="odd")
    page = generate.man_page(generate._parse(ctx))
    kept = r"""
.nf
\&.SH no
\(aqx
  a\eb  \(ti\(ha\(ga\(aq\- \[u00D7] \[u1F600]
.fi
"""
    assert kept in page
    assert page.isascii()


def test_every_command_is_in_the_contents() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    linked = re.findall(r"^- \[(.*)\]\(#(.*)\):", page, re.MULTILINE)
    titles = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert [name for name, _ in linked] == titles == [one.name for one in ALL]
    assert all(anchor == name.replace(" ", "-") for name, anchor in linked)

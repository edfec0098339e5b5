"""What the documents point at is there: links between them, their headings, and files that they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import ROOT

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
ONE = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
NAMED = re.compile(r"`((?!/)[\w.-]*/[\w./-]*\.(?:py|md|txt|toml|yml|yaml|service))(?:::\w+)?`")
"""A file in a folder; ``test_x.py`` alone may be anywhere."""

MODULE = re.compile(r"(?<![\w./*-])[a-z_]\w*(?:/\w+)*\.py\b")
FOLDERS = ("chatctl", "tests", "benchmarks", "docs", "contrib")
SOURCES = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
METHOD = re.compile(r"`([A-Z]\w+)\.(\w+)`")


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@ONE
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(prose(page)):
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@ONE
def test_every_file_that_is_named_is_there(page: Path) -> None:
    """Below the repository or below ``chatctl/``: when a file moves, what was written about it moves along."""
    named = set(NAMED.findall(prose(page)))
    assert [
        name for name in sorted(named) if not (ROOT / name).exists() and not (ROOT / "chatctl" / name).exists()
    ] == []


@ONE
def test_every_test_that_a_command_names_is_there(page: Path) -> None:
    lines = re.findall(r"^    \S.*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = {word.partition("::")[0] for line in lines for word in line.split() if word.startswith("tests/")}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_module_that_a_header_names_is_there() -> None:
    """By its path or the end of it: ``room.py``, ``core/room.py``."""
    there = {"/".join(path.parts[-depth:]) for path in SOURCES for depth in range(1, 6)}
    assert [
        f"{file}: {name}"
        for file in SOURCES
        for name in MODULE.findall(ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8"))) or "")
        if name not in there
    ] == []


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "design.md"], ids=lambda page: page.name)
def test_every_method_that_is_named_is_there(page: Path) -> None:
    named = set(METHOD.findall(prose(page)))
    assert len(named) > 2
    assert sorted(named - set(members())) == []


def members() -> Iterator[tuple[str, str]]:
    """Yield each class of ours with each of its methods and fields."""
    for file in (ROOT / "chatctl").rglob("*.py"):
        for one in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(one, ast.ClassDef):
                defined = (node for node in one.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
                yield from ((one.name, function.name) for function in defined)
                fields = (node for node in one.body if isinstance(node, ast.AnnAssign))
                yield from ((one.name, ast.unparse(field.target)) for field in fields)


def test_a_wrong_name_is_found() -> None:
    assert NAMED.findall("`core/none.py` `tests/x.py::test_y` `/etc/x.toml` `x.py`") == ["core/none.py", "tests/x.py"]
    assert MODULE.findall("core/none.py, *.py and (x.py).") == ["core/none.py", "x.py"]
    assert LINK.findall("[a](b.md#c) [d](https://e.f)") == [("b.md", "c")]

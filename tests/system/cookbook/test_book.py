"""The cookbook itself: how it is cut into blocks, and that no recipe goes untested."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.system.cookbook.book import crontab, name_in, parse, recipes, transcript
from tests.system.cookbook.kitchen import masked

FENCED = "## One\n`~/a`, so:\n\n```sh\nx\n\ny\n```\n\n## Two\n\nlook:\n\n```console\n$ x\n```\n"


def cooking() -> list[ast.FunctionDef]:
    """Return the tests beside this file."""
    files = [file for file in Path(__file__).parent.glob("test_*.py") if file.name != Path(__file__).name]
    return [
        node
        for file in files
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_every_recipe_has_its_test_and_every_test_its_recipe() -> None:
    """The fixture ``kitchen`` then sees to every block."""
    names = [test.name for test in cooking()]
    whole = [name.removeprefix("test_") for name in names if "__" not in name]
    assert sorted(whole) == sorted(recipes())
    assert {name.removeprefix("test_").partition("__")[0] for name in names} <= set(whole)


def test_every_test_has_a_kitchen() -> None:
    """Without it nothing would see that a block is left."""
    for test in cooking():
        assert any("kitchen" in argument.arg for argument in test.args.args), test.name


def test_there_are_more_than_a_dozen_and_the_list_on_top_has_them_all() -> None:
    found = [recipe for recipe in recipes().values() if recipe.slug != "before_you_start"]
    text = (ROOT / "docs" / "cookbook.md").read_text()
    assert len(found) > 12
    assert not [recipe.title for recipe in found if f"](#{recipe.title.lower().replace(' ', '-')})" not in text]


def test_each_recipe_says_what_happens_when_it_goes_wrong() -> None:
    """That is what an operator needs a recipe for."""
    words = ("chatctl: cannot", "cannot reach", "It exits", "can't be sent", "exits with 3", "\n$ surely; echo $?\n1\n")
    sections = (ROOT / "docs" / "cookbook.md").read_text().split("\n## ")[2:]
    assert not [section.partition("\n")[0] for section in sections if not any(word in section for word in words)]


def test_a_document_is_cut_into_recipes_and_blocks() -> None:
    one, two = parse(FENCED).values()
    assert [(block.language, block.name, block.text, block.line) for block in one.blocks] == [
        ("sh", "~/a", "x\n\ny\n", 4)
    ]
    assert [(block.language, block.name) for block in two.blocks] == [("console", "")]


@pytest.mark.parametrize(
    "text",
    ["## A\n```sh\nx\n", "```sh\nx\n```\n", "## A\n```\nx\n```\n", "## A\n- x\n  ```sh\n  y\n  ```\n", "## A\n~~~\n"],
)
def test_no_fence_escapes(text: str) -> None:
    """A block in a form that the extractor does not know would be one that no test runs."""
    with pytest.raises(AssertionError):
        parse(text)


def test_a_block_that_is_not_taken_is_left() -> None:
    one = parse(FENCED)["one"]
    assert [str(block) for block in one.left()] == ["docs/cookbook.md:4: sh ~/a"]
    assert [block.name for block in one.files()] == ["~/a"]
    assert one.left() == []
    with pytest.raises(AssertionError):
        one.take("sh", "~/a")


@pytest.mark.parametrize(
    ("above", "name"),
    [
        ("`~/bin/x`:", "~/bin/x"),
        ("`~/a.py`, made executable:", "~/a.py"),
        ("see `~/a`:", ""),
        ("`~/a`", ""),
        ("`!1:` means:", ""),
    ],
)
def test_the_line_above_names_a_file(above: str, name: str) -> None:
    assert name_in(above) == name


def test_a_transcript_is_commands_and_what_they_print() -> None:
    assert transcript("$ a\n> b\none\n> two\n$ c\n") == [("a\nb", "one\n> two\n"), ("c", "")]


def test_a_crontab_is_settings_and_commands() -> None:
    assert crontab("A=b c\n\n# x\n*/5 7 * * 1-5  . ~/x; y\n") == ({"A": "b c"}, [". ~/x; y"])
    with pytest.raises(AssertionError):
        crontab("0 7 * * * date +%F\n")


def test_only_what_no_two_runs_share_is_masked() -> None:
    """A mask that took more would compare nothing."""
    assert masked("failed with 3 after 0.1 s: x") == "failed with 3 after N s: x"
    assert masked("2026-11-24 07:00:01 a:  42%  40G /") == "DATE TIME a: N% NG /"
    assert masked("clock: Sun Nov  1 11:40:00 2026 UTC") == "clock: DAY TIME UTC"
    assert masked("users=1;1:;;0 echo=0.000848s;;;0") == "users=1;1:;;0 echo=Ns;;;0"
    assert masked('up{server="127.0.0.1:5500"} 0') == 'up{server="127.0.0.1:5500"} 0'

"""docs/http.md: each curl line is run as it is printed, against a server of its own; the statuses are the code's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from chatctl.errors import WIRE_CODES
from chatctl.server.web.http_error import STATUS_OF_CODE
from docs.generate import ROOT
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Serve
from tests.support.needs import need
from tests.support.web import port_of
from tests.system.cookbook.book import Recipe, parse, transcript

PAGE = ROOT / "docs" / "http.md"
RECIPES = parse(PAGE.read_text(encoding="utf-8"))

MASKS = ((r'"id":"[0-9a-f]{16}"', '"id":"ID"'), (r'"time":[\d.]+', '"time":TIME'), (r"\r", ""))


def masked(text: str) -> str:
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


def shown(recipe: Recipe, port: int, home: Path) -> tuple[str, str]:
    """Run a transcript; give what is printed on the page, and what was printed here."""
    (home / ".curlrc").write_text("silent\nshow-error\n")
    page, here = "", ""
    for command, printed in transcript(recipe.take("console").text):
        here_is = command.replace("localhost:5580", f"localhost:{port}")
        done = subprocess.run(
            ["bash", "-c", here_is], env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, capture_output=True,
            timeout=DEADLINE, check=False, text=True,
        )  # fmt: skip
        page += f"$ {command}\n{masked(printed)}"
        here += f"$ {command}\n{masked(done.stdout + done.stderr)}"
    return page, here


def test_saying_and_reading(serve: Serve, tmp_path: Path) -> None:
    need("curl")
    port = port_of(serve("--web", "0"))
    page, here = shown(RECIPES["say_something"], port, tmp_path)
    assert here == page
    saying = RECIPES["say_something"]
    more_page, more_here = shown(saying, port, tmp_path)
    assert more_here == more_page
    page, here = shown(RECIPES["read"], port, tmp_path)
    assert here == page
    page, here = shown(RECIPES["what_is_refused"], port, tmp_path)
    assert here == page


def test_the_password(serve: Serve, tmp_path: Path) -> None:
    need("curl")
    word = tmp_path / "word"
    word.write_text("tulip ladder\n")
    word.chmod(0o600)
    port = port_of(serve("--web", "0", "--password-file", str(word)))
    page, here = shown(RECIPES["with_a_password"], port, tmp_path)
    assert here == page


def test_each_block_is_run() -> None:
    used = ["say_something", "say_something", "read", "with_a_password", "what_is_refused"]
    blocks = [slug for slug, recipe in parse(PAGE.read_text(encoding="utf-8")).items() for _ in recipe.blocks]
    assert sorted(blocks) == sorted(used)


@pytest.mark.parametrize("code", sorted(WIRE_CODES - {"no_such_nick"}))  # nobody whispers here
def test_each_code_stands_at_its_status(code: str) -> None:
    table = dict(re.findall(r"^\| (\d{3}) \| (.+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert f"`{code}`" in table[str(STATUS_OF_CODE[code])]

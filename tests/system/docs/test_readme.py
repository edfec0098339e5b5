"""README.md: each block is run as it is printed, and what it prints is compared.

Not run are the installs and the test command, which are indented and not fenced; .ci/bare runs those.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.needs import need
from tests.support.wire import Wire
from tests.system.cookbook.book import Recipe, recipes, transcript
from tests.system.cookbook.kitchen import Kitchen, answering, masked

README = ROOT / "README.md"
PORT = r"(?<=[:\d]:)\d{2,5}\b|(?<=--port )\d+|(?<=127\.0\.0\.1 )\d+|(?<=localhost:)\d+"
CHANCE = (
    (PORT, "PORT"),
    (r"SHA256:[A-Za-z0-9+/]{43}", "FINGERPRINT"),
    (rf"(?<=--host )({re.escape(os.uname().nodename)}|db1)\b", "HOST"),
    (r'"id":"[0-9a-f]{16}"', '"id":"ID"'),
    (r"(?<=TIME)[+-]\d{4} \d+$", "SECONDS"),
)
"""What no two runs share, beside what the cookbook's recipes have of that."""


@pytest.fixture
def kitchen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kitchen]:
    """Yield a home for the section that the test is named after; at the end no block of it may be left unused."""
    need("bash")
    section: Recipe = recipes(README)[request.function.__name__.removeprefix("test_")]
    found = Kitchen(tmp_path, section)
    try:
        yield found
        assert not section.left(), f"no test runs {', '.join(map(str, section.left()))}"
    finally:
        Wire.close_all()
        found.close()


def same(text: str, kitchen: Kitchen) -> str:
    """Return a text without what no two runs share."""
    text = masked(text.replace(str(kitchen.home), "/home/nadia"))
    for pattern, word in CHANCE:
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def serve(kitchen: Kitchen) -> list[str]:
    """Run the section's next block, whose last command is a server; return the lines that it prints."""
    *before, (command, shown) = transcript(kitchen.recipe.take("console").text)
    for line, _ in before:
        assert kitchen.run(line).returncode == 0
    command = command.replace("--web 5580", "--web 0")
    server = kitchen.start(command, CHATCTL_PORT="0", CHATCTL_TLS_PORT="0")
    assert server.stdout is not None
    printed = [server.stdout.readline().decode() for _ in shown.splitlines()]
    assert same("".join(printed), kitchen) == same(shown, kitchen)
    return [line.rstrip("\n") for line in printed]


def port_in(line: str) -> str:
    """Return the port of an address in a line that a server has printed."""
    found = re.search(PORT, line)
    assert found, line
    return found[0]


def compare(kitchen: Kitchen, **ports: str) -> None:
    """Run the section's next block; ``ports`` has what stands in place of a port, by ``p`` and the port."""
    for command, shown in transcript(kitchen.recipe.take("console").text):
        for name, port in ports.items():
            command = command.replace(name.removeprefix("p"), port)
        done = kitchen.run(f"exec 2>&1; {command}")
        assert same(done.stdout, kitchen) == same(shown, kitchen), command


def test_start(kitchen: Kitchen) -> None:
    (*_, line) = serve(kitchen)
    assert kitchen.run(f"echo hello | {line.removeprefix('join with: ')}").returncode == 0


def test_invite_a_colleague(kitchen: Kitchen) -> None:
    """What the server prints lets the colleague in, with the password and not without."""
    (*_, line) = serve(kitchen)
    join = re.sub(r"--host \S+", "--host 127.0.0.1", line.removeprefix("join with: "))
    assert kitchen.run(f"echo hello | {join}").returncode == 5
    assert kitchen.run(f"echo hello | {join}", CHATCTL_PASSWORD_FILE="room.password").returncode == 0
    tail = join.replace("join", "tail --no-follow")
    assert "hello" in kitchen.run(tail, CHATCTL_PASSWORD_FILE="room.password").stdout
    (exported, _), (send, shown) = transcript(kitchen.recipe.take("console").text)
    there = f"127.0.0.1:{port_in(line)}"
    exported = re.sub(r"=db1\b", f"={there}", re.sub(r"SHA256:\S+", line.rpartition(" ")[2], exported))
    assert kitchen.run(f"{exported}; exec 2>&1; {send}").stdout == shown
    assert "ci: deploy done" in kitchen.run(tail, CHATCTL_PASSWORD_FILE="room.password").stdout


def test_from_scripts(kitchen: Kitchen) -> None:
    kitchen.serve("chatctl serve")
    nadia = kitchen.person("nadia")
    compare(kitchen)
    with answering(nadia, "deploy 1.4?", "yes"):
        compare(kitchen)


@pytest.fixture
def curl_and_nc() -> None:
    """Skip the test that uses it where one of them is missing, before ``kitchen`` looks whether all blocks were run."""
    need("curl")
    need("nc")


@pytest.mark.usefixtures("curl_and_nc")
def test_browsers_curl_and_nc(kitchen: Kitchen) -> None:
    plain, web, *_ = serve(kitchen)
    compare(kitchen, p5500=port_in(plain), p5580=port_in(web))


def test_every_section_with_a_block_has_its_test() -> None:
    blocks = {slug for slug, section in recipes(README).items() if section.blocks}
    assert {f"test_{slug}" for slug in blocks} <= set(globals())
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150

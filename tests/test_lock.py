"""contrib/requirements.lock: what pyproject.toml asks for, and all that this needs, on every Python of ours."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.environment import ROOT

LOCK = ROOT / "contrib" / "requirements.lock"
REMAKE = "out of date: .ci/lock writes it anew"

ENVIRONMENTS = [
    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0", "sys_platform": platform}
    for minor in (11, 12, 13, 14)
    for platform in ("linux", "darwin")
]


def entries() -> Iterator[tuple[Requirement, list[str]]]:
    """Yield what is locked, with the words behind it."""
    text = re.sub(r"^#.*\n", "", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        locked, *more = re.split(r"\s+(?=--)", line.strip())
        yield Requirement(locked), more


def locked_in(environment: dict[str, str]) -> dict[str, Requirement]:
    found = (one for one, _ in entries() if one.marker is None or one.marker.evaluate(environment))
    return {canonicalize_name(one.name): one for one in found}


def asked_for() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["fast"])]


def test_every_line_is_one_version_with_hashes_and_nothing_else() -> None:
    """No address: whoever installs has a registry of their own."""
    found = list(entries())
    assert found
    for locked, words in found:
        assert re.fullmatch(r"==[\w.]+", str(locked.specifier)), locked
        assert locked.url is None
        assert words, f"{locked} has no hash"
        for word in words:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", word), word


def needs_of(locked: Requirement) -> list[Requirement] | None:
    """Return what a locked package needs, as the installed one says; None if another version is installed, or none."""
    try:
        same = locked.specifier.contains(version(locked.name))
    except PackageNotFoundError:
        return None
    return list(map(Requirement, requires(locked.name) or [])) if same else None


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda env: f"{env['python_version']} {env['sys_platform']}")
def test_it_has_what_is_asked_for_and_all_that_this_needs(environment: dict[str, str]) -> None:
    locked, needed = locked_in(environment), set[str]()
    left, unknown = asked_for(), False
    while left:
        need = left.pop()
        if need.marker is not None and not need.marker.evaluate(environment | {"extra": ""}):
            continue
        name = canonicalize_name(need.name)
        assert name in locked, f"{need}: {REMAKE}"
        [exact] = locked[name].specifier
        assert need.specifier.contains(exact.version), f"{need}, and {exact} is locked: {REMAKE}"
        if name not in needed:
            needed.add(name)
            more = needs_of(locked[name])
            unknown |= more is None
            left += more or []
    assert needed == set(locked) or (unknown and needed < set(locked)), REMAKE

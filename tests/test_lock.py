"""contrib/requirements*.lock: what pyproject.toml asks for, and all that this needs, on every Python of ours."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.environment import ROOT

LOCKS = {"requirements.lock": ("fast",), "requirements-postgres.lock": ("fast", "postgres")}
"""Each file, and the extras that it has."""
REMAKE = "out of date: .ci/lock writes it anew"

ENVIRONMENTS = [
    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0", "sys_platform": platform}
    for minor in (11, 12, 13, 14)
    for platform in ("linux", "darwin")
]


def entries(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield what is locked, with the words behind it."""
    text = (ROOT / "contrib" / lock).read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for line in text.replace("\\\n", " ").splitlines():
        locked, *more = re.split(r"\s+(?=--)", line.strip())
        yield Requirement(locked), more


def locked_in(lock: str, environment: dict[str, str]) -> dict[str, Requirement]:
    found = (one for one, _ in entries(lock) if one.marker is None or one.marker.evaluate(environment))
    return {canonicalize_name(one.name): one for one in found}


def asked_for(lock: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in LOCKS[lock] for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in (*project["dependencies"], *extras)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_one_version_with_hashes_and_nothing_else(lock: str) -> None:
    """No address: whoever installs has a registry of their own."""
    found = list(entries(lock))
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


def test_both_have_the_same_versions() -> None:
    one, other = ({found.name: found for found, _ in entries(lock)} for lock in LOCKS)
    assert one.items() <= other.items()


def applies(need: Requirement, environment: dict[str, str], extras: Iterable[str] = ()) -> bool:
    """Return whether a package needs another here, for itself or for one of the extras that are asked of it."""
    if need.marker is None:
        return True
    return any(need.marker.evaluate(environment | {"extra": extra}) for extra in ("", *extras))


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda env: f"{env['python_version']} {env['sys_platform']}")
def test_it_has_what_is_asked_for_and_all_that_this_needs(lock: str, environment: dict[str, str]) -> None:
    locked, needed = locked_in(lock, environment), set[str]()
    left, unknown = [need for need in asked_for(lock) if applies(need, environment)], False
    while left:
        need = left.pop()
        name = canonicalize_name(need.name)
        assert name in locked, f"{need}: {REMAKE}"
        [exact] = locked[name].specifier
        assert need.specifier.contains(exact.version), f"{need}, and {exact} is locked: {REMAKE}"
        if name not in needed:
            needed.add(name)
            more = needs_of(locked[name])
            unknown |= more is None
            left += [one for one in more or [] if applies(one, environment, need.extras)]
    assert needed == set(locked) or (unknown and needed < set(locked)), REMAKE

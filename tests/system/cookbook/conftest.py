"""A kitchen for each recipe: ``test_SLUG`` cooks all of it, ``test_SLUG__when_…`` a part, as something goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.needs import need
from tests.support.wire import Wire
from tests.system.cookbook.book import recipes
from tests.system.cookbook.kitchen import Kitchen

NEEDS = {"git_hook": "git", "bot_in_perl": "perl with JSON::PP", "without_chatctl": "nc"}


@pytest.fixture
def empty_kitchen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kitchen]:
    """Yield the recipe's kitchen, its files in place, and no server; at the end no block of it may be left unused."""
    slug, _, part = request.function.__name__.removeprefix("test_").partition("__")
    need("bash")
    if slug in NEEDS:
        need(NEEDS[slug])
    kitchen = Kitchen(tmp_path, recipes()[slug])
    kitchen.put_files()
    try:
        yield kitchen
        assert part or not kitchen.recipe.left(), f"no test runs {', '.join(map(str, kitchen.recipe.left()))}"
    finally:
        Wire.close_all()
        kitchen.close()


@pytest.fixture
def kitchen(empty_kitchen: Kitchen) -> Kitchen:
    """Return the recipe's kitchen, with a server."""
    empty_kitchen.serve()
    return empty_kitchen

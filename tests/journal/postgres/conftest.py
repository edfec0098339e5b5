"""A schema that nobody has used."""

from __future__ import annotations

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.engine import Engine


@pytest.fixture
def place(engine: Engine) -> PostgresPlace:
    return engine.place()

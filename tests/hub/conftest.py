"""A hub whose names are bound to keys, with two rooms, and the journal that it starts with."""

from __future__ import annotations

import pytest

from chatctl.core.admission import Admission
from chatctl.core.name_claims import NameClaims
from tests.support.fakes import House, KeepingJournal


@pytest.fixture
def journal() -> KeepingJournal:
    return KeepingJournal()


@pytest.fixture
def house(journal: KeepingJournal) -> House:
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    return House(journal=journal, admission=Admission("test", ["ops"], claims=NameClaims(facts)))

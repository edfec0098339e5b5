"""A hub whose names are bound to keys, with two rooms, and the journal that it starts with."""

from __future__ import annotations

import pytest

from chatctl.core.admission import Admission
from chatctl.core.name_claims import NameClaims
from tests.support.fakes import House, KeepingJournal
from tests.support.two_servers import TwoServers

ABOUT_NAMES = frozenset(
    {
        "test_admin_claims",
        "test_admin_sanctions",
        "test_admin_target",
        "test_hub",
        "test_leasing",
        "test_login",
        "test_moderation",
        "test_name_binding",
        "test_name_walk",
        "test_names_in_two_rooms",
    }
)
"""Files whose tests run with a directory that answers in the same call, and with one that answers later."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.module.__name__.rpartition(".")[2] in ABOUT_NAMES and metafunc.cls is None:
        given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
        if "answers_late" not in given:
            metafunc.fixturenames.append("answers_late")
            metafunc.parametrize("answers_late", [False, True], ids=["at_once", "late"], indirect=True)


@pytest.fixture
def answers_late(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the directory of each server answer late, or not."""
    monkeypatch.setattr(House, "answers_late", request.param)


AT_ONCE = pytest.mark.parametrize("answers_late", [False], indirect=True)
"""For what is only so if the directory answers in the same call."""


@pytest.fixture
def journal() -> KeepingJournal:
    return KeepingJournal()


@pytest.fixture
def house(journal: KeepingJournal) -> House:
    facts = {key: value for key, value in journal.kept.items() if value is not None}
    return House(journal=journal, admission=Admission("test", ["ops"], claims=NameClaims(facts)))


@pytest.fixture(params=[False, True], ids=["at_once", "late"])
def servers(request: pytest.FixtureRequest) -> TwoServers:
    """Return two servers of one house, whose directory answers in the same call or later."""
    return TwoServers(late=request.param)

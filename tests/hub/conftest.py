"""A hub whose names are bound to keys, with two rooms, and the journal that it starts with."""

from __future__ import annotations

import sys

import pytest

from chatctl.core.admission import Admission
from chatctl.core.name_claims import NameClaims
from tests.support.fakes import House, KeepingJournal
from tests.support.two_servers import HouseOfTwo, TwoServers

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
        "test_questions",
    }
)
"""Files whose tests run with a directory that answers in the same call, and with one that answers later."""

INSIDE = frozenset({"test_admin_target", "test_name_walk"})
"""Those of them that look into one server."""

ABOUT_ROOMS = ABOUT_NAMES - INSIDE | {"test_history", "test_presence", "test_redaction", "test_searching"}
"""Files whose tests also run with two servers, in whose place ``house`` stands: who speaks and who reads differ."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    file = metafunc.module.__name__.rpartition(".")[2]
    if metafunc.cls is None and "servers" not in metafunc.fixturenames:
        given = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
        if "directory" not in given:
            kinds = ["at_once"] + ["late"] * (file in ABOUT_NAMES) + ["two"] * (file in ABOUT_ROOMS)
            if len(kinds) > 1:
                metafunc.parametrize("directory", kinds, indirect=True)


@pytest.fixture(autouse=True)
def directory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the directory of each server answer late, or have two servers in the place of one."""
    kind = getattr(request, "param", "at_once")
    monkeypatch.setattr(House, "answers_late", kind == "late")
    if kind == "two":
        for module in (request.module, sys.modules[__name__]):
            monkeypatch.setattr(module, "House", HouseOfTwo, raising=False)


AT_ONCE = pytest.mark.parametrize("directory", ["at_once"], indirect=True)
"""For what is only so if the directory answers in the same call."""

OF_ONE = pytest.mark.parametrize("directory", ["at_once", "late"], indirect=True)
"""For what looks into a server, or is each server's own."""


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

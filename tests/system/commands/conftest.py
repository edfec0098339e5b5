"""One server, or two in its place (of_two.py says for which tests)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.fixture_types import Run, Serve
from tests.support.server_pair import ServerPair, one_or_two
from tests.support.server_process import Server
from tests.system.of_two import generate as pytest_generate_tests  # noqa: F401 — a hook

Places = dict[str, PostgresPlace]


@pytest.fixture
def house(request: pytest.FixtureRequest, house: Server) -> Server | ServerPair:
    """Return the server that most tests share, or two in its place."""
    return one_or_two(request, house)


@pytest.fixture
def places() -> Places:
    """Return which schemas this test's servers have in the place of journal files."""
    return {}


@pytest.fixture
def serve(
    request: pytest.FixtureRequest, serve: Serve, env: dict[str, str], places: Places
) -> Iterator[Serve | type[ServerPair]]:
    """Start servers of one's own, or two for each. The operator's socket is where it is beside a journal file."""
    if getattr(request, "param", "one") == "one":
        yield serve
        return
    pairs: list[ServerPair] = []
    engine = request.getfixturevalue("engine")

    def start(*options: str, port: int = 0) -> ServerPair:
        given = dict(zip(options[::2], options[1::2], strict=True))
        journal = given.pop("--journal", None)
        place = engine.place() if journal is None else places.setdefault(journal, engine.place())
        socket = None if journal is None else f"{journal}.sock"
        rest = [word for option in given.items() for word in option]
        pairs.append(ServerPair(place, *rest, env=env, port=port, socket=socket))
        return pairs[-1]

    yield start  # type: ignore[misc]
    for pair in pairs:
        pair.stop()


@pytest.fixture
def run(run: Run, places: Places) -> Run:
    """Run commands to their end. Those that read a journal are told where it is."""

    def run_there(*arguments: str, **more: Any) -> Any:
        if arguments[:1] != ("admin",):
            arguments = tuple(word for one in arguments for word in _there(places, one))
        return run(*arguments, **more)

    return run_there


def _there(places: Places, word: str) -> list[str]:
    place = places.get(word)
    return [word] if place is None else [place.uri, "--journal-schema", place.schema]

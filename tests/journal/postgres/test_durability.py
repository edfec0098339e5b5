"""What a commit survives, as the engine's settings say, and what is refused because it is less."""

from __future__ import annotations

from contextlib import closing

import pytest

from chatctl.common.journal_uri import PostgresPlace
from chatctl.errors import ChatError
from chatctl.journal.postgres.durability import durability_of
from chatctl.journal.postgres.store import Store


@pytest.mark.parametrize(
    ("fsync", "synchronous_commit", "standbys", "level"),
    [
        ("on", "on", "", "disk"),
        ("on", "on", "b", "replica"),
        ("on", "remote_apply", "ANY 1 (b, c)", "replica"),
        ("on", "remote_write", "b", "disk"),
        ("on", "local", "b", "disk"),
        ("on", "off", "b", "memory"),
        ("off", "on", "", "os"),
        ("off", "on", "b", "os"),
        ("off", "off", "", "memory"),
        ("on", "on", " ", "disk"),
    ],
)
def test_durability_follows_from_the_settings(fsync: str, synchronous_commit: str, standbys: str, level: str) -> None:
    assert durability_of(fsync, synchronous_commit, standbys) == level


@pytest.mark.parametrize(
    ("asked", "setting"), [("disk", "set fsync = on"), ("replica", "set synchronous_standby_names")]
)
def test_what_the_engine_does_not_give_is_refused_with_the_remedy(
    place: PostgresPlace, asked: str, setting: str
) -> None:
    with pytest.raises(
        ChatError, match=f"--durability {asked} is required, and the engine .* provides os only: {setting}"
    ):
        Store(place, asked)


def test_what_it_gives_is_what_is_told(place: PostgresPlace) -> None:
    with closing(Store(place, "os")) as store:
        assert store.durability == "os"
    never = place._replace(uri=place.uri + "&options=-c%20synchronous_commit%3Doff")
    with closing(Store(never)) as store:
        assert store.durability == "memory"
    with pytest.raises(ChatError, match="set synchronous_commit = on"):
        Store(never, "os")

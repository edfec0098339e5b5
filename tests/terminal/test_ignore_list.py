"""Whom the user ignores, by key and by name, over a run and a change of nickname."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.terminal.ignore_list import Ignored, IgnoredHere, IgnoreList
from tests.support.killed import killed_at_the_rename


def here(*entries: Ignored) -> IgnoredHere:
    ignored = IgnoreList(None)
    for one in entries:
        ignored.add(one.nick, one.key)
    return IgnoredHere(ignored)


def test_by_name() -> None:
    """However it is spelt; whoever takes the name after a change of nickname is not meant."""
    ignored = here(Ignored("Omar"))
    assert ignored.hides("omar")
    assert not ignored.hides("bob")
    assert not ignored.wants_key("omar"), "there is no key to compare with"
    ignored.renamed("omar", "omar2")
    assert ignored.hides("omar2")
    ignored.forget("omar2")
    assert not ignored.hides("omar2")


def test_by_key() -> None:
    """Under any name; and somebody else under that name is not meant, once that is known."""
    ignored = here(Ignored("omar", "K"))
    assert ignored.hides("omar"), "until somebody else is known to have the name"
    assert ignored.wants_key("bob")
    ignored.asked("bob")
    assert not ignored.wants_key("bob")
    ignored.learn("bob", "K")
    assert ignored.hides("bob")
    ignored.learn("omar", "another")
    assert not ignored.hides("omar")
    ignored.learn("eve", None)
    assert not ignored.hides("eve")
    ignored.renamed("bob", "rob")
    assert ignored.hides("rob")
    assert not ignored.hides("bob")
    ignored.forget("rob")
    assert ignored.wants_key("rob")


def test_whoever_is_ignored_no_more_is_shown_under_a_name_that_they_took_since() -> None:
    """In each room, and under the last of several names."""
    first = here(Ignored("omar"))
    second = IgnoredHere(first.all)
    for room in (first, second):
        room.renamed("omar", "omar2")
        room.renamed("omar2", "omar3")
        assert (room.hides("omar2"), room.hides("omar3")) == (False, True)
    assert first.all.remove("omar")
    assert not first.hides("omar3")
    assert not second.hides("omar3")


def test_rooms_share_the_list_and_not_who_is_who() -> None:
    first = here(Ignored("omar", "K"))
    second = IgnoredHere(first.all)
    first.learn("bob", "K")
    assert (first.hides("bob"), second.hides("bob")) == (True, False)
    assert first.all.remove("OMAR")
    assert not first.all.remove("omar")
    assert not second.hides("omar")


def test_it_is_kept_for_this_account_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "ignored" / "server.json"
    ignored = IgnoreList(path)
    assert ignored.add("omar", "K")
    assert ignored.add("bob", None)
    assert ignored.remove("nobody") is False
    assert IgnoreList(path).entries == [Ignored("omar", "K"), Ignored("bob")]
    assert path.stat().st_mode & 0o777 == 0o600
    assert not IgnoreList(None).add("omar", None)


def test_a_kill_leaves_a_draft_that_the_next_change_uses_up(tmp_path: Path) -> None:
    killed_at_the_rename(lambda: IgnoreList(tmp_path / "server.json").add("omar", None))
    assert IgnoreList(tmp_path / "server.json").add("bob", None)
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'[{"nick": 1}]', b"\xff"])
def test_a_broken_file_is_an_empty_list(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "f.json").write_bytes(data)
    assert IgnoreList(tmp_path / "f.json").entries == []

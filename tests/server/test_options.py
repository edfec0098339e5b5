"""What an operator sets: defaults that depend on the machine, and where the journal is."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.server.options import TlsOptions, journal_place


def test_where_the_journal_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert journal_place("none") is None
    assert journal_place("rooms.db") == tmp_path / "rooms.db"
    default = journal_place(None)
    assert default is not None
    assert isinstance(default, Path)
    assert default.is_relative_to(tmp_path)


def test_a_journal_in_postgresql_is_a_uri_and_a_schema() -> None:
    uri = "postgresql://db1,db2/chat?target_session_attrs=read-write"
    assert journal_place(uri) == (uri, "chatctl")
    assert journal_place(uri, "ops") == (uri, "ops")
    assert journal_place("postgres:///chat") == ("postgres:///chat", "chatctl")


def test_without_a_certificate_one_is_made_and_a_named_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    made = TlsOptions(5501, None, None).open("localhost")
    assert made.path.is_relative_to(tmp_path / "state")
    named = tmp_path / "named.pem"
    made.path.rename(named)
    assert TlsOptions(5501, named, None).open("localhost").current.digest == made.current.digest
    assert not made.path.exists()

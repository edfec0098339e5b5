"""The password of the environment: we have it, the programs that we start have not."""

from __future__ import annotations

import os

import pytest

from chatctl.cli import password_variable
from chatctl.cli.password_variable import PASSWORD, password, take_password


@pytest.fixture(autouse=True)
def nothing_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of one test to another."""
    monkeypatch.setattr(password_variable, "_taken", None)


def test_it_is_known_and_no_longer_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "word")
    take_password()
    assert PASSWORD not in os.environ
    take_password()
    assert password() == "word"


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_one_is_none(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    if value is not None:
        monkeypatch.setenv(PASSWORD, value)
    take_password()
    assert password() is None

"""common/crash_log.py: what a fault of our own leaves."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chatctl.common.crash_log import record


def fault() -> BaseException:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ZeroDivisionError("outer") from inner
    except ZeroDivisionError as outer:
        return outer


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "crash.log"


def test_tracebacks_are_appended_for_this_user_alone(log: Path) -> None:
    before = os.umask(0)
    try:
        line = record(fault())
        record(ValueError("another"))
    finally:
        os.umask(before)
    assert line == f"internal error in chatctl: ZeroDivisionError('outer'); the details are in {log}"
    kept = log.read_text()
    assert kept.index("KeyError: 'inner'") < kept.index("ZeroDivisionError: outer") < kept.index("ValueError: another")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (log, log.parent)] == [0o600, 0o700]


def test_its_cause_may_be_named_instead(log: Path) -> None:
    error = fault()
    assert record(error, error.__cause__).startswith("internal error in chatctl: KeyError('inner'); ")


def test_who_has_no_home_is_told_what_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ends with a fault calls this last: a second one would leave its server running without it."""
    monkeypatch.delenv("CHATCTL_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("chatctl.common.paths._home", lambda: "")
    assert record(ValueError("x")) == (
        "internal error in chatctl: ValueError('x'); the details can't be kept: there is no home directory for "
        "chatctl's files: set CHATCTL_STATE_DIR"
    )


def test_a_log_that_can_not_be_written_makes_no_second_fault(log: Path) -> None:
    """It did: the traceback of the failing write went to stderr, and the first fault was not named."""
    log.mkdir(parents=True)
    assert record(ValueError("x")) == (
        f"internal error in chatctl: ValueError('x'); the details can't be kept in {log}: is a directory"
    )

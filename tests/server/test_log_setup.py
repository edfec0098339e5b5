"""What the server's log gets: its own lines, other code's records, all that prints on stderr."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable
from typing import cast

import click
import pytest

from chatctl.hub.event_log import Log
from chatctl.server.log_setup import LogHandler, WaitingStream, _plain, _thread_failed, _with_priority
from chatctl.server.log_writer import LogWriter


class Lines:
    """Stands for a log writer: keeps what it is given."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def put(self, line: bytes) -> None:
        self.all.append(line.decode())


def handler(form: str, mark: Callable[[int, str], bytes] = _plain) -> tuple[logging.Logger, Log, Lines]:
    """Return a logger of other code, the server's own log, and what both write."""
    lines = Lines()
    ours = logging.Logger("chatctl")
    log = Log(form, "debug", write=ours.log, clock=lambda: 1234.5678)  # type: ignore[arg-type]
    there = LogHandler(cast(LogWriter, lines), log, mark)
    foreign = logging.Logger("asyncio")
    ours.addHandler(there)
    foreign.addHandler(there)
    return foreign, log, lines


def test_our_lines_are_written_as_they_are() -> None:
    _, log, lines = handler("json")
    log.info("connected", peer="100%s")
    assert json.loads(lines.all[0])["peer"] == "100%s"
    assert lines.all[0].endswith("}\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_that_asyncio_logs_is_one_line_of_our_form(form: str) -> None:
    foreign, _, lines = handler(form)
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        foreign.exception("a callback %s", "failed")
    [line] = lines.all
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "ValueError" in line
    if form == "json":
        assert json.loads(line).items() >= {"level": "error", "event": "asyncio", "time": 1234.568}.items()
    else:
        assert " error: asyncio what=a callback failed" in line


def test_a_record_that_does_not_fit_its_arguments_raises_nothing() -> None:
    foreign, log, lines = handler("text")
    foreign.error("%d", "no number")
    log.info("x")
    assert len(lines.all) == 1


@pytest.mark.parametrize(("level", "mark"), [("debug", "<7>"), ("info", "<6>"), ("warning", "<4>"), ("error", "<3>")])
def test_the_journal_is_told_the_priority(level: str, mark: str) -> None:
    _, log, lines = handler("text", _with_priority)
    getattr(log, level)("x")
    assert lines.all[0].startswith(mark)
    assert _with_priority(50, "critical").startswith(b"<3>")


def test_a_lone_surrogate_is_written() -> None:
    assert _plain(20, "\udcff") == b"\\udcff\n"


def test_what_prints_on_stderr_arrives_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(sys, "stderr", WaitingStream(lines.append))
    print("one", "two", file=sys.stderr)
    click.echo("three", err=True)
    print("four\nfive", file=sys.stderr, flush=True)
    assert lines == ["one two", "three", "four", "five"]
    assert isinstance(sys.stderr, io.TextIOBase)
    assert sys.stderr.fileno() == 2


def test_a_thread_that_an_exception_ends_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines()
    there = LogHandler(cast(LogWriter, lines), handler("json")[1], _plain)
    monkeypatch.setattr(threading, "excepthook", _thread_failed)
    logging.getLogger("python").addHandler(there)
    try:
        thread = threading.Thread(target=lambda: [].pop(), name="worker")
        thread.start()
        thread.join()
    finally:
        logging.getLogger("python").removeHandler(there)
    [line] = lines.all
    assert "thread worker ended" in json.loads(line)["what"]
    assert "IndexError" in line

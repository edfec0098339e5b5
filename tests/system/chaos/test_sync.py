"""A sync that fails, as a whole server lives through it: it ends, and what nobody was sure of is made sure after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.chaos.child import PLANTED, Child
from tests.system.chaos.diary import Diary
from tests.system.chaos.news import News
from tests.system.chaos.proxy import Proxy
from tests.system.chaos.sender import Sender
from tests.system.chaos.verifier import describe, verify_folder

DEADLINE = 20.0


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy()
    proxy.calm = True
    yield proxy
    proxy.close()


def test_a_failed_sync_ends_the_server_and_a_retry_tells_what_became_of_it(tmp_path: Path, proxy: Proxy) -> None:
    """It was not acknowledged, and it is in the log all the same: said again, it gets its first number."""
    news = News()
    log = tmp_path / "server.log"
    child = Child(tmp_path / "rooms.db", log, command=(sys.executable, PLANTED, "sync_fails")).listening()
    proxy.upstream = child.port
    diary = Diary(tmp_path / "sender.jsonl")
    sender = Sender(lambda: proxy.port, diary, mode="post", rate=1000, window=8, on_news=news.note)
    sender.start()
    assert child.process.wait(DEADLINE) == 1
    child.kill()
    [line] = [line for line in log.read_text().splitlines() if "warning" not in line]
    assert "failed: disk I/O error (SQLITE_IOERR_FSYNC); nothing unsure was acknowledged" in line
    child = Child(tmp_path / "rooms.db", log).listening()
    proxy.upstream = child.port
    try:
        assert news.wait_for("ack", 20, DEADLINE)
    finally:
        sender.drain()
        sender.join(DEADLINE)
        assert child.stop() == 0
    verdict = verify_folder(tmp_path)
    assert not verdict.broken, describe(verdict)
    assert verdict.unsettled == 0
    assert verdict.duplicates > 0

"""What operators order holds for requests to ``chatctl serve --web``, and what was said with a key stays said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fixture_types import Serve
from tests.support.in_process import InProcess
from tests.support.web import port_of, request, say

KEYED = {"authorization": "Bearer " + "ab" * 16, "idempotency_key": "1"}


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    return InProcess(env, tmp_path, monkeypatch, capfd)


def test_orders_hold_for_requests_and_repeats_say_nothing(serve: Serve, run: InProcess, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    port = port_of(serve("--web", "0", "--room", "ops", *journal))

    def order(*words: str) -> None:
        done = run("admin", *words, *journal)
        assert done.returncode == 0, done.stderr

    assert say(port, "kept", **KEYED).json["seq"] == 1
    assert say(port, "kept", room="ops", **KEYED).json["duplicate"] is False, "each room has its own keys"
    order("slow", "30s")
    assert say(port, "2", nick="slow").status == 200
    later = say(port, "3", nick="slow")
    assert (later.refusal, later.headers["retry-after"]) == ((429, "rate_limited"), "30")
    assert say(port, "kept", **KEYED).json["duplicate"] is True
    order("slow", "off")
    order("read-only", "on")
    assert say(port, "3", nick="slow").refusal == (403, "forbidden")
    assert say(port, "kept", **KEYED).json["duplicate"] is True, "it was said before the room was read only"
    order("read-only", "off")
    order("mute", "omar")
    assert say(port, "3", nick="Omar").refusal == (403, "forbidden")
    order("ban", "lena")
    assert say(port, "3", nick="lena").refusal == (403, "forbidden")
    order("redact", "2")
    text = request(port, accept="text/plain")
    assert text.body == b"ci: kept\n(redacted)\n"
    assert b'"nick":"","text":"","redacted":true}' in request(port).body

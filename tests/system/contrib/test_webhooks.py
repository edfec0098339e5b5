"""contrib/webhooks.py with the settings beside it, and payloads as their senders make them, against a real server."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.fixture_types import Serve
from tests.support.processes import kill
from tests.support.server_process import Server
from tests.support.web import Answer, port_of, request

CONTRIB, PAYLOADS = ROOT / "contrib", Path(__file__).parent / "webhooks"

Hooks = Callable[..., int]


@pytest.fixture
def hooks(tmp_path: Path) -> Iterator[Hooks]:
    """Run it for the server at a port, with further lines in its settings; give its own port."""
    started: list[subprocess.Popen[str]] = []

    def start(server: int, *more: str) -> int:
        settings = (CONTRIB / "webhooks.toml").read_text()
        settings = settings.replace('"127.0.0.1:5590"', '"127.0.0.1:0"').replace(":5580", f":{server}")
        (tmp_path / "webhooks.toml").write_text("\n".join((settings, *more, "")))
        command = [sys.executable, str(CONTRIB / "webhooks.py")]
        started.append(
            subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        )
        assert started[-1].stdout is not None
        found = re.search(r"listening on 127\.0\.0\.1:(\d+) for alertmanager, ", started[-1].stdout.readline())
        assert found is not None
        return int(found[1])

    yield start
    for one in started:
        kill(one)  # type: ignore[arg-type]  # text or bytes, it ends


@pytest.fixture
def web(serve: Serve) -> tuple[Server, int]:
    server = serve("--web", "0")
    return server, port_of(server)


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def post(port: int, name: str, body: bytes, **headers: str) -> Answer:
    return request(port, "POST", f"/{name}", body, **headers)


def said(web: int) -> list[tuple[str, str]]:
    entries = [json.loads(line) for line in request(web).body.splitlines()]
    return [(entry["nick"], entry["text"]) for entry in entries]


LINES = {
    "alertmanager": [
        "firing: InstanceDown on db1:9100: The machine does not answer",
        "resolved: InstanceDown on db2:9100: The machine does not answer",
    ],
    "grafana": [
        "firing: High memory usage: Less than 5 % are free https://grafana.example.org/alerting/1afz29v7z/edit",
    ],
    "forge": [
        "rooms refs/heads/main: Nadia: Keep the rooms of last year https://git.example.org/ops/rooms/commit/5d2f6b1a",
        "rooms refs/heads/main: Om\u0430r: Say \x1b[31mred\x1b[0m \u202efdp.exe"
        " https://git.example.org/ops/rooms/commit/bffeb742",
    ],
}


def test_each_webhook_is_said_and_a_repeat_says_nothing(web: tuple[Server, int], hooks: Hooks) -> None:
    """Alertmanager and forges send again what got no answer; what stays the same in it is its key."""
    port = hooks(web[1])
    for _ in range(2):
        for name, lines in LINES.items():
            answer = post(port, name, payload(name))
            assert (answer.status, answer.body) == (200, f"{len(lines)} said\n".encode())
    assert said(web[1]) == [(name, line) for name, lines in LINES.items() for line in lines]
    resolved = json.loads(payload("alertmanager"))
    resolved["alerts"][0] |= {"status": "resolved", "endsAt": "2026-11-20T10:00:00Z"}
    assert post(port, "alertmanager", json.dumps(resolved).encode()).status == 200
    assert said(web[1])[-1] == ("alertmanager", LINES["alertmanager"][0].replace("firing", "resolved"))


def test_uptime_kuma_needs_nothing_in_between(web: tuple[Server, int]) -> None:
    """Its webhook with a custom body is that body, sent by axios."""
    body = b"[db1] [\xf0\x9f\x94\xb4 Down] connect ECONNREFUSED 192.0.2.7:5432"
    axios = {"accept": "application/json, text/plain, */*", "content_type": "application/x-www-form-urlencoded"}
    answer = request(web[1], "POST", "/rooms/lobby?nick=uptime", body, user_agent="axios/0.28.1", **axios)
    assert answer.status == 200
    assert said(web[1]) == [("uptime", body.decode())]


ODD: Sequence[tuple[str, bytes, dict[str, str], int, str]] = (
    ("nothing", b"{}", {}, 404, "there is no such webhook"),
    ("forge", b"[]", {}, 400, "no JSON object"),
    ("forge", b"{" * 100_000, {}, 400, "no JSON object"),
    ("forge", b"", {"content_length": ""}, 411, "Content-Length"),
    ("forge", b"", {"content_length": "9999999"}, 413, "at most"),
    ("forge", b'{"zen":"Encourage flow.","hook_id":7}', {}, 200, "0 said"),
    ("forge", b'{"commits":[7,{"message":"\\ud800"}]}', {}, 200, "2 said"),
)


def test_what_is_no_webhook(web: tuple[Server, int], hooks: Hooks) -> None:
    port = hooks(web[1])
    for name, body, headers, status, told in ODD:
        answer = post(port, name, body, **headers)
        assert (answer.status, told in answer.body.decode()) == (status, True), answer


def test_a_long_webhook_is_cut_to_a_bearable_number_of_short_lines(web: tuple[Server, int], hooks: Hooks) -> None:
    commits = [{"id": str(number), "message": "x" * 1500} for number in range(500)]
    assert post(hooks(web[1]), "forge", json.dumps({"commits": commits}).encode()).status == 200
    lines = [text for _, text in said(web[1])]
    assert len(lines) == 21
    assert lines[-1] == "… and 480 more"
    assert {len(line) for line in lines[:-1]} == {1_000}


def test_a_secret_is_a_signature_or_a_token(web: tuple[Server, int], hooks: Hooks, tmp_path: Path) -> None:
    (tmp_path / "forge.secret").write_text("sesame\n")
    port, body = hooks(web[1], 'secret_file = "forge.secret"'), payload("forge")
    signed = "sha256=" + hmac.new(b"sesame", body, hashlib.sha256).hexdigest()
    assert [post(port, "forge", body, **headers).status for headers in ({}, {"x_hub_signature_256": signed[:-1]})] == [
        401,
        401,
    ]
    assert said(web[1]) == []
    for proof in ({"x_hub_signature_256": signed}, {"authorization": "Bearer sesame"}, {"x_gitlab_token": "sesame"}):
        assert post(port, "forge", body, **proof).status == 200
    assert len(said(web[1])) == 2


def test_a_server_that_is_away_or_refuses_makes_the_sender_try_again(web: tuple[Server, int], hooks: Hooks) -> None:
    server, port = web[0], hooks(web[1])
    with server.member("forge"):
        taken = post(port, "forge", payload("forge"))
        assert (taken.status, "forge" in taken.body.decode()) == (502, True)
    server.stop()
    away = post(port, "forge", payload("forge"))
    assert away.status == 503


def test_it_is_who_it_was_after_a_restart_and_its_token_is_its_own(
    web: tuple[Server, int], hooks: Hooks, tmp_path: Path
) -> None:
    for _ in range(2):
        assert post(hooks(web[1]), "grafana", payload("grafana")).status == 200
    assert len(said(web[1])) == 1
    assert (tmp_path / "webhooks.token").stat().st_mode & 0o777 == 0o600

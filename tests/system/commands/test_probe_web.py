"""``chatctl probe --web``: the same checks, forms and codes, through the port for browsers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.fixture_types import Serve
from tests.support.in_process import InProcess
from tests.support.processes import err_line
from tests.support.web import port_of


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    return InProcess(env, tmp_path, monkeypatch, capfd)


def test_every_form_of_it(serve: Serve, run: InProcess) -> None:
    server = serve("--web", "0")
    url = f"http://127.0.0.1:{port_of(server)}/"
    server.member("nadia").say("hello").frame("msg")
    done = run("probe", "--web", url)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(
        r"OK chatctl: echo \d+\.\d ms, 1 member in lobby"
        r" \| connect=\d\.\d{6}s;;;0 rtt=\d\.\d{6}s;;;0 echo=\d\.\d{6}s;;;0 users=1;;;0 silence=\d\.\d{6}s;;;0\n",
        done.stdout.decode(),
    )
    assert json.loads(run("probe", "--web", url, "--json").stdout)["users"] == 1
    assert (
        f'chatctl_probe_up{{server="{url}",room="lobby"}} 1'
        in run("probe", "--web", url, "--format", "prometheus").stdout.decode()
    )
    assert run("probe", "--web", url, "--format", "text", "--count", "2", "--interval", "0s").stdout.count(b"OK") == 3
    assert run("probe", "--web", url, "--users-warn", "5:").returncode == 1
    assert run("probe", "--web", url, "--echo-critical", "0s").returncode == 2


def test_nobody_there_is_what_the_option_says(run: InProcess) -> None:
    nobody = run("probe", "--web", "http://127.0.0.1:1/", "--on-unreachable", "unknown")
    assert (nobody.returncode, nobody.stdout) == (
        3,
        b"UNKNOWN chatctl: cannot reach http://127.0.0.1:1/: connection refused (is 'chatctl serve' running there?)\n",
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--web chat.example.org", "'chat.example.org' is not the URL of a page"),
        ("--web http://a/ --port 5", "--web is the whole address"),
        ("--web http://a/ --server b", "--web is the whole address"),
        ("--web http://a/ --no-tls", "--web is the whole address"),
        ("--web http://a/ --ca file", "--pin and --ca need --web https://"),
        ("--web http://a/ --cert-warn 5", "--cert-warn and --cert-critical need TLS"),
    ],
)
def test_what_contradicts_itself_is_unknown(run: InProcess, options: str, told: str) -> None:
    done = run("probe", *options.split())
    assert (done.returncode, done.stdout) == (3, b"")
    assert told in err_line(done)


def test_the_environment_s_server_is_another_one(serve: Serve, run: InProcess, env: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{port_of(serve('--web', '0'))}/"
    other = env | {"CHATCTL_HOST": "192.0.2.1", "CHATCTL_PORT": "9", "CHATCTL_TLS": "1"}
    assert run("probe", "--web", url, env=other).returncode == 0

"""The alerts and the dashboard in ``contrib/``, and docs/metrics.md: each metric in them is one that a server has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.metrics import Scrape, metrics_port, scrape
from tests.support.needs import need
from tests.support.server_process import Server

ALERTS, DASHBOARD = ROOT / "contrib" / "chatctl-alerts.yml", ROOT / "contrib" / "chatctl-dashboard.json"
NAME = re.compile(r"\b(?:chatctl|process|python)_[a-z_]+\b")


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    """Scrape a server with a file, TLS, and a refusal."""
    folder = tmp_path_factory.mktemp("scraped")
    journal = ("--journal", str(folder / "rooms.db"))
    server = Server("--metrics", "0", "--tls", "self", "--tls-port", "0", *journal, env=clean_env(folder))
    try:
        port = metrics_port(server)
        server.member("nadia").say_frame(type="whisper", to="nobody", text="x").frame("error")
        yield scrape(port)
    finally:
        server.stop()


def expressions(panels: object) -> Iterator[str]:
    """Yield all expressions of a dashboard."""
    if isinstance(panels, dict):
        yield from (panels[key] for key in ("expr", "query") if isinstance(panels.get(key), str))
        panels = list(panels.values())
    if isinstance(panels, list):
        for one in panels:
            yield from expressions(one)


def test_each_metric_of_the_alerts_is_there(scraped: Scrape) -> None:
    named = set(NAME.findall(ALERTS.read_text(encoding="utf-8")))
    assert len(named) >= 5
    assert named - scraped.names == set()


def test_each_metric_and_label_of_the_dashboard_is_there(scraped: Scrape) -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    named = {name for one in expressions(dashboard) for name in NAME.findall(one)}
    assert len(named) > 20
    assert named - scraped.names == set()
    labels = {label for one in scraped.families for sample in one.samples for label in sample.labels}
    legends = " ".join(target["legendFormat"] for panel in dashboard["panels"] for target in panel["targets"])
    assert set(re.findall(r"{{(\w+)}}", legends)) - labels == set()


def test_no_two_panels_lie_upon_each_other() -> None:
    fields = [
        (panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + row)
        for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        for column in range(panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["h"])
    ]
    assert len(fields) == len(set(fields))
    assert max(column for column, _ in fields) < 24


def test_the_manual_has_each_metric_with_its_labels(scraped: Scrape) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    told = {
        name: set(filter(None, (labels or "").split(",")))
        for name, labels in re.findall(r"`(chatctl_\w+)(?:{([\w,]+)})?`", page)
    }
    samples = [sample for one in scraped.families for sample in one.samples if sample.name.startswith("chatctl_")]
    there: dict[str, set[str]] = {}
    for sample in samples:
        name = re.sub(r"_seconds_(bucket|count|sum)$", "_seconds", sample.name)
        there.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    there["chatctl_build_info"].discard("version")
    assert told == there


def test_promtool_takes_the_alerts(tmp_path: Path) -> None:
    """Checked as rules, and played: each fires on what it is for, and on nothing before."""
    need("promtool")
    tool = shutil.which("promtool")
    assert tool is not None
    done = subprocess.run([tool, "check", "rules", ALERTS], capture_output=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"4 rules found" in done.stdout
    (tmp_path / "play.yml").write_text(play(ALERTS))
    done = subprocess.run([tool, "test", "rules", tmp_path / "play.yml"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


SERIES = {
    "ChatctlDown": ('up{job="chatctl",instance="a"}', "1x9 0x20"),
    "ChatctlJournalFailing": ('chatctl_journal_failed_messages_total{instance="a"}', "0x9 1+1x20"),
    "ChatctlReadersLeftBehind": ('chatctl_gaps_total{instance="a",why="slow"}', "0x9 1+1x20"),
    "ChatctlEndsSoon": ('chatctl_journal_free_bytes{instance="a"}', "1000000000x9 1000x20"),
}


def play(rules: Path) -> str:
    """Return, as ``promtool test rules`` takes it, for each alert a server that is well and then is not."""

    def firing(alert: str, at: str, value: int) -> dict[str, object]:
        expression = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
        return {"expr": expression, "eval_time": at, "exp_samples": [{"labels": "{}", "value": value}]}

    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values}],
            "promql_expr_test": [firing(alert, "8m", 0), firing(alert, "28m", 1)],
        }
        for alert, (series, values) in SERIES.items()
    ]
    return json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests})

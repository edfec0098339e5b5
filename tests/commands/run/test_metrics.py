"""The file that Prometheus reads after a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.commands.run.metrics import Run, write


def values(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_a_success_is_remembered_through_failures(tmp_path: Path) -> None:
    """A monitor asks how long the last success is ago, and a failure must not take that away."""
    path = tmp_path / "job.prom"
    write(path, Run('the "job"\\', 0, 1000.0, 2.5))
    labels = '{title="the \\"job\\"\\\\"}'
    expected = {
        f"chatctl_run_exit_status{labels}": "0",
        f"chatctl_run_start_timestamp_seconds{labels}": "1000.000",
        f"chatctl_run_duration_seconds{labels}": "2.500",
        f"chatctl_run_last_success_timestamp_seconds{labels}": "1002.500",
    }
    assert values(path) == expected
    write(path, Run('the "job"\\', 7, 5000.0, 1.0))
    assert values(path) == expected | {
        f"chatctl_run_exit_status{labels}": "7",
        f"chatctl_run_start_timestamp_seconds{labels}": "5000.000",
        f"chatctl_run_duration_seconds{labels}": "1.000",
    }


@pytest.mark.parametrize("before", [b"", b"\xff", b'chatctl_run_last_success_timestamp_seconds{title="x"} 12'])
def test_without_a_success_there_is_none(tmp_path: Path, before: bytes) -> None:
    """That of another job is not ours."""
    path = tmp_path / "job.prom"
    path.write_bytes(before)
    write(path, Run("job", 1, 5000.0, 1.0))
    assert "last_success" not in path.read_text()


def test_each_metric_is_described(tmp_path: Path) -> None:
    path = tmp_path / "job.prom"
    write(path, Run("job", 0, 5000.0, 1.0))
    lines = path.read_text().splitlines()
    for start in ("# HELP ", "# TYPE "):
        described = [line.removeprefix(start).split()[0] for line in lines if line.startswith(start)]
        assert described == [name.split("{")[0] for name in values(path)]
    assert path.stat().st_mode & 0o044 == 0o044, "the collector is another user"

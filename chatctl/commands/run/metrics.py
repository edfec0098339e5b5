"""The file of ``run --metrics``, for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

from chatctl.cli.prometheus import gauges, labels_of
from chatctl.common import file_reads
from chatctl.common.files import replace_file

_MOST = 1 << 16
_LAST_SUCCESS = "chatctl_run_last_success_timestamp_seconds"


class Run(NamedTuple):
    """One run of a program."""

    title: str
    status: int
    began: float
    """When, in seconds since the epoch."""
    seconds: float


def write(path: Path, run: Run) -> None:
    """Write a file of its metrics, whole or not at all. The last success is kept from run to run. Raises OSError."""
    labels = labels_of(title=run.title)
    success = run.began + run.seconds if run.status == 0 else _last_success(path, labels)
    samples = [
        ("chatctl_run_exit_status", "How it ended: 0 is success, 124 ran too long, 128+n signal n.", f"{run.status}"),
        ("chatctl_run_start_timestamp_seconds", "When the last run started.", f"{run.began:.3f}"),
        ("chatctl_run_duration_seconds", "How long the last run took.", f"{run.seconds:.3f}"),
    ]
    if success is not None:
        samples.append((_LAST_SUCCESS, "When the last run that succeeded ended.", f"{success:.3f}"))
    replace_file(path, f"{gauges(samples, labels)}\n".encode(), durable=False, private=False)


def _last_success(path: Path, labels: str) -> float | None:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = file_reads.read_file(path, most=_MOST).decode()
        if found := re.search(rf"^{_LAST_SUCCESS}{re.escape(labels)} ([0-9.]+)$", text, re.MULTILINE):
            return float(found[1])
    return None

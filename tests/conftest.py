"""What every run of the tests has in common: its last words."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.needs import NEEDS, reason


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None]:
    """Say, below the list of skips, how many tests were left out for want of something, and how to run them too."""
    yield
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    lacking = [name for name in NEEDS if any(text.endswith(reason(name)) for text in reasons)]
    if lacking:
        packages = " ".join(sorted({NEEDS[name].package for name in lacking} - {""}))
        remedies = [f"apt install {packages}"] if packages else []
        remedies += [NEEDS[name].remedy for name in lacking if not NEEDS[name].package]
        terminalreporter.write_line(
            f"{len(reasons)} tests were left out: this machine lacks {', '.join(lacking)}. "
            f"To run them: {'; '.join(remedies)}"
        )

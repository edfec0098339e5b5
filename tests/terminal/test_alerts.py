"""Which message concerns the user."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from chatctl.client.core.address import Address
from chatctl.protocol import Msg, Whispered
from chatctl.terminal.alerts import Alerts
from chatctl.terminal.interfaces import JoinOptions
from chatctl.terminal.notify_command import Alert
from tests.terminal.fakes import FakeScreen


class FakeCommand:
    def __init__(self) -> None:
        self.runs: list[Alert] = []

    def run(self, alert: Alert, tell: Any) -> None:
        self.runs.append(alert)
        tell("it failed")


def alerts(notify: Literal["off", "mention", "all"]) -> tuple[list[str], list[Alert], list[str]]:
    """Return how it rings for a message, a mention, an own one and a whisper, and what the command gets."""
    screen, command = FakeScreen(), FakeCommand()
    options = JoinOptions(Address("h", 1), "lobby", "nadia", notify=notify, notify_command=command)  # type: ignore[arg-type]
    of = Alerts(options, screen.alert, lambda why: screen.lines.append(why))
    of.message(Msg(1, 5.0, "omar", "hello"), "nadia")
    of.message(Msg(2, 6.0, "omar", "hi Nadia!"), "nadia")
    of.message(Msg(3, 7.0, "nadia", "nadia is me"), "nadia")
    of.whisper(Whispered("bob", 8.0, "psst"))
    return screen.alerts, command.runs, screen.lines


MESSAGE = Alert("message", "lobby", "omar", "hello", 5.0, 1)
MENTION = Alert("mention", "lobby", "omar", "hi Nadia!", 6.0, 2)
WHISPER = Alert("whisper", "lobby", "bob", "psst", 8.0)


@pytest.mark.parametrize(
    ("notify", "rings", "runs"),
    [
        ("off", [], []),
        ("mention", ["omar mentions you", "bob whispers"], [MENTION, WHISPER]),
        (
            "all",
            ["omar says something", "omar says something", "bob whispers"],
            [MESSAGE, MENTION, WHISPER],
        ),
    ],
)
def test_what_rings(notify: Literal["off", "mention", "all"], rings: list[str], runs: list[Alert]) -> None:
    """The command is run for what rings, and its failure is shown in the room."""
    assert alerts(notify) == (rings, runs, ["it failed"] * len(runs))

"""``chatctl bench``: how much a server can take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.cli.help_pages import Command
from chatctl.cli.options import (
    ServerOptions,
    choice_option,
    count_option,
    duration_option,
    json_option,
    positive,
    server_options,
)
from chatctl.cli.output import emit_lines, warn
from chatctl.cli.param_types import Parsed
from chatctl.errors import ChatError, ConditionNotMet

if TYPE_CHECKING:
    from chatctl.bench.load import Load, Outcome
    from chatctl.bench.metrics import Usage
    from chatctl.bench.workload import Workload

CONNECT_SECONDS = 0.02
"""Mean time allowed for one more connection: a TLS handshake costs the server on a small machine half of it."""


def message_rate(value: object) -> float | None:
    """Return messages a second; None for ``max``, no limit."""
    if value is None or value == "max":
        return None
    try:
        rate = float(str(value))
    except ValueError:
        rate = 0.0
    if not 0 < rate < 1e7:
        raise ValueError(f"{value!r} is not a rate: write 20 or max")
    return rate


@click.command(cls=Command)
@count_option("--members", default=100, help="Number of reading members.")
@count_option("--senders", default=1, help="Number of sending connections.")
@click.option(
    "--rate",
    type=Parsed(message_rate),
    default="max",
    show_default=True,
    metavar="N|max",
    help="Messages per second, of all senders together.",
)
@count_option("--size", least=12, default=64, help="Bytes per message.")
@duration_option("--duration", default="5s", callback=positive, help="How long they send: 300ms, 5s, 2m.")
@choice_option("--dialect", choices=["json", "text", "classic"], default="json", help="The members' protocol.")
@count_option("--pid", metavar="PID", help="The server's process on this machine, to measure its CPU and memory.")
@json_option()
@server_options()
def bench(
    server: ServerOptions,
    members: int,
    senders: int,
    rate: float | None,
    size: int,
    duration: float,
    dialect: str,
    pid: int | None,
    as_json: bool,
) -> None:
    """Generate load on a server, and verify delivery.

    Verifies that every member receives every message, once and in order; exits with 8 if one is missing, duplicated or
    out of order. Start the server with '--rate off --journal none' to measure the fan-out alone. The messages stay in
    the room, so --room must name one that may be filled.

    Latency is measured from the moment a message was due until a member has read it: for all deliveries with a rate,
    for one member's with 'max'. If the CPU of bench is near 100 %, it was the limit, and not the server.

    With --tls every connection makes its own handshake. Members that use json prove the password; text and classic
    can't. Members are called m0, m1, ... and prove no key: the server refuses them if these names, or similar ones, are
    bound to a key.

    \b
    Examples:
      chatctl serve --rate off --journal none --port 5501
      chatctl bench --port 5501 --room lobby --members 1000
      chatctl bench --port 5501 --room lobby --rate 20 --duration 30s --json
      chatctl bench --port 5501 --room lobby --dialect text
      chatctl bench --tls --server chat.example.com --room load

    \b
    Exit codes:
      0 all delivered   1 the connection broke   2 usage
      3 no server there, or not all could join
      5 another bench runs in this room, or password refused
      6 the server is full, no such room, or --size is over its limit
      7 not a chatctl server, or not trusted
      8 a message is missing, duplicated or out of order
      130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_CONFIG
    """
    from chatctl.bench import report
    from chatctl.bench.load import Load
    from chatctl.bench.workload import Workload

    if not server.room_was_named:
        raise click.UsageError(
            "the messages of bench stay in the room: name one that may be filled with --room (on a server of its own: "
            "chatctl serve --rate off --journal none --port 5599)"
        )
    within = max(60.0, (members + senders) * CONNECT_SECONDS)
    workload = Workload(
        server.address(), server.room, members, senders, duration, rate, size, dialect, join_seconds=within
    )
    load = Load(workload)
    try:
        outcome, usage = _run(load, workload, pid)
    finally:
        load.close()
    found = report.figures(workload, outcome, usage)
    shown = [report.as_json(found)] if as_json else [*report.as_table(found), *report.histogram(outcome.latencies)]
    emit_lines(shown, as_json=as_json)
    if warning := report.saturation_warning(found):
        warn(warning)
    if faults := outcome.faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ConditionNotMet(f"delivery failed: {faults[0]}{more}")


def _run(load: Load, workload: Workload, pid: int | None) -> tuple[Outcome, Usage | None]:
    """Connect, run the load, and measure what the process ``pid`` used meanwhile; progress is shown on a terminal."""
    from chatctl.bench.metrics import Usage, usage_of

    if pid is not None:
        _require_process(pid)
    hidden = not sys.stderr.isatty()
    with click.progressbar(
        length=workload.members + workload.senders, label="joining", file=sys.stderr, hidden=hidden
    ) as bar:
        load.join(lambda: bar.update(1))
    before = usage_of(pid) if pid is not None else None
    with click.progressbar(length=int(workload.seconds * 10), label="talking", file=sys.stderr, hidden=hidden) as bar:
        outcome = load.run(lambda elapsed: bar.update(max(0, min(int(elapsed * 10), bar.length or 0) - bar.pos)))
    if pid is None or before is None:
        return outcome, None
    after = usage_of(pid)
    return outcome, Usage(after.cpu - before.cpu, after.resident)


def _require_process(pid: int) -> None:
    """Raise UsageError if there is no such process, before a long run rather than after it."""
    from chatctl.bench.metrics import usage_of

    try:
        usage_of(pid)
    except ChatError as error:
        raise click.UsageError(error.text) from None

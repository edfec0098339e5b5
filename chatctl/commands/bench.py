"""``chatctl bench``: how much a server can take."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from chatctl.commands.options import DURATION, json_option, server_options

if TYPE_CHECKING:
    from chatctl.bench.load import Load, Outcome, Plan


class MessageRate(click.ParamType[float | None]):
    """Messages a second, or ``max``."""

    name = "rate"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """Give messages a second, None for as many as can be."""
        if value is None or value == "max":
            return None
        try:
            rate = float(str(value))
        except ValueError:
            rate = 0.0
        if not 0 < rate < 1e7:
            self.fail(f"{value!r} is no rate: write 20 or max", param, ctx)
        return rate


@click.command()
@server_options()
@click.option(
    "--members", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="Members that read."
)
@click.option(
    "--senders", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Connections that talk."
)
@click.option(
    "--rate",
    type=MessageRate(),
    default="max",
    show_default=True,
    metavar="N|max",
    help="Messages a second, all senders together.",
)
@click.option("--size", type=click.IntRange(20), default=64, show_default=True, metavar="N", help="Bytes in a message.")
@click.option(
    "--duration",
    type=DURATION,
    default="5s",
    show_default=True,
    metavar="DURATION",
    help="For how long they talk: 300ms, 5s, 2m.",
)
@click.option(
    "--dialect", type=click.Choice(["json", "text"]), default="json", show_default=True, help="What members speak."
)
@click.option(
    "--pid",
    type=click.IntRange(1),
    metavar="PID",
    help="The server's process, when it is on this machine: for CPU and memory.",
)
@json_option()
def bench(
    host: str,
    port: int,
    unix: str | None,
    room: str,
    members: int,
    senders: int,
    rate: float | None,
    size: int,
    duration: float,
    dialect: str,
    pid: int | None,
    as_json: bool,
) -> None:
    """Load a server, and check what arrives.

    Every member has to get every message, once and in order. Start the server with '--rate off --journal none' to
    measure the fan-out alone. It fails with 1 when anything is missing: a benchmark that is also a check.

    \b
    Examples:
      chatctl serve --rate off --journal none --port 5501
      chatctl bench --port 5501 --members 1000
      chatctl bench --port 5501 --members 1000 --rate 20 --duration 30s --json

    \b
    Exit codes:
      0 all arrived   1 something is missing, or the connection broke
      2 usage   3 nobody there   5 another bench runs in this room
      6 the server is full, no such room, or --size is over its limit
      7 not a chatctl server   130 interrupted   143 terminated

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_CONFIG
    """
    from chatctl.bench import report
    from chatctl.bench.load import Load, Plan
    from chatctl.commands.options import address_of, no_tls_with
    from chatctl.commands.output import emit
    from chatctl.errors import ChatError

    address = address_of(host, port, unix)
    no_tls_with("bench", address)
    plan = Plan(address, room, members, senders, duration, rate, size, dialect)
    load = Load(plan)
    try:
        outcome, server = _run(load, plan, pid)
    finally:
        load.close()
    found = report.figures(plan, outcome, server)
    for line in [report.as_json(found)] if as_json else [*report.as_table(found), *report.histogram(outcome.latencies)]:
        emit(line)
    if outcome.faults:
        raise ChatError(f"{len(outcome.faults)} faults, the first: {outcome.faults[0]}")


def _run(load: Load, plan: Plan, pid: int | None) -> tuple[Outcome, tuple[float, int] | None]:
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=plan.members, label="joining", file=sys.stderr, hidden=hidden) as bar:
        load.enter(lambda _: bar.update(1))
    before = _usage(pid)
    done = 0
    with click.progressbar(length=int(plan.seconds * 10), label="talking", file=sys.stderr, hidden=hidden) as bar:

        def tick(elapsed: float) -> None:
            nonlocal done
            step = min(int(elapsed * 10), bar.length or 0) - done
            if step > 0:
                bar.update(step)
                done += step

        outcome = load.run(tick)
    after = _usage(pid)
    return outcome, (after[0] - before[0], after[1]) if before is not None and after is not None else None


def _usage(pid: int | None) -> tuple[float, int] | None:
    """Give a process's CPU seconds and resident bytes, where the system tells (Linux)."""
    import os
    from pathlib import Path

    if pid is None:
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        raise click.UsageError(f"there is no process {pid} to be seen here") from None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")

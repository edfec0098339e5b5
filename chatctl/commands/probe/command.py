"""``chatctl probe``: is the room well? For monitoring systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import click

from chatctl.cli.options import DURATION, FilePath, all_of, server_options, timeout_option
from chatctl.commands.probe.output import Out
from chatctl.commands.probe.verdict import (
    CRITICAL,
    NAMES,
    NOTHING_RAN,
    RANGE,
    UNKNOWN,
    Limits,
    Range,
    Rules,
    Verdict,
    at_least,
    at_most,
    judge,
    on_average,
)

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.health import Health

F = TypeVar("F", bound=Callable[..., object])

WAIT_PAUSE_SECONDS = 0.1
"""How long ``--wait`` waits between two looks."""


class ProbeCommand(click.Command):
    """A command whose usage errors are UNKNOWN, as the monitoring plugins want it."""

    usage_exit_code = UNKNOWN


def limit_options() -> Callable[[F], F]:
    """``--connect-warn`` and its kin: the thresholds."""
    options = []
    for name, about in (
        ("connect", "until the connection stands"),
        ("rtt", "of a ping and its answer"),
        ("echo", "of a message through the journal and back"),
        ("silence", "since the last message; none at all is over every limit"),
    ):
        options += _pair(name, DURATION, "DURATION", f"Time {about}: longer is a")
    options += _pair("users", RANGE, "RANGE", "Members in the room: outside of it is a")
    options += _pair("cert", click.FloatRange(0), "DAYS", "Days that the server's certificate has left: fewer are a")
    return all_of(*options)


def _pair(name: str, kind: click.ParamType[object], metavar: str, about: str) -> list[Callable[[F], F]]:
    return [
        click.option(f"--{name}-warn", type=kind, metavar=metavar, help=f"{about} WARNING."),
        click.option(f"--{name}-critical", type=kind, metavar=metavar, help=f"{about} CRITICAL."),
    ]


@click.command(cls=ProbeCommand)
@server_options()
@timeout_option(text="Give a check up after this long: 300ms, 5s, 2m.")
@limit_options()
@click.option(
    "--expect-version",
    metavar="VERSION",
    help="The protocol's version (a number), or what the server calls itself; else CRITICAL.",
)
@click.option(
    "--on-unreachable",
    type=click.Choice([name.lower() for name in NAMES]),
    default="critical",
    show_default=True,
    help="The state if nobody answers, or not in time.",
)
@click.option(
    "--wait", type=DURATION, metavar="DURATION", help="Wait so long for the server to be ready, before the first check."
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many checks; their averages are judged.",
)
@click.option(
    "--interval",
    type=DURATION,
    default="1s",
    show_default=True,
    metavar="DURATION",
    help="From the start of one check to the next.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["nagios", "json", "prometheus", "text"]),
    default="nagios",
    show_default=True,
    help="What to print.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--outfile",
    type=FilePath(),
    metavar="PATH",
    help="Write it into this file, which is replaced as a whole, and print nothing.",
)
def probe(
    host: str,
    port: int,
    unix: str | None,
    room: str,
    timeout: float,
    expect_version: str | None,
    on_unreachable: str,
    wait: float | None,
    count: int,
    interval: float,
    form: str,
    as_json: bool,
    outfile: Path | None,
    **limits: float | Range | None,
) -> None:
    """Check that a room works, and leave no trace in it.

    It connects, pings, and sends a message the whole way that nobody sees and no history keeps. Times are printed
    in seconds; a RANGE is one of the monitoring plugins: 10 (0 to 10), 10: (at least 10), ~:10 (at most 10), 10:20,
    @10:20 (not 10 to 20).

    \b
    Examples:
      chatctl probe --timeout 2s --echo-warn 200ms --echo-critical 1s
      chatctl probe --tls --cert-warn 20 --cert-critical 5
      chatctl probe --wait 30s && chatctl send "the room is up"
      chatctl probe --format prometheus --outfile /srv/textfile/chatctl.prom
      chatctl probe --format text --count 5

    \b
    Exit codes:
      0 OK   1 WARNING   2 CRITICAL (not reachable, refused, too slow)
      3 UNKNOWN (wrong usage, no check ran, or a fault of our own)

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   where known servers are kept
    """
    from chatctl.cli.options import address_of

    address = address_of(host, port, unix)
    if not address.tls and (limits["cert_warn"] is not None or limits["cert_critical"] is not None):
        raise click.UsageError("--cert-warn and --cert-critical need TLS: --tls, --pin or --ca")
    rules = Rules(_limits(limits), expect_version, [name.lower() for name in NAMES].index(on_unreachable))
    prober = Prober(address, room, timeout, rules)
    out = Out("json" if as_json else form, outfile, address, room)
    raise SystemExit(_run(prober, out, wait, count, interval))


def _limits(chosen: dict[str, float | Range | None]) -> dict[str, Limits]:
    def range_of(name: str) -> Range | None:
        limit = chosen[name]
        if limit is None or isinstance(limit, Range):
            return limit
        return at_least(limit) if name.startswith("cert_") else at_most(limit)

    names = {name.rpartition("_")[0] for name in chosen}
    return {name: Limits(range_of(f"{name}_warn"), range_of(f"{name}_critical")) for name in names}


class Prober:
    """Runs checks of one room. ``verdict`` is UNKNOWN until one ran."""

    def __init__(self, address: Address, room: str, timeout: float, rules: Rules) -> None:
        """Check nothing yet."""
        self.verdicts: list[Verdict] = []
        self.healths: list[Health] = []
        self._address = address
        self._room = room
        self._timeout = timeout
        self._rules = rules

    @property
    def verdict(self) -> Verdict:
        """Give the verdict on all checks together."""
        if len(self.verdicts) <= 1:
            return self.verdicts[0] if self.verdicts else NOTHING_RAN
        return on_average(self.verdicts, self.healths, self._room, self._rules)

    def check(self, deadline: Deadline) -> Verdict:
        """Check once, not longer than ``deadline``."""
        verdict, health, _ = self._once(deadline)
        return self._keep(verdict, health)

    def check_when_ready(self, deadline: Deadline) -> Verdict:
        """Check again and again until the server is ready, or the deadline passed; the last check counts."""
        import time

        while True:
            verdict, health, may_pass = self._once(deadline)
            if not may_pass or (deadline.at is not None and time.monotonic() + WAIT_PAUSE_SECONDS >= deadline.at):
                return self._keep(verdict, health)
            time.sleep(WAIT_PAUSE_SECONDS)

    def _keep(self, verdict: Verdict, health: Health | None) -> Verdict:
        self.verdicts.append(verdict)
        self.healths += [health] if health is not None else []
        return verdict

    def _once(self, deadline: Deadline) -> tuple[Verdict, Health | None, bool]:
        """Give also whether what is wrong may pass by itself."""
        from chatctl.client.core.deadline import DeadlinePassed
        from chatctl.client.health import check
        from chatctl.errors import ChatError, Unreachable

        try:
            health = check(self._address, self._room, deadline.sooner(self._timeout))
            return judge(health, self._room, self._rules), health, False
        except (Unreachable, DeadlinePassed) as error:
            return Verdict(self._rules.on_unreachable, error.text), None, True
        except ChatError as error:
            return Verdict(CRITICAL, error.text), None, error.retry_after is not None
        except Exception as error:  # noqa: BLE001 — a monitor must not take our own fault for a dead room
            return Verdict(UNKNOWN, f"{type(error).__name__}: {error}"), None, False


def _run(prober: Prober, out: Out, wait: float | None, count: int, interval: float) -> int:
    """Check, print, and give the exit code: what can't be told is UNKNOWN, never OK."""
    from chatctl.cli.output import note
    from chatctl.errors import ChatError

    try:
        try:
            for number, verdict in enumerate(_checks(prober, wait, count, interval), 1):
                out.one(verdict, number if count > 1 else 0)
        finally:
            out.end(prober, count)
    except ChatError as error:
        note(f"chatctl: {error.text}")
        return UNKNOWN
    return prober.verdict.state


def _checks(prober: Prober, wait: float | None, count: int, interval: float) -> Iterator[Verdict]:
    import time

    from chatctl.client.io.clock import deadline_in

    due = time.monotonic()
    for number in range(count):
        if number:
            due = max(due + interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        if number or wait is None:
            yield prober.check(deadline_in(None))
        else:
            yield prober.check_when_ready(deadline_in(wait))

"""``chatctl probe``: check a room, for monitoring systems."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from chatctl.cli.completers import completer
from chatctl.cli.help_pages import Command
from chatctl.cli.options import (
    ServerOptions,
    all_of,
    choice_option,
    count_option,
    duration_option,
    file_option,
    json_option,
    server_options,
    timeout_option,
)
from chatctl.cli.output import fault, warn
from chatctl.cli.param_types import DURATION, FOLDED_NICK, WEB_URL, Number, Parsed
from chatctl.commands.probe.ranges import Range, at_least, at_most, parse_range
from chatctl.commands.probe.results import NAMES, UNKNOWN, CheckResult, Criteria, Thresholds
from chatctl.errors import ChatError

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.commands.probe.prober import Prober
    from chatctl.commands.probe.result_writer import ResultWriter


class ProbeCommand(Command):
    """A command that ends with UNKNOWN where it checks nothing: on a usage error, and on --help. 0 would be OK.

    So it does where that can't be printed, or something else goes wrong that is not the room's fault: 1 is WARNING.
    """

    usage_exit_code = UNKNOWN

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` into ``ctx``. Raises UsageError, and Exit on --help."""
        try:
            return super().parse_args(ctx, args)
        except click.exceptions.Exit:
            raise click.exceptions.Exit(UNKNOWN) from None
        except OSError as error:
            raise _unknown(fault(error)) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run it. Raises SystemExit with the state, and UsageError."""
        try:
            return super().invoke(ctx)
        except ChatError as error:
            raise _unknown(error.text) from None
        except OSError as error:
            raise _unknown(fault(error)) from None


def _unknown(why: str) -> click.exceptions.Exit:
    warn(why)
    return click.exceptions.Exit(UNKNOWN)


def _pair(
    name: str, about: str, kind: click.ParamType[Any] = DURATION, metavar: str = "DURATION", limit: Any = at_most
) -> Any:
    """Return the options for the two limits of a metric; ``limit`` makes a Range of a value."""

    def to_range(_ctx: click.Context, _param: click.Parameter, value: Any) -> Range | None:
        return None if value is None else limit(value)

    return all_of(
        click.option(f"--{name}-warn", type=kind, metavar=metavar, callback=to_range, help=f"{about} WARNING."),
        click.option(f"--{name}-critical", type=kind, metavar=metavar, callback=to_range, help=f"{about} CRITICAL."),
    )


threshold_options = all_of(
    _pair("connect", "Time to connect: longer is a"),
    _pair("rtt", "Time of a ping and its answer: longer is a"),
    _pair("echo", "Time of a message through the journal and back: longer is a"),
    _pair("silence", "Time since the last message; none at all is over every limit: longer is a"),
    _pair("users", "Members in the room: outside of it is a", Parsed(parse_range), "RANGE", lambda found: found),
    _pair("cert", "Days that the server's certificate has left: fewer are a", Number(0), "DAYS", at_least),
)


@click.command(cls=ProbeCommand)
@click.option(
    "--web",
    type=WEB_URL,
    metavar="URL",
    help="Check the port for browsers instead, through any proxy in front of it: https://chat.example.org/.",
)
@timeout_option(text="Give up a check after this long: 300ms, 5s, 2m.")
@threshold_options
@click.option(
    "--silence-nick",
    type=FOLDED_NICK,
    metavar="NICK",
    shell_complete=completer("nicks"),
    help="Measure the silence of this member alone: time since its last message, among the last 25,000 of the room.",
)
@click.option(
    "--expect-version",
    metavar="VERSION",
    help="Require this version of the protocol (a number), or this name of the server; else CRITICAL.",
)
@choice_option(
    "--on-unreachable",
    choices=[name.lower() for name in NAMES],
    default="critical",
    help="The state if the server does not answer, or not in time.",
)
@duration_option("--wait", help="Wait up to this long for the server to be ready before the first check.")
@count_option("--count", default=1, help="Make this many checks, and compare their averages with the limits.")
@duration_option("--interval", default="1s", help="Time from the start of one check to the next.")
@choice_option(
    "--format", "format_name", choices=["nagios", "json", "prometheus", "text"], default="nagios", help="Output format."
)
@json_option("The same as --format json.")
@file_option("--outfile", help="Write to this file, replaced atomically, and print nothing; - is stdout.")
@server_options()
def probe(
    server: ServerOptions,
    web: Address | None,
    timeout: float,
    silence_nick: str | None,
    expect_version: str | None,
    on_unreachable: str,
    wait: float | None,
    count: int,
    interval: float,
    format_name: str,
    as_json: bool,
    outfile: Path | None,
    **thresholds: Range | None,
) -> None:
    """Check that a room works, without leaving a trace in it.

    Connects, pings, and sends a message that is committed to the journal but neither shown nor kept. Times are printed
    in seconds; a DURATION without a unit is seconds, too: 200ms, not 200. A RANGE is one of the monitoring plugins: 10
    (0 to 10), 10: (at least 10), ~:10 (at most 10), 10:20, @10:20 (not 10 to 20).

    \b
    Examples:
      chatctl probe --timeout 2s --echo-warn 200ms --echo-critical 1s
      chatctl probe --silence-nick backup --silence-critical 26h
      chatctl probe --tls --cert-warn 20 --cert-critical 5
      chatctl probe --wait 30s && chatctl send "the room is up"
      chatctl probe --format prometheus --outfile chatctl.prom
      chatctl probe --format text --count 5
      chatctl probe --web "https://chat.example.org/" --cert-warn 20

    \b
    Exit codes:
      0 OK   1 WARNING   2 CRITICAL (not reachable, refused, too slow)
      3 UNKNOWN (wrong usage, --help, no check ran, internal error)

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the known servers
    """
    from chatctl.commands.probe.prober import Prober
    from chatctl.commands.probe.result_writer import ResultWriter

    address = server.address() if web is None else server.web_address(web)
    if not address.tls and (thresholds["cert_warn"] is not None or thresholds["cert_critical"] is not None):
        raise click.UsageError("--cert-warn and --cert-critical need TLS: --tls, --pin, --ca or --web https://...")
    metrics = {name.rpartition("_")[0] for name in thresholds}
    limits = {name: Thresholds(thresholds[f"{name}_warn"], thresholds[f"{name}_critical"]) for name in metrics}
    criteria = Criteria(limits, expect_version, NAMES.index(on_unreachable.upper()), silence_nick)
    prober = Prober(address, server.room, timeout, criteria)
    writer = ResultWriter("json" if as_json else format_name, outfile, address, server.room, silence_nick)
    raise SystemExit(_run(prober, writer, wait, count, interval))


def _run(prober: Prober, writer: ResultWriter, wait: float | None, count: int, interval: float) -> int:
    """Check, write the results, and return the exit code: UNKNOWN, never OK, if they can't be written."""
    try:
        try:
            for number, result in enumerate(_checks(prober, wait, count, interval), 1):
                writer.write_check(result, number if count > 1 else 0)
        finally:
            writer.write_end(prober, count)
    except ChatError as error:
        warn(error.text)
        return UNKNOWN
    return prober.result.state


def _checks(prober: Prober, wait: float | None, count: int, interval: float) -> Iterator[CheckResult]:
    due = time.monotonic()
    for number in range(count):
        if number:
            due = max(due + interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
        yield prober.check(None if number else wait)

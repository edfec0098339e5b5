"""``chatctl tail``: print what is said."""

from __future__ import annotations

import click

from chatctl.commands.options import json_option, server_options, timeout_option


@click.command()
@server_options()
@click.option("-n", "number", type=click.IntRange(0), default=10, show_default=True, help="Messages of the past first.")
@click.option(
    "--follow/--no-follow", "-f", default=True, help="Go on with what is said from now on.  [default: follow]"
)
@click.option("--count", type=click.IntRange(1), help="End after so many messages.")
@timeout_option(None, "End after this long, with 8 if --count is not reached.  [default: never]")
@json_option()
def tail(
    host: str,
    port: int,
    unix: str | None,
    room: str,
    number: int,
    follow: bool,
    count: int | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Print what was said and what is said, a line each, without joining.

    \b
    Examples:
      chatctl tail -n 50 --no-follow
      chatctl tail --json | jq -r .text
      chatctl tail -n 0 --count 1 --timeout 10m    # wait for somebody to speak

    \b
    Exit codes:
      0 done   2 usage   3 nobody there   6 no such room   7 not a chatctl server
      8 the deadline passed
    """
    from chatctl.client.blocking import Connection, Deadline
    from chatctl.client.follow import entries
    from chatctl.commands.options import address_of
    from chatctl.commands.output import emit, emit_json, message_lines, note
    from chatctl.protocol import VERSION, Gap, Hello

    deadline = Deadline.after(timeout)
    hello = Hello(v=VERSION, room=room, mode="watch", history=number)
    with Connection(
        address_of(host, port, unix), hello, deadline.sooner(5.0) if timeout is None else deadline
    ) as connection:
        printed = 0
        for entry in entries(connection, number, deadline, follow=follow):
            if isinstance(entry, Gap):
                note(f"({entry.to - entry.from_ + 1} messages can't be shown: {entry.why})")
                continue
            if as_json:
                emit_json(entry)
            else:
                for line in message_lines(entry):
                    emit(line)
            printed += 1
            if printed == count:
                return

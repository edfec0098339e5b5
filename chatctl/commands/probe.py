"""``chatctl probe``: is the room well? For monitoring systems."""

from __future__ import annotations

import click

from chatctl.commands.options import json_option, server_options, timeout_option

OK, WARNING, CRITICAL, UNKNOWN = range(4)
"""The states of the monitoring plugins, and this command's exit codes."""


class ProbeCommand(click.Command):
    """A command whose usage errors are UNKNOWN, as the monitoring plugins want it."""

    usage_exit_code = UNKNOWN


@click.command(cls=ProbeCommand)
@server_options()
@timeout_option()
@json_option()
def probe(host: str, port: int, unix: str | None, room: str, timeout: float, as_json: bool) -> None:
    """Check that the room works: connect, ping, and send a message the whole way that nobody sees.

    Prints one line with performance data and exits as monitoring plugins do.

    \b
    Examples:
      chatctl probe --host chat.example.org --timeout 2s

    \b
    Exit codes:
      0 OK   1 WARNING   2 CRITICAL (not reachable, refused, too slow)
      3 UNKNOWN (wrong usage, or a fault of our own)
    """
    from chatctl.commands.options import address_of
    from chatctl.commands.output import emit
    from chatctl.text import clean

    state, line, figures = _check(address_of(host, port, unix), room, timeout)
    if as_json:
        import json

        emit(json.dumps({"state": _NAMES[state], "text": clean(line)} | figures))
    else:
        perfdata = " ".join(f"{key}={_number(value)}" for key, value in figures.items())
        emit(f"{_NAMES[state]} chatctl: {clean(line)}" + (f" | {perfdata}" if perfdata else ""))
    raise SystemExit(state)


_NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def _check(address: object, room: str, timeout: float) -> tuple[int, str, dict[str, float]]:
    from chatctl.client.address import Address
    from chatctl.client.ask import health
    from chatctl.client.blocking import Connection, Deadline
    from chatctl.errors import ChatError
    from chatctl.protocol import VERSION, Hello

    assert isinstance(address, Address)
    deadline = Deadline.after(timeout)
    try:
        with Connection(address, Hello(v=VERSION, room=room, mode="probe"), deadline) as connection:
            measured = health(connection, deadline)
            users = connection.welcome.count
    except ChatError as error:
        return CRITICAL, error.text, {}
    except Exception as error:  # noqa: BLE001 — a monitor must not take our own fault for a dead room
        return UNKNOWN, f"{type(error).__name__}: {error}", {}
    text = f"echo {measured.echo * 1000:.1f} ms, {users} {'member' if users == 1 else 'members'} in {room}"
    figures = {"connect": measured.connect, "rtt": measured.rtt, "echo": measured.echo, "users": users}
    return OK, text, {key: round(value, 6) for key, value in figures.items()}


def _number(value: float) -> str:
    """Give performance data with its unit and without an exponent."""
    return str(value) if isinstance(value, int) else f"{value:.6f}s"

"""Moving messages from a follower to a sink, and saving the cursor behind them."""

from __future__ import annotations

import click

from chatctl.cli.output import note
from chatctl.client.core.address import Address
from chatctl.client.core.deadline import Deadline
from chatctl.client.core.follower import Follower
from chatctl.client.core.message_filter import MessageFilter
from chatctl.client.core.transport import OpenConnection
from chatctl.client.cursor_file import CursorFile
from chatctl.client.io.blocking_transport import ask, drive
from chatctl.client.requests import Since, seek
from chatctl.commands.tail.sinks import Sink
from chatctl.errors import ChatError
from chatctl.protocol import Gap, Resume

FAR_BEYOND = 1_000_000
"""Messages behind the last one that a script may wait for. What is further off is a number of Unix seconds."""


def find_start(address: Address, room: str, since: Since, deadline: Deadline) -> Resume:
    """Return the place in the log right before ``since``.

    Raises:
        UsageError: it is a message's number, and far beyond the last one.
        ChatError: as ``seek``.
    """

    async def find(connection: OpenConnection, until: Deadline) -> Resume:
        last = connection.welcome.last
        if since.seq is not None and since.seq > last + FAR_BEYOND:
            raise click.UsageError(
                f"the last message has the number {last}, {since.seq} is far beyond it: write @{since.seq} for a time"
            )
        return await seek(connection, since, until)

    return ask(address, room, "probe", find, deadline)


def pump(
    follower: Follower,
    sink: Sink,
    wanted: MessageFilter,
    kept: CursorFile | None,
    deadline: Deadline,
    *,
    least: int,
    follow: bool,
    count: int | None,
) -> None:
    """Move messages to the sink. The cursor is saved only after the sink took the message before it.

    Args:
        follower: opened already.
        sink: takes the messages.
        wanted: leaves the others out.
        kept: where to save the cursor.
        deadline: when to give up.
        least: the lowest number of a message that is moved.
        follow: wait for messages that are still to come.
        count: end after so many messages.

    Raises:
        ChatError: as ``Follower.next`` and the sink raise it; or the saved cursor is of a log that is gone.
    """

    def save() -> None:
        if kept is not None and follower.cursor.resume is not None:
            kept.save(follower.cursor.resume)

    taken = 0
    save()
    while (entry := drive(follower.next(deadline, follow=follow))) is not None:
        if isinstance(entry, Gap):
            save()
            report(entry, skipped=follower.cursor.skipped, kept=kept is not None)
            continue
        if entry.seq >= least and wanted(entry):
            sink(entry)
            follower.restart_idle()
            taken += 1
        save()
        if taken == count:
            return


def report(gap: Gap, *, skipped: bool, kept: bool) -> None:
    """Note which messages can't be shown.

    Args:
        gap: what the server announced.
        skipped: the log is another one, and what it holds up to now is not shown.
        kept: the cursor is kept in a file: who relies on it has to learn of this by the exit code.

    Raises:
        ChatError: ``skipped`` and ``kept``.
    """
    if skipped and kept:
        raise ChatError(
            "the log is not the one that was read before, and what it holds was not printed: --since 1 without the "
            "cursor file prints it, another run goes on at its end"
        )
    note(f"{_ANOTHER_LOG}: going on at its end)" if skipped else gap_line(gap))


_ANOTHER_LOG = "(the log is not the one that was read before"


def gap_line(gap: Gap) -> str:
    """Return the note for messages that can't be shown."""
    if gap.why == "lost" and gap.to < gap.from_:  # nothing was said in the new log yet
        return f"{_ANOTHER_LOG}: going on with {gap.from_})"
    if gap.why == "lost":
        return f"(the log went back: messages {gap.from_} to {gap.to} are others now, going on with {gap.from_})"
    return f"({gap.to - gap.from_ + 1} messages can't be shown, {gap.from_} to {gap.to}: {gap.why})"

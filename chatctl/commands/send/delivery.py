"""What ``send`` does: from what was chosen to what was said, printed and awaited."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message
from chatctl.client.core.sender import Sender, check_length
from chatctl.client.io.blocking_transport import BlockingTransport, drive, each
from chatctl.client.io.clock import deadline_in
from chatctl.commands.send import message_source
from chatctl.errors import OutcomeUnknown
from chatctl.protocol import Ack, Msg

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from chatctl.client.core.reply import ReplyWait

BAR_FROM = 30
"""Lines of a file from which on a progress bar is worth its place: a server takes so many at once."""


class Plan(Struct, frozen=True):  # a NamedTuple would cost each ``send`` half a millisecond
    """What the options say."""

    text: str | None
    path: Path | None
    lines: bool
    address: Address
    nick: str
    room: str
    to: str | None
    me: bool
    key: str
    print_id: bool
    timeout: float
    retry_for: float | None
    wait_reply: re.Pattern[str] | None
    nicks: tuple[str, ...]
    as_json: bool


def deliver(plan: Plan, *, classic: bool) -> None:
    """Say it. Raises ChatError, and UsageError for what can't be a message."""
    if classic:
        _say_classic(plan)
        return
    make = message_source.compose(plan.to, action=plan.me)
    if plan.lines:
        _say(plan, lambda sender: message_source.read_lines(sender, plan.key, make), many=True)
    elif plan.path is not None:
        _say_file(plan, message_source.read_file(plan.path, plan.key, make))
    else:
        message = make(message_source.read_one(plan.text), plan.key, "")
        _say(plan, lambda _: [message], many=False)


# --- to a server of today


def _say_file(plan: Plan, messages: list[Message]) -> None:
    def checked(sender: Sender) -> list[Message]:
        limits = drive(sender.open()).limits
        for message in messages:
            check_length(message, limits, "nothing was sent")
        return messages

    with _progress(len(messages)) as step:
        _say(plan, checked, many=True, step=step)


@contextlib.contextmanager
def _progress(length: int) -> Iterator[Callable[[], object]]:
    """Give what to call for each message said; a bar shows it on a terminal, where there are many."""
    if length < BAR_FROM or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    import click

    with click.progressbar(length=length, label="sending", file=sys.stderr, show_pos=True) as bar:
        yield lambda: bar.update(1)


def _say(
    plan: Plan,
    messages: Callable[[Sender], Iterable[Message | None]],
    *,
    many: bool,
    step: Callable[[], object] = lambda: None,
) -> None:
    from chatctl.client.identity import post_hello, token_for

    kept = token_for(plan.address)
    hello = post_hello(plan.address, plan.room, plan.nick, kept)
    sender = Sender(BlockingTransport(), plan.address, hello, timeout=plan.timeout, retry_for=plan.retry_for, many=many)
    out = Printer(as_json=plan.as_json)
    if plan.print_id:
        out.key(plan.key)
    wait = _reply_wait(plan)
    last: Ack | None = None
    with contextlib.closing(wait) if wait is not None else contextlib.nullcontext():
        try:
            drive(sender.open())
            if wait is not None:
                drive(sender.attempt(wait.subscribe))
            for last in each(sender.say(messages(sender))):
                step()
                out.ack(last)
        except OutcomeUnknown as unknown:
            raise OutcomeUnknown(f"{unknown.text}; {_advice(plan, kept)}") from None
        finally:
            sender.close()
        if wait is not None and last is not None:
            deadline = sender.deadline if plan.retry_for is None else deadline_in(plan.timeout)
            out.reply(drive(wait.reply(last.seq, deadline)))


def _advice(plan: Plan, kept: str | None) -> str:
    if plan.to is not None:
        return "a whisper is not kept, so sending it again may say it twice"
    if kept is None:
        return "the state directory can't be written, so sending it again may say it twice"
    return f"to have it said once, repeat the command with --id {_quoted(plan.key)} --retry-for 60s"


def _quoted(key: str) -> str:
    import shlex

    return shlex.quote(key)


def _reply_wait(plan: Plan) -> ReplyWait | None:
    if plan.wait_reply is None:
        return None
    from chatctl.client.core.cursor import Cursor
    from chatctl.client.core.follower import Follower
    from chatctl.client.core.message_filter import MessageFilter
    from chatctl.client.core.reply import ReplyWait

    follower = Follower(BlockingTransport(), plan.address, plan.room, Cursor())
    return ReplyWait(follower, MessageFilter(plan.nicks, plan.wait_reply))


class Printer:
    """Prints what ``send`` was asked to. That nobody reads it any more must not keep the rest from being said."""

    def __init__(self, *, as_json: bool) -> None:
        """Print JSON, or lines."""
        self._as_json = as_json
        self._mute = False

    def key(self, key: str) -> None:
        """Print the id."""
        from chatctl.common.text import clean, escape_json

        if self._as_json:
            from msgspec.json import encode

            self._put(escape_json(encode({"id": key}).decode()).encode())
        else:
            self._put(clean(key).encode())

    def ack(self, ack: Ack) -> None:
        """Print an acknowledgement, if it is wanted."""
        if self._as_json:
            self._frame(ack)

    def reply(self, entry: Msg) -> None:
        """Print the reply."""
        from chatctl.cli.output import message_lines

        if self._as_json:
            self._frame(entry)
        else:
            self._put("\n".join(message_lines(entry)).encode())

    def _frame(self, frame: Struct) -> None:
        from chatctl.cli.output import json_line

        self._put(json_line(frame))

    def _put(self, line: bytes) -> None:
        from chatctl.cli.output import deliver as put

        if not self._mute:
            self._mute = not put(line + b"\n")


# --- to a server of the very first version


def _say_classic(plan: Plan) -> None:
    from chatctl.client.io.blocking_classic import say_classic

    say_classic(
        plan.address, plan.nick, message_source.read_texts(plan.text, plan.path, lines=plan.lines), plan.timeout
    )

"""Sending the messages of ``send``, printing its acknowledgements, and waiting for a reply."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from chatctl.cli.output import json_line, message_lines, note, write_stdout
from chatctl.client.core.address import Address
from chatctl.client.core.outbox import Message
from chatctl.client.core.sender import Fit, Sender, check_length
from chatctl.client.identity import post_hello, token_for
from chatctl.client.io.blocking_transport import BlockingTransport, drive, each
from chatctl.client.io.clock import deadline_in
from chatctl.commands.send import message_source
from chatctl.commands.send.message_source import Compose, Overflow, TextRules
from chatctl.common.text import clean
from chatctl.errors import ChatError, OutcomeUnknown, Refused, Rejected, TooLong
from chatctl.protocol import Ack, Error, Limits, Msg, Welcome

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.follower import Follower

BAR_FROM = 30
"""Lines of a file from which on a progress bar is shown: fewer go through at once, the burst of a server's rate."""


class SendOptions(Struct, frozen=True):  # a NamedTuple would cost each ``send`` half a millisecond
    """The options of the command but for those of the server and the nickname, by parameter."""

    text: str | None
    lines: bool
    path: Path | None
    me: bool
    to: str | None
    key: str | None
    print_id: bool
    retry_for: float | None
    wait_reply: re.Pattern[str] | None
    nicks: tuple[str, ...]
    timeout: float
    reading: float | None
    """Seconds for stdin to end; None: as long as it takes."""
    as_json: bool
    overflow: Overflow
    lossy: bool
    plain: bool

    @property
    def rules(self) -> TextRules:
        """How bytes of the input become text."""
        return TextRules(self.lossy, self.plain)

    @property
    def file(self) -> Path | None:
        """The file to read; None for ``--file -`` too, which is stdin."""
        return self.path if self.path is None or str(self.path) != "-" else None

    @property
    def reads_lines(self) -> bool:
        """Whether each line of stdin is a message."""
        return self.lines or (self.path is not None and self.file is None)

    @property
    def needs_json_dialect(self) -> bool:
        """Whether an option was given that a server of the very first version can't fulfil."""
        given = (self.me, self.to, self.key, self.print_id, self.retry_for, self.wait_reply, self.as_json)
        return any(given) or self.overflow != "error"


def deliver_classic(options: SendOptions, address: Address, nick: str) -> None:
    """Say all messages to a server of the very first version. Raises as ``Delivery.run``."""
    from chatctl.client.io.blocking_classic import say_classic

    deadline = deadline_in(options.reading)
    texts = message_source.read_texts(options.text, options.file, options.rules, deadline, lines=options.reads_lines)
    say_classic(address, nick, texts, options.timeout)


class Delivery:
    """One run of ``send``: says all messages, and waits for the reply if one was asked for."""

    def __init__(self, options: SendOptions, address: Address, room: str, nick: str) -> None:
        """Do nothing yet."""
        self._options = options
        self._address = address
        self._room = room
        self._nick = nick
        self._key = options.key if options.key is not None else os.urandom(8).hex()
        self._token: str | None = None
        """Our token for this server; None where it can't be kept."""

    def run(self) -> None:
        """Do it.

        Raises:
            ChatError: a message was not said, or its outcome is unknown, or no reply came.
            UsageError: the input can't be a message.
        """
        options = self._options
        make = message_source.compose(options.to, action=options.me)
        deadline = deadline_in(options.reading)
        if options.reads_lines:
            self._say_lines(make)
        elif options.file is not None:
            self._say_file(options.file, make)
        else:
            text = message_source.read_one(options.text, options.rules, options.overflow, deadline)
            message = make(text, self._key, "")
            self._say(lambda _: [message], many=options.overflow == "split", fit=self._fit, deadline=deadline)

    def _fit(self, message: Message, limits: Limits, then: str = "nothing was sent") -> Sequence[Message]:
        """Return the messages to send for one. Raises TooLong; ``then`` ends its text."""
        if self._options.overflow == "error":
            check_length(message, limits, then)
            return [message]
        from chatctl.client.core import fitting

        return (
            fitting.split(message, limits) if self._options.overflow == "split" else fitting.truncated(message, limits)
        )

    def _say_file(self, path: Path, make: Compose) -> None:
        lines = message_source.read_file(path, self._options.rules, self._options.reading)
        messages = [make(text, f"{self._key}-{number}", f"line {number} of {path.name}") for number, text in lines]

        def fitted(sender: Sender) -> list[Message]:
            limits = drive(sender.open()).limits
            return [part for message in messages for part in self._fit(message, limits)]

        with _progress(len(messages)) as step:
            self._say(fitted, many=True, step=step)

    def _say_lines(self, make: Compose) -> None:
        """Say each line of stdin. One that can't be said is told of, and the next one is said all the same."""
        from chatctl.commands.send.left_out import LeftOut

        left_out = LeftOut()

        def messages(sender: Sender) -> Iterator[Message | None]:
            for line in message_source.read_lines(sender):
                if line is None:
                    yield None
                    continue
                number, data = line
                where = f"line {number}"
                try:
                    text = message_source.line_text(data, where, self._options.rules, self._options.overflow)
                except (click.UsageError, TooLong) as error:
                    left_out.add(str(error))
                else:
                    if text:
                        yield make(text, f"{self._key}-{number}", where)

        def fit(message: Message, limits: Limits) -> Sequence[Message]:
            try:
                return self._fit(message, limits, "it was not sent")
            except TooLong as error:
                left_out.add(error.text)
                return []

        self._say(messages, many=True, fit=fit)
        left_out.check()

    def _say(
        self,
        messages: Callable[[Sender], Iterable[Message | None]],
        *,
        many: bool,
        step: Callable[[], object] = lambda: None,
        fit: Fit | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        """Say the messages. ``deadline`` is what reading the only one of them has left of the time."""
        options = self._options
        timeout, retry_for = options.timeout, options.retry_for
        if deadline is not None and deadline.at is not None and not many:
            timeout = max(0.001, deadline.at - deadline.now())
        self._token = token_for(self._address)
        hello = post_hello(self._address, self._room, self._nick, self._token)
        sender = Sender(BlockingTransport(), self._address, hello, timeout=timeout, retry_for=retry_for, many=many)
        printer = Printer(as_json=options.as_json)
        if options.print_id:
            printer.key(self._key)
        follower = self._follower()
        last: Ack | None = None
        with contextlib.closing(follower) if follower is not None else contextlib.nullcontext():
            try:
                drive(sender.open())
                if follower is not None:
                    self._note_absent(drive(sender.attempt(follower.open)))
                for last in each(sender.say(messages(sender), fit)):
                    step()
                    printer.ack(last)
            except OutcomeUnknown as unknown:
                raise OutcomeUnknown(f"{unknown.text}; {self._advice()}") from None
            except (Refused, Rejected) as refusal:
                printer.refusal(refusal)
                raise
            finally:
                sender.close()
            if follower is not None and last is not None and options.wait_reply is not None:
                deadline = sender.deadline if retry_for is None else deadline_in(timeout)
                printer.reply(self._reply(options.wait_reply, last, follower, deadline))

    def _advice(self) -> str:
        """Return what to do about an unknown outcome."""
        if self._options.to is not None:
            return "a whisper is not kept, so sending it again may deliver it twice"
        if self._token is None:
            return "the state directory can't be written, so sending it again may deliver it twice"
        import shlex

        return f"to have it stored once only, repeat the command with --id {shlex.quote(self._key)} --retry-for 60s"

    def _follower(self) -> Follower | None:
        """Return what receives the reply; None if none is waited for."""
        if self._options.wait_reply is None:
            return None
        from chatctl.client.core.cursor import Cursor
        from chatctl.client.core.follower import Follower

        return Follower(BlockingTransport(), self._address, self._room, Cursor())

    def _note_absent(self, welcome: Welcome) -> None:
        """Say if those whose reply is waited for are not in the room, where it has few enough members to know."""
        if self._options.nicks and welcome.count <= len(welcome.members):
            from chatctl.client.core.awaited import absent_note

            if line := absent_note(self._options.nicks, welcome.members):
                note(line)

    def _reply(self, wanted: re.Pattern[str], ack: Ack, follower: Follower, deadline: Deadline) -> Msg:
        from chatctl.client.core.message_filter import MessageFilter
        from chatctl.client.core.reply import reply_to
        from chatctl.client.io.bounded_search import BoundedSearch

        accepts = MessageFilter(self._options.nicks, BoundedSearch(wanted, deadline, notice=note))
        return drive(reply_to(ack.seq, follower, accepts, deadline))


@contextlib.contextmanager
def _progress(length: int) -> Iterator[Callable[[], object]]:
    """Yield a function to call for each message said; a terminal shows a bar where there are many."""
    if length < BAR_FROM or sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=length, label="sending", file=sys.stderr, show_pos=True) as bar:
        yield lambda: bar.update(1)


class Printer:
    """Prints the id, acknowledgements and the reply. A closed stdout does not end the sending."""

    def __init__(self, *, as_json: bool) -> None:
        """Print JSON, or text."""
        self._as_json = as_json
        self._closed = False

    def key(self, key: str) -> None:
        """Print the id."""
        self._print(json_line({"id": key}) if self._as_json else clean(key))

    def ack(self, ack: Ack) -> None:
        """Print an acknowledgement, as JSON only."""
        if self._as_json:
            self._print(json_line(ack))

    def refusal(self, error: ChatError) -> None:
        """Print why a message was refused, as JSON only, as the server tells it: its code is more than an exit code."""
        if self._as_json and error.wire_code != ChatError.wire_code:
            self._print(json_line(Error(error.wire_code, error.text, retry_after=error.retry_after)))

    def reply(self, entry: Msg) -> None:
        """Print the reply."""
        self._print(json_line(entry) if self._as_json else "\n".join(message_lines(entry)))

    def _print(self, line: str) -> None:
        if not self._closed:
            self._closed = not write_stdout(line.encode() + b"\n")

"""``chatctl ask``: ask the people in the room, for the person in a deploy script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatctl.cli.message_command import MessageCommand
from chatctl.cli.options import (
    ServerOptions,
    authors_option,
    count_option,
    json_option,
    nick_option,
    own_nick,
    server_options,
    timeout_option,
)
from chatctl.cli.output import emit_given, emit_json, json_text, note
from chatctl.cli.param_types import PIN
from chatctl.common.text import clean
from chatctl.errors import OutcomeUnknown

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.asking import Answer
    from chatctl.client.core.question import Question

MAX_CHOICES = 100
"""The exit code is 10 and the choice's number, and from 126 on codes mean something else to a shell."""

SAY_SECONDS = 5.0


@click.command(cls=MessageCommand)
@click.argument("question")
@click.option(
    "--choice",
    "choices",
    multiple=True,
    default=["yes", "no"],
    metavar="TEXT",
    help="A possible answer. Repeatable.  [default: yes, no]",
)
@authors_option("Accept answers of this member only. Repeatable.")
@click.option(
    "--from-key",
    "keys",
    type=PIN,
    multiple=True,
    metavar="FINGERPRINT",
    help="Accept answers of the owner of this key only: SHA256:..., as /whois shows it. Repeatable.",
)
@count_option(
    "--approvals", most=100, help="Require this many people to choose the first answer; any other answer ends it."
)
@timeout_option("10m", "Wait this long for an answer.")
@json_option()
@server_options()
@nick_option()
def ask(
    server: ServerOptions,
    question: str,
    nick: str | None,
    choices: tuple[str, ...],
    nicks: tuple[str, ...],
    keys: tuple[str, ...],
    approvals: int | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Ask QUESTION in the room and wait until someone answers.

    People answer by typing a choice, its number or its first letter: yes, y, 1, 2). The first answer after the question
    decides; messages under our own nickname never do. The choice is printed to stdout; stderr says who made it and
    which answers were ignored, and the result is posted in the room. Whoever gives an answer that does not count is
    told why by a whisper, once for each reason. After a signal we exit within 0.2 s, even if the server does not
    answer; the server then posts the result. If we are killed, it withdraws the question a minute later.

    Each question has a tag, which is shown before it: '[a3] deploy?'. While several questions are open in the room, an
    answer must begin with the tag: 'a3 yes'.

    With --from, only the members named may answer. If too few of them are in the room, stderr says so, and we wait. A
    nickname does not prove who someone is: anyone who can reach the server may answer under that name. A key does:
    --from-key accepts answers only under a name that is bound to that key (see 'chatctl key').

    --approvals counts owners, not names. An owner is the key that was proved, else the token that 'chatctl join'
    stores; clients such as nc have neither, and our own is never counted. Anyone can make more tokens: to be sure that
    people are different, name their keys with --from-key.

    \b
    Examples:
      chatctl ask "deploy 1.4?" --from nadia --timeout 30m && ./deploy
      chatctl ask "drop the table?" --approvals 2 --from abel --from nadia
      chatctl ask "which one?" --choice blue --choice green --choice neither
      answer=$(chatctl ask "restart now?" --choice now --choice later)

    \b
    Exit codes:
      0 the first choice   11 the second one, 12 the third, ...
      1 internal error   2 usage   3 no server there, nothing asked
      4 unknown whether it was asked: ask again after a minute
      5 name, key or password refused
      6 rejected (too long, no such room, an old server can't count)
      7 not a chatctl server
      8 no answer in time, or the server withdrew the question
      130 interrupted, 143 terminated (posted in the room)

    \b
    Environment:
      CHATCTL_SERVER CHATCTL_HOST CHATCTL_PORT CHATCTL_UNIX CHATCTL_ROOM
      CHATCTL_TLS CHATCTL_PIN CHATCTL_CA
      CHATCTL_PASSWORD CHATCTL_PASSWORD_FILE CHATCTL_KEY
      CHATCTL_NICK CHATCTL_TIMEOUT CHATCTL_CONFIG
      CHATCTL_STATE_DIR   folder of the token that identifies us
    """
    from chatctl.client.core.question import Question
    from chatctl.common.names import fold_nick

    address, name = server.address(), own_nick(nick)
    asked = Question(question, choices, fold_nick(name), dict.fromkeys(nicks), dict.fromkeys(keys), approvals)
    _check(asked)
    answer = _ask(asked, address, server.room, name, timeout)
    _print(answer, as_json)
    raise SystemExit(0 if answer.index == 0 else 10 + answer.index)


def _check(question: Question) -> None:
    """Raise UsageError for what can't be asked."""
    if problem := question.problem():
        raise click.UsageError(problem)
    if len(question.choices) > MAX_CHOICES:
        raise click.UsageError(f"there can be {MAX_CHOICES} choices at most")
    try:
        "".join((question.text, *question.choices)).encode()
    except UnicodeEncodeError:
        raise click.UsageError("QUESTION and choices have to be UTF-8") from None


def _ask(question: Question, address: Address, room: str, nick: str, timeout: float) -> Answer:
    """Return the answer. Raises as ``Asking.ask``."""
    from chatctl.client.core.asking import Asking
    from chatctl.client.core.author_key import AuthorKeys
    from chatctl.client.core.cursor import Cursor
    from chatctl.client.core.follower import Follower
    from chatctl.client.core.held_lease import HeldLease
    from chatctl.client.core.speaker import Speaker
    from chatctl.client.identity import post_hello
    from chatctl.client.io.blocking_transport import BlockingTransport, drive

    transport, hello = BlockingTransport(), post_hello(address, room, nick)
    speaker = Speaker(transport, address, hello, SAY_SECONDS, keep_open=False)
    follower = Follower(transport, address, room, Cursor(), token=hello.token, notice=note)

    def lease(tag: str) -> HeldLease:
        return HeldLease(transport, address, room, hello.token, "question", tag)

    authors = AuthorKeys(transport, address, room)
    try:
        return drive(Asking(question, follower, speaker, authors, note, lease).ask(timeout))
    except OutcomeUnknown as unknown:
        raise OutcomeUnknown(
            f"{unknown.text}; if it was, the server withdraws the question within a minute: ask again then"
        ) from None


def _print(answer: Answer, as_json: bool) -> None:
    choice, entry = answer.choice, answer.entry
    if as_json:
        found = {"choice": choice, "index": answer.index, "nick": entry.nick, "seq": entry.seq, "time": entry.time}
        approved = {"approvals": [one.nick for one in answer.approvals]} if answer.approvals else {}
        emit_json(json_text(found | approved))
    else:
        note(f"{', '.join(map(clean, answer.nicks))} chose {choice}")
        emit_given(choice)

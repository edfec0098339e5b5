"""The blocking form of the client, for scripts: ``from chatctl.client import connect``.

Nothing is decided here: this and aio.py differ only in how they wait for core/api.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, Self, overload

from chatctl import protocol
from chatctl.client.connect_options import (
    ASK_SECONDS,
    CONNECT_SECONDS,
    RETRY_SECONDS,
    Mode,
    Server,
    address_of,
    ignore,
    log,
    room_core,
    start_of,
)
from chatctl.client.core.address import Address
from chatctl.client.core.api import Notice, RoomCore
from chatctl.client.core.asking import Answer
from chatctl.client.core.events import Back, Event, Join, Leave, Lost, Msg, Rename, Whisper
from chatctl.client.core.place import Place
from chatctl.client.io.blocking_transport import ClosableBlockingTransport, drive
from chatctl.client.sync_following import Following, Run
from chatctl.protocol import DEFAULT_ROOM, Ack, Gap, Redacted, Resume, Roster, Welcome

__all__ = [
    "Answer",
    "Back",
    "Event",
    "Following",
    "Gap",
    "Join",
    "Leave",
    "Lost",
    "Msg",
    "Place",
    "Redacted",
    "Rename",
    "Room",
    "Whisper",
    "connect",
]


def connect(
    server: Server | Sequence[Server] = "127.0.0.1",
    *,
    nick: str | None = None,
    room: str = DEFAULT_ROOM,
    mode: Mode = "post",
    tls: bool | None = None,
    pin: str | None = None,
    ca: str | Path | None = None,
    password: str | None = None,
    key: str | Path | None = None,
    timeout: float = CONNECT_SECONDS,
    wait: float = 0.0,
    notice: Notice = ignore,
) -> Room:
    """Connect to a room, to post in it and watch it, without being a member.

    Args:
        server: ``HOST``, ``HOST:PORT``, ``[::1]:5500``, a unix socket's ``/path``, or an Address. Or several of them,
            servers of one chat: the first that can be had is used, the last that was had is tried first.
        nick: the nickname; the login name if None.
        room: the room's name.
        mode: ``post``: nobody sees us in the list of members. ``join``: we are a member, which gets whispers, too.
        tls: use TLS, on port 5501 unless ``server`` names a port. The certificate must be one that somebody here
            accepted (in ``chatctl join``), or one that the system's authorities vouch for.
        pin: use TLS; the certificate must have this fingerprint, ``SHA256:...``.
        ca: use TLS; the authorities in this file must vouch for the certificate.
        password: the room's password. It never crosses the wire, and a server that does not know it is refused.
        key: the key that the nickname is bound to: the path of a file that ``chatctl key`` or ssh-keygen made,
            ``agent`` or ``agent:SHA256:...``; None means no key.
        timeout: seconds for one connection, or one answer of the server.
        wait: seconds to wait for a server that is not there yet, or full.
        notice: receives a line for a person when a connection is lost for two seconds, and when it is back.

    Returns:
        The room, connected.

    Raises:
        Unreachable: nobody is there, or does not answer in time.
        Refused: the nickname is taken (NickTaken) or invalid (NickInvalid).
        Rejected: there is no such room, or no place in it.
        Unauthorized: the password is wrong or missing.
        PeerBroke: it is no chatctl server.
        Untrusted: it is not the right server; nothing was sent to it.
        ChatError: the key can't be used.
        ValueError: ``server`` is no address, ``pin`` no fingerprint, or the parameters contradict each other.
    """
    address = address_of(server, tls=tls, pin=pin, ca=ca, password=password, key=key)
    if mode == "post":
        core = room_core(ClosableBlockingTransport(log), address, nick, room, timeout, notice)
        return _opened(core, address, wait, drive, _nothing)
    from chatctl.client.io.aio_transport import AioTransport  # asyncio takes a while to load
    from chatctl.client.io.loop_thread import LoopThread
    from chatctl.client.member_room import MemberRoom

    thread = LoopThread()
    try:
        core = room_core(AioTransport(log), address, nick, room, timeout, notice, MemberRoom)
        return _opened(core, address, wait, thread.run, thread.stop)
    except BaseException:
        thread.stop()
        raise


def _nothing() -> None:
    pass


def _opened(core: RoomCore, address: Address, wait: float, run: Run, stop: Callable[[], None]) -> Room:
    try:
        welcome = run(core.open(wait or None))
    except BaseException:
        run(core.close())
        raise
    return Room(core, welcome, address, run, stop)


class Room:
    """A room that we are connected to, until ``close`` or the end of a ``with`` block. Threads may share it.

    Its ``welcome`` is the server's answer to the first connection: the room's name, the limits and other facts.
    """

    def __init__(self, core: RoomCore, welcome: Welcome, address: Address, run: Run, stop: Callable[[], None]) -> None:
        """Call ``connect`` instead."""
        self._core = core
        self._run = run
        self._stop = stop
        self._stopped = False
        self._address = address
        self.welcome = welcome

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._close(self._core.close(handled=kind is None))

    def _close(self, closing: Coroutine[Any, Any, None]) -> None:
        if self._core.closed and self._stopped:
            closing.close()
            return
        self._run(closing)
        self._stopped = True
        self._stop()

    @property
    def nick(self) -> str:
        """Our nickname."""
        return self._core.nick

    @property
    def closed(self) -> bool:
        """Whether it is closed: nothing can be said or followed any more."""
        return self._core.closed

    def say(
        self,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float = RETRY_SECONDS,
    ) -> Ack:
        """Say a message once.

        After a failure the message is sent again with the same id; the server says it once, however often it arrives.

        Args:
            text: the message, of any number of lines.
            id: messages with the same id are said once, also from other processes with this state directory, whose
                token ids belong to; 1 to 128 characters.
            action: an action rather than speech: "* ci deploys".
            retry_for: seconds for all tries; 0 is one try, ``math.inf`` has no end.

        Returns:
            The server's acknowledgement: the message's number ``seq``, its ``time`` (Unix seconds), and whether it is a
            ``duplicate`` of an earlier one.

        Raises:
            OutcomeUnknown: no acknowledgement arrived: it may or may not have been stored. Saying it again with the
                same ``id`` resolves that.
            Unreachable: the server is gone, and nothing was said.
            IdReused: another text was said under this ``id``; nothing was said now.
            NickTaken: a member has our nickname by now, or somebody else's key is bound to it.
            Closed: the room is closed.
            Rejected: the server did not accept it: TooLong, RateLimited, StorageFailed.
        """
        return self._run(self._core.say(text, id, action, retry_for))

    def whisper(self, to: str, text: str, *, retry_for: float = RETRY_SECONDS) -> Ack:
        """Tell one member something that nobody else sees; it is stored nowhere.

        Args:
            to: the member's nickname.
            text: the message.
            retry_for: seconds for all tries; 0 is one try. A whisper that may have been told is not sent again.

        Raises:
            NoSuchNick: nobody here has this nickname, or its client is too slow to get it.
            OutcomeUnknown: it was sent, and no acknowledgement came.
            ChatError: as ``say``.
        """
        return self._run(self._core.whisper(to, text, retry_for))

    def who(self) -> Roster:
        """Return the members of the room, their ``count``, and how many ``watchers`` only read.

        Of each member: ``nick``, ``since`` when it is here (Unix seconds), ``idle`` for how many seconds, and the
        fingerprint of the ``key`` that it has proved, if any.

        Raises:
            Unreachable: the server is gone, or does not answer in time.
            ChatError: the server does not let us in any more, or the room is closed.
        """
        return self._run(self._core.who())

    @overload
    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: Literal[False] = False,
        whispers: Literal[False] = False,
    ) -> Following[Msg | Gap]: ...

    @overload
    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: bool = False,
        whispers: bool = False,
    ) -> Following[Event]: ...

    def follow(
        self,
        *,
        history: int = 0,
        resume: Resume | None = None,
        cursor: str | Path | None = None,
        live: bool = True,
        idle: float | None = None,
        presence: bool = False,
        whispers: bool = False,
    ) -> Following[Any]:
        """Return an iterator over the room's entries, each once and in order, across broken connections.

        Args:
            history: start this many entries before the log's end.
            resume: start after this position, the ``place`` of an earlier Following.
            cursor: keep the position in this file, and start after the one that it holds. An entry counts as handled
                when the next one is asked for, or at a ``close``, but not when an exception ends a ``with`` block.
            live: continue with new entries; otherwise end at the log's end as it is on connecting.
            idle: end after this many seconds in which nothing came; None means never.
            presence: yield Join, Leave and Rename, too; and as with ``whispers`` Redacted, Lost and Back.
            whispers: yield Whisper, too, where we are a member.

        Raises:
            Closed: the room is closed.
            ChatError: the cursor's file is in use, or can't be read.
        """
        start = start_of(
            self._address, cursor, history=history, resume=resume, live=live, idle=idle, presence=presence,
            whispers=whispers,
        )  # fmt: skip
        return Following(self._core.follow(start), self._run)

    def search(
        self,
        text: str,
        *,
        nicks: Sequence[str] = (),
        since: float | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[protocol.Msg]:
        """Return the messages that hold a text, the newest first, however far back they are.

        Args:
            text: at most 256 characters; found anywhere in a message, as it stands but for case.
            nicks: only what was said under these nicknames, at most 10; under any if empty.
            since: only what was said at this time (Unix seconds) or later.
            before: only messages before this ``seq``: that of the last one found goes on behind it.
            limit: messages at most; fewer mean that there are no more.

        Raises:
            Unsupported: the server is too old.
            Unreachable: the server is gone.
            ConditionNotMet: an answer took longer than the ``timeout`` of ``connect``.
            ValueError: the text is empty or too long, or there are too many nicknames.
        """
        return self._run(self._core.search(text, nicks, since, before, limit))

    def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        nicks: Sequence[str] = (),
        keys: Sequence[str] = (),
        approvals: int | None = None,
        timeout: float = ASK_SECONDS,
    ) -> Answer:
        """Ask the people in the room, and return the first answer that counts; the room is told how it ended.

        Args:
            question: the question's text.
            choices: the possible answers, one line each; people answer with the text or its number.
            nicks: only answers of these nicknames count; everybody's but ours if empty.
            keys: only answers of who has one of these keys count; fingerprints, ``SHA256:...``. Everybody's if empty.
            approvals: so many different owners have to make the first choice, none of them our own; any other choice
                ends it at once. None: the first answer decides.
            timeout: seconds to wait for an answer.

        Raises:
            ConditionNotMet: no answer in time.
            Unsupported: the server is too old for ``keys`` or ``approvals``.
            ChatError: as ``say``.
            ValueError: the choices can't be told apart, or a key is not a fingerprint.
        """
        return self._run(self._core.ask(question, choices, nicks, keys, approvals, timeout))

    def drain(self) -> None:
        """Wait until all that other threads are saying has its outcome, and close; nothing new is accepted."""
        self._close(self._core.drain())

    def close(self) -> None:
        """Hang up, and end every Following, also where another thread waits for one, or says something."""
        self._close(self._core.close())

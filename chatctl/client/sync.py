"""The blocking form of the client, for scripts: ``from chatctl.client import connect``.

Nothing is decided here, and no line is shared with aio.py but the names: see api.py. Source: docs/api.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from chatctl.client.core.address import Address
from chatctl.client.core.api import (
    ASK_SECONDS,
    CONNECT_SECONDS,
    RETRY_SECONDS,
    FollowCore,
    Notice,
    RoomCore,
    address_of,
    ignore,
)
from chatctl.client.core.question import Answer
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.protocol import DEFAULT_ROOM, Ack, Gap, Msg, Resume, Welcome

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Answer", "Following", "Room", "connect"]


def connect(
    server: str | Address = "127.0.0.1",
    *,
    nick: str | None = None,
    room: str = DEFAULT_ROOM,
    tls: bool | None = None,
    pin: str | None = None,
    ca: str | Path | None = None,
    password: str | None = None,
    key: str | Path | None = None,
    timeout: float = CONNECT_SECONDS,
    notice: Notice = ignore,
) -> Room:
    """Connect to a room, as one who posts in it and watches it, without being a member.

    Args:
        server: ``HOST``, ``HOST:PORT``, ``[::1]:5500``, a unix socket's ``/path``, or an Address.
        nick: our name there; the login name if None.
        room: which one.
        tls: talk TLS, on port 5501 unless another one is written; as for every command, the certificate has to be one
            that somebody here said yes to (``chatctl join``), or one that the system's authorities vouch for.
        pin: TLS, and the certificate has this fingerprint, ``SHA256:...``.
        ca: TLS, and the authorities in this file vouch for it.
        password: the room's. It never crosses the wire, and a server that does not know it is refused.
        key: what our name is bound to: a file that ``chatctl key`` or ssh-keygen made, ``agent`` or
            ``agent:SHA256:...``; None is none.
        timeout: seconds for one connection, or one answer of the server.
        notice: is told, in a line for a person, when a connection breaks and when it is back.

    Raises:
        Unreachable: nobody is there, or does not answer in time.
        Refused: the name is taken (NickTaken) or can't be one (NickInvalid).
        Rejected: there is no such room, or no place in it.
        Unauthorized: the password is wrong, or missing.
        PeerBroke: it is no chatctl server.
        Untrusted: it is not the right one; nothing was sent to it.
        ChatError: the key can't be used.
        ValueError: ``server`` is no address, ``pin`` no fingerprint, or these options do not go together.
    """
    address = address_of(server, tls=tls, pin=pin, ca=ca, password=password, key=key)
    core = RoomCore(BlockingTransport(), address, nick, room, timeout, notice)
    return Room(core, drive(core.open()))


class Room:
    """A room that we are connected to, until ``close`` or the end of a ``with`` block. One thread at a time says."""

    def __init__(self, core: RoomCore, welcome: Welcome) -> None:
        """Made by ``connect``."""
        self._core = core
        self.welcome = welcome
        """What the server said of itself when we came: its limits, for one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def nick(self) -> str:
        """Our name."""
        return self._core.nick

    def say(
        self,
        text: str,
        *,
        id: str | None = None,  # noqa: A002 — its name on the wire
        action: bool = False,
        retry_for: float = RETRY_SECONDS,
    ) -> Ack:
        """Say something once, and give the server's acknowledgement: its ``seq``, ``time``, and whether ``duplicate``.

        What breaks meanwhile is tried again with the same id, which the server says once, however often it hears it.

        Args:
            text: what to say, of whatever lines.
            id: the same under the same id is said once, also from another process of this account; 1 to 128 characters.
            action: it is what we do: "* ci deploys".
            retry_for: seconds for all tries; 0 is one try.

        Raises:
            OutcomeUnknown: no acknowledgement came: it may or may not have been said. The same ``id`` again tells.
            Unreachable: the server is gone, and nothing was said.
            Rejected: the server did not take it: TooLong, RateLimited, StorageFailed.
        """
        return drive(self._core.say(text, id, action, retry_for))

    def follow(
        self, *, history: int = 0, resume: Resume | None = None, live: bool = True, idle: float | None = None
    ) -> Following:
        """Give the room's entries, each once and in order, whatever breaks meanwhile.

        Args:
            history: begin so many entries before the log's end.
            resume: or behind this place, where an earlier Following stood.
            live: go on with what is said from now on; else end where the log ends now.
            idle: end once nothing came for so many seconds.
        """
        return Following(self._core.follow(history, resume, live, idle))

    def ask(
        self,
        question: str,
        choices: Sequence[str] = ("yes", "no"),
        *,
        nicks: Sequence[str] = (),
        timeout: float = ASK_SECONDS,
    ) -> Answer:
        """Ask the people in the room, and give the first answer that counts; the room is told how it ended.

        Args:
            question: what is asked.
            choices: what can be answered, or its number: a text of one line each.
            nicks: whose answer counts; everybody's but ours if empty.
            timeout: seconds they have.

        Raises:
            ConditionNotMet: nobody chose in time.
            ChatError: as ``say``.
            ValueError: the choices can't be told from each other.
        """
        return drive(self._core.ask(question, choices, nicks, timeout))

    def close(self) -> None:
        """Hang up, whatever is still being followed."""
        self._core.close()


class Following:
    """An iterator over a room's entries: ``Msg``, and ``Gap`` where some can't be shown.

    It connects when the first is wanted, or at once in a ``with`` block, and hangs up at its end or the room's.
    """

    def __init__(self, core: FollowCore) -> None:
        """Made by ``Room.follow``."""
        self._core = core

    def __enter__(self) -> Self:
        drive(self._core.open())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Msg | Gap:
        entry = drive(self._core.next())
        if entry is None:
            raise StopIteration
        return entry

    @property
    def place(self) -> Resume | None:
        """Where we stand: ``follow(resume=place)`` goes on behind it, also in another process. None at first."""
        return self._core.place

    def close(self) -> None:
        """Hang up."""
        self._core.close()

"""The exception tree. Each class carries its exit code and, where it crosses the wire, its wire code.

    ChatError                      1  internal
    ├── Unreachable                3
    ├── OutcomeUnknown             4
    ├── Refused                    5
    │   ├── NickInvalid               nick_invalid
    │   ├── NickTaken                 nick_taken
    │   └── Unauthorized              unauthorized
    │       ├── PasswordWanted        (the client's own)
    │       └── PasswordWrong         (the client's own)
    ├── Rejected                   6
    │   ├── Forbidden                 forbidden
    │   ├── NoSuchNick                no_such_nick
    │   ├── NotJoined                 not_joined
    │   ├── RateLimited               rate_limited
    │   ├── RoomFull                  room_full
    │   ├── RoomInvalid               room_invalid
    │   ├── ServerFull                server_full
    │   ├── StorageFailed             storage
    │   └── TooLong                   too_long
    ├── PeerBroke                  7
    │   ├── BadFrame                  bad_frame
    │   ├── Untrusted                 (the client's own)
    │   └── VersionMismatch           version
    └── ConditionNotMet            8

Lives here: what went wrong, and what it means to a shell. Does not live here: how it is shown (main.py),
when it is raised. Source: docs/protocol.md, "Errors"; README, "Exit codes".
"""

from __future__ import annotations

from typing import ClassVar


class ChatError(Exception):
    """Something that chatctl can explain in one line. Its text is that line."""

    exit_code: ClassVar[int] = 1
    wire_code: ClassVar[str] = "internal"

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        """Keep the one line, and after how many seconds it is worth trying again."""
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after


class Unreachable(ChatError):
    """Nobody answered, and nothing was sent."""

    exit_code = 3


class OutcomeUnknown(ChatError):
    """It was sent, and no answer came: it may or may not have happened."""

    exit_code = 4


class Refused(ChatError):
    """The server knows who asks, and says no to that."""

    exit_code = 5


class NickInvalid(Refused):
    """A nickname that can't be one."""

    wire_code = "nick_invalid"


class NickTaken(Refused):
    """A nickname that somebody else holds now."""

    wire_code = "nick_taken"


class Unauthorized(Refused):
    """A password or a key that does not fit."""

    wire_code = "unauthorized"


class PasswordWanted(Unauthorized):
    """The server wants a password, and we have none."""


class PasswordWrong(Unauthorized):
    """The server does not know ours. Trying it again by ourselves would only lock our address out."""


class Rejected(ChatError):
    """The server understood, and did not do it."""

    exit_code = 6


class Forbidden(Rejected):
    """Not allowed in this mode."""

    wire_code = "forbidden"


class NoSuchNick(Rejected):
    """A whisper to somebody who is not here."""

    wire_code = "no_such_nick"


class NotJoined(Rejected):
    """A frame that needs a ``hello`` before it."""

    wire_code = "not_joined"


class RateLimited(Rejected):
    """Too much, too fast."""

    wire_code = "rate_limited"


class RoomFull(Rejected):
    """The room takes no more members."""

    wire_code = "room_full"


class RoomInvalid(Rejected):
    """A room that is not there, or can't be a room's name."""

    wire_code = "room_invalid"


class ServerFull(Rejected):
    """The server, or this address's share of it, is full."""

    wire_code = "server_full"


class StorageFailed(Rejected):
    """The journal could not take it. Nothing was stored, nobody saw it."""

    wire_code = "storage"


class TooLong(Rejected):
    """A line or a text over its limit."""

    wire_code = "too_long"


class PeerBroke(ChatError):
    """The other end does not speak the protocol."""

    exit_code = 7


class BadFrame(PeerBroke):
    """A frame that can't be understood."""

    wire_code = "bad_frame"


class Untrusted(PeerBroke):
    """A server that shows a certificate which is not known to be its own. Nothing was sent."""


class VersionMismatch(PeerBroke):
    """A version of the protocol that this end does not speak."""

    wire_code = "version"


class ConditionNotMet(ChatError):
    """What was waited for did not come in time."""

    exit_code = 8


def _leaves(root: type[ChatError]) -> list[type[ChatError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _leaves(child))]


_BY_WIRE_CODE = {
    cls.wire_code: cls for cls in _leaves(ChatError) if "wire_code" in vars(cls) and cls.wire_code != "internal"
}
WIRE_CODES = frozenset(_BY_WIRE_CODE) | {"internal"}


def from_wire(code: str, text: str, retry_after: float | None = None) -> ChatError:
    """Give the error that a server's ``error`` frame stands for.

    A code of a later version becomes a plain ``Rejected``: the server did not do it, whatever the reason.
    """
    cls = ChatError if code == "internal" else _BY_WIRE_CODE.get(code, Rejected)
    return cls(text, retry_after=retry_after)


def reason_of(error: BaseException) -> str:
    """Return why a system call or a library failed, in lower case: the part of a message behind the colon."""
    return (getattr(error, "strerror", None) or str(error)).lower()

"""The exception tree. Each class carries its exit code and, where it crosses the wire, its wire code.

    ChatError                      1  internal
    ├── NoHome                        (of this machine)
    ├── Closed                        (the client's own)
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
    │   ├── IdReused                  id_reused
    │   ├── NoSuchNick                no_such_nick
    │   ├── NotJoined                 not_joined
    │   ├── RateLimited               rate_limited
    │   ├── RoomFull                  room_full
    │   ├── RoomInvalid               room_invalid
    │   ├── ServerFull                server_full
    │   ├── StorageFailed             storage
    │   ├── TooLong                   too_long
    │   └── Unsupported               (the client's own)
    ├── PeerBroke                  7
    │   ├── BadFrame                  bad_frame
    │   ├── Untrusted                 (the client's own)
    │   └── VersionMismatch           version
    └── ConditionNotMet            8

Does not live here: how an error is shown (main.py). Source: docs/protocol.md, "Errors"; README, "Exit codes".
"""

from __future__ import annotations

from typing import ClassVar


class ChatError(Exception):
    """An error with an explanation of one line, its ``text``. ``retry_after``: seconds after which to try again."""

    exit_code: ClassVar[int] = 1
    wire_code: ClassVar[str] = "internal"

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        """Set the explanation, and the seconds after which to try again, if that makes sense."""
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after


class NoHome(ChatError, OSError):
    """There is no place for files of our own: no home directory. An OSError too: who can do without files, does."""


class Closed(ChatError):
    """The program has closed the room itself. Nothing was sent."""


class Unreachable(ChatError):
    """The server can't be reached. Nothing was sent."""

    exit_code = 3


class OutcomeUnknown(ChatError):
    """A request was sent and not answered: it may have been carried out or not."""

    exit_code = 4


class Refused(ChatError):
    """The server refuses this nickname, key or password."""

    exit_code = 5


class NickInvalid(Refused):
    """A nickname against the rules (common/names.py)."""

    wire_code = "nick_invalid"


class NickTaken(Refused):
    """A nickname that another member has."""

    wire_code = "nick_taken"


class Unauthorized(Refused):
    """A wrong password or key."""

    wire_code = "unauthorized"


class PasswordWanted(Unauthorized):
    """The server requires a password, and none is configured."""


class PasswordWrong(Unauthorized):
    """The password is wrong. Do not retry by yourself: each one counts against the address."""


class Rejected(ChatError):
    """The server understood the request and did not carry it out."""

    exit_code = 6


class Forbidden(Rejected):
    """Not allowed in this mode."""

    wire_code = "forbidden"


class IdReused(Rejected):
    """The id belongs to another message of the same sender. Nothing was said."""

    wire_code = "id_reused"


class NoSuchNick(Rejected):
    """No member has this nickname."""

    wire_code = "no_such_nick"


class NotJoined(Rejected):
    """A frame that is allowed only after ``hello``."""

    wire_code = "not_joined"


class RateLimited(Rejected):
    """Too many requests in a short time."""

    wire_code = "rate_limited"


class RoomFull(Rejected):
    """The room takes no more members."""

    wire_code = "room_full"


class RoomInvalid(Rejected):
    """A room that does not exist, or whose name is against the rules."""

    wire_code = "room_invalid"


class ServerFull(Rejected):
    """The server, or this address's share of it, is full."""

    wire_code = "server_full"


class StorageFailed(Rejected):
    """The journal could not store it. Nobody saw it."""

    wire_code = "storage"


class TooLong(Rejected):
    """A line or a text over its limit."""

    wire_code = "too_long"


class Unsupported(Rejected):
    """The other end is of an older chatctl. Nothing of the request was sent; the text says which end to update."""


class PeerBroke(ChatError):
    """The other end violates the protocol."""

    exit_code = 7


class BadFrame(PeerBroke):
    """A frame that can't be decoded."""

    wire_code = "bad_frame"


class Untrusted(PeerBroke):
    """A server whose certificate is not trusted. Nothing was sent."""


class VersionMismatch(PeerBroke):
    """A version of the protocol that this end does not support."""

    wire_code = "version"


class ConditionNotMet(ChatError):
    """What the command waited for did not happen in time."""

    exit_code = 8


def _leaves(root: type[ChatError]) -> list[type[ChatError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _leaves(child))]


_BY_WIRE_CODE = {
    cls.wire_code: cls for cls in _leaves(ChatError) if "wire_code" in vars(cls) and cls.wire_code != "internal"
}
WIRE_CODES = frozenset(_BY_WIRE_CODE) | {"internal"}


def from_wire(code: str, text: str, retry_after: float | None = None) -> ChatError:
    """Return the exception for an ``error`` frame.

    A code of a later version becomes a plain ``Rejected``: the server did not carry it out, whatever the reason.
    """
    cls = ChatError if code == "internal" else _BY_WIRE_CODE.get(code, Rejected)
    return cls(text, retry_after=retry_after)


def reason_of(error: BaseException) -> str:
    """Return why a system call or a library failed, in lower case: the part of a message behind the colon."""
    return (getattr(error, "strerror", None) or str(error)).lower()

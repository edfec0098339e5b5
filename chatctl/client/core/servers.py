"""Several servers of one chat, of which any will do: who is tried, and in which order.

Does not live here: when to try again once none of them can be had (retry.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from chatctl.common.text import clean
from chatctl.errors import ChatError, ServerFull, Unreachable

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.deadline import Deadline
    from chatctl.client.core.transport import OpenConnection
    from chatctl.protocol import Hello

C = TypeVar("C", bound="OpenConnection")
Connect = Callable[["Address", "Hello", "Deadline"], Awaitable[C]]


class Log(Protocol):
    """Receives lines for whoever runs the program: a ``logging.Logger``."""

    def info(self, msg: str, /, *args: object) -> None:
        """Note what is as it should be."""

    def warning(self, msg: str, /, *args: object) -> None:
        """Note what is not."""


class _Silence:
    """A log that nobody reads."""

    def info(self, msg: str, /, *args: object) -> None:
        """Drop a line."""

    warning = info


class Servers:
    """Connects to the first of an address's servers that can be had, beginning with the last that could."""

    def __init__(self, log: Log | None = None) -> None:
        """``log`` hears of each try."""
        self._log = log or _Silence()
        self._last: Address | None = None

    async def connect(self, connect: Connect[C], address: Address, hello: Hello, deadline: Deadline) -> C:
        """Connect to one of the servers and be let in, by ``connect``; each that is tried has its share of the time.

        Raises:
            Unreachable: none of them can be reached; ServerFull: none of them has a place.
            ChatError: as ``connect`` does; another server is not asked for another answer.
        """
        servers = sorted(address.each, key=lambda one: one != self._last)  # the others keep their order
        failures: list[Unreachable | ServerFull] = []
        for number, one in enumerate(servers):
            try:
                connection = await connect(one, hello, _share(deadline, len(servers) - number))
            except (Unreachable, ServerFull) as error:
                self._log.warning("%s", clean(error.text))
                failures.append(error)
            except ChatError as error:
                self._log.warning("%s: %s", one, clean(error.text))
                raise
            else:
                self._last = one
                self._log.info("connected to %s: room %s, mode %s", one, clean(connection.welcome.room), hello.mode)
                return connection
        raise _of_all(failures)


def _share(deadline: Deadline, servers: int) -> Deadline:
    """Return a deadline after one of so many equal parts of what is left; where nothing is, it has passed, too."""
    if deadline.at is None or servers == 1:
        return deadline
    return deadline.sooner((deadline.at - deadline.now()) / servers)


def _of_all(failures: list[Unreachable | ServerFull]) -> ChatError:
    """Return one error for those of all servers."""
    last = failures[-1]
    if len(failures) == 1:
        return last
    waits = [error.retry_after for error in failures if error.retry_after is not None]
    return type(last)("; ".join(error.text for error in failures), retry_after=min(waits, default=None))

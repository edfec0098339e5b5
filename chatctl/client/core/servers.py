"""Several servers of one chat, of which any will do: who is tried, and in which order.

Does not live here: when to try again once none of them can be had (retry.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from chatctl.client.core.deadline import Deadline
from chatctl.common.text import clean
from chatctl.errors import ChatError, ServerFull, Unreachable
from chatctl.protocol import Hello

if TYPE_CHECKING:
    from chatctl.client.core.address import Address
    from chatctl.client.core.transport import ClosableTransport, Lock, OpenConnection, Transport


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
    """A transport that connects to the first of some servers that can be had, beginning with the last that could."""

    def __init__(self, transport: Transport, addresses: Sequence[Address], log: Log | None = None) -> None:
        """Connect with ``transport`` to one of ``addresses``; ``log`` hears of each try."""
        self._transport = transport
        self._addresses = list(addresses)
        self._log = log or _Silence()
        self.now = transport.now
        self.random_bytes = transport.random_bytes

    @property
    def tears(self) -> bool:
        """As the transport's."""
        return self._transport.tears

    async def connect(self, address: Address, hello: Hello, deadline: Deadline) -> OpenConnection:
        """Connect to one of the servers and be let in; ``address`` does not count.

        Raises:
            Unreachable: none of them can be reached; ServerFull: none of them has a place.
            ChatError: as ``Transport.connect``; another server is not asked for another answer.
        """
        failures: list[Unreachable | ServerFull] = []
        for number, one in enumerate(list(self._addresses)):
            left = deadline.left()
            share = None if left is None else left / (len(self._addresses) - number)
            try:
                connection = await self._transport.connect(one, hello, deadline.sooner(share))
            except (Unreachable, ServerFull) as error:
                self._log.warning("%s", clean(error.text))
                failures.append(error)
            except ChatError as error:
                self._log.warning("%s: %s", one, clean(error.text))
                raise
            else:
                self._addresses.remove(one)
                self._addresses.insert(0, one)
                self._log.info("connected to %s: room %s, mode %s", one, clean(connection.welcome.room), hello.mode)
                return connection
        raise _of_all(failures)

    async def sleep(self, seconds: float) -> None:
        """Wait. Raises ReaderGone once the transport is closed."""
        await self._transport.sleep(seconds)

    def lock(self) -> Lock:
        """Return a new lock."""
        return self._transport.lock()


class ClosableServers(Servers):
    """One that can be closed from another task or thread; see ``ClosableTransport``."""

    _transport: ClosableTransport

    def __init__(self, transport: ClosableTransport, addresses: Sequence[Address], log: Log | None = None) -> None:
        """As ``Servers``."""
        super().__init__(transport, addresses, log)

    def close(self) -> None:
        """End all waits and refuse new ones."""
        self._transport.close()

    async def closed(self) -> None:
        """Wait until the last bytes have left."""
        await self._transport.closed()

    def when_closed(self, call: Callable[[], object]) -> None:
        """Have ``close`` call this, too."""
        self._transport.when_closed(call)

    def another(self) -> ClosableServers:
        """Return a transport to the same servers that is closed by itself."""
        return ClosableServers(self._transport.another(), self._addresses, self._log)


def _of_all(failures: list[Unreachable | ServerFull]) -> ChatError:
    """Return one error for those of all servers."""
    last = failures[-1]
    if len(failures) == 1:
        return last
    waits = [error.retry_after for error in failures if error.retry_after is not None]
    return type(last)("; ".join(error.text for error in failures), retry_after=min(waits, default=None))

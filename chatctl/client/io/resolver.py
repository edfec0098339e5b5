"""Host names to addresses, within a deadline.

``getaddrinfo`` takes no deadline, and no signal interrupts it: a resolver that hangs would hold a command for ten
seconds and more. It runs in a daemon thread here, which the process does not wait for when it ends.
"""

from __future__ import annotations

import _thread
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from chatctl.client.core.deadline import Deadline


class Endpoint(NamedTuple):
    """What a socket connects to."""

    family: socket.AddressFamily
    address: tuple[Any, ...]


TURN_SECONDS = 0.1
"""Longest wait in one call: a signal that comes right before it does not interrupt it."""

Result = list[Endpoint] | OSError


def resolve(host: str, port: int, deadline: Deadline, check: Callable[[], object] | None = None) -> list[Endpoint]:
    """Return where a host may be reached, in the order to try it. ``check`` is called every TURN_SECONDS.

    Raises:
        OSError: it is not known, or can't be a host's name.
        DeadlinePassed: nobody has answered.
        Exception: what ``check`` raises.
    """
    found: list[Result] = []
    waiting = _thread.allocate_lock()
    waiting.acquire()

    def take(result: Result) -> None:
        found.append(result)
        waiting.release()

    look_up(host, port, take)
    while not waiting.acquire(timeout=min(deadline.left() or TURN_SECONDS, TURN_SECONDS)):
        if check is not None:
            check()
    return checked(found[0])


def look_up(host: str, port: int, take: Callable[[Result], object]) -> None:
    """Call ``take`` with what ``resolve`` returns or raises: now for a number, later and in a thread for a name."""
    as_it_is = host.encode() if host.isascii() else host  # for a str, Python loads its codec of international names
    numeric = _look_up(as_it_is, port, socket.AI_NUMERICHOST)
    if isinstance(numeric, socket.gaierror):
        _thread.start_new_thread(lambda: take(_look_up(host, port)), ())
    else:
        take(numeric)


def _look_up(host: str | bytes, port: int, flags: int = 0) -> Result:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except ValueError:  # UnicodeError is one
        return OSError("this can't be a host's name")
    except OSError as error:
        return error
    return [Endpoint(family, address) for family, _, _, _, address in rows]


def checked(result: Result) -> list[Endpoint]:
    """Return the endpoints, or raise the error."""
    if isinstance(result, OSError):
        raise result
    return result


def shares(endpoints: list[Endpoint], deadline: Deadline) -> Iterator[tuple[Endpoint, float | None]]:
    """Yield each endpoint with its share of the seconds that are left: one that is silent leaves time for the others.

    Raises:
        DeadlinePassed: nothing is left.
    """
    for number, endpoint in enumerate(endpoints):
        left = deadline.left()
        yield endpoint, None if left is None else left / (len(endpoints) - number)

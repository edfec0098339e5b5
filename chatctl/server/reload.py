"""Reloading: files that a running server reads again, on SIGHUP or when an operator asks.

Lives here: the list of them, and the forms of those that are lists. Does not live here: what they are for (program.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatctl.common.file_reads import read_trusted
from chatctl.common.fingerprints import parse_key
from chatctl.common.ip_addresses import Network, parse_network
from chatctl.errors import ChatError, reason_of
from chatctl.hub.event_log import Log
from chatctl.protocol import Admin
from chatctl.server.systemd import ServiceManager


class Reloader:
    """All files that can be read again, each by a function of its own."""

    def __init__(self, log: Log, manager: ServiceManager) -> None:
        """Start with none. ``manager`` is told of each reload."""
        self._log = log
        self._manager = manager
        self._all: dict[str, tuple[Callable[[], None], Callable[[], dict[str, str]]]] = {}

    def add(self, what: str, read: Callable[[], None], tell: Callable[[], dict[str, str]] = dict) -> None:
        """Add a file.

        Args:
            what: its name in the log.
            read: reads it; raises ChatError and changes nothing if it can't.
            tell: returns fields for the log line.
        """
        self._all[what] = read, tell

    def run(self) -> list[str]:
        """Read all files; return the errors."""
        failed = []
        self._manager.reloading()
        for what, (read, tell) in self._all.items():
            try:
                read()
            except ChatError as error:
                failed.append(error.text)
                self._log.error(f"the {what} stays as it was", why=error.text)
            else:
                self._log.info(f"{what} read again", **tell())
        self._manager.ready()
        return failed

    def asked(self, _: Admin) -> str:
        """Reload for an operator; return the answer. Raises ChatError for files that could not be read."""
        if failed := self.run():
            raise ChatError(f"not all could be read again: {'; '.join(failed)}")
        return f"read again: {', '.join(self._all)}"


def read_fingerprints(path: Path) -> frozenset[str]:
    """Return the keys in a file: a fingerprint a line, with anything behind it; ``#`` begins a comment.

    Raises:
        ChatError: the file can't be read, or a line is something else.
    """
    return frozenset(parse_key(line.split()[0], where) for where, line in _lines(path, "operators"))


def read_nets(wanted: Sequence[Network | Path]) -> list[Network]:
    """Return the networks, and those in the files: one a line; ``#`` begins a comment.

    Raises:
        ChatError: a file can't be read, or a line is not a network.
    """
    nets: list[Network] = []
    for one in wanted:
        nets += _nets_in(one) if isinstance(one, Path) else [one]
    return nets


def _nets_in(path: Path) -> list[Network]:
    return [_net(line.partition("#")[0].strip(), where) for where, line in _lines(path, "networks")]


def _net(word: str, where: str) -> Network:
    try:
        return parse_network(word)
    except ValueError:
        raise ChatError(f"{where}: {word!r} is not a network: write 10.0.0.0/8, fd00::/8 or one address") from None


def _lines(path: Path, what: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that are neither empty nor comments, each after its place. Raises ChatError."""
    try:
        lines = read_trusted(path).decode("utf-8-sig").split("\n")
    except (OSError, ValueError) as error:
        why = reason_of(error)
        raise ChatError(f"cannot read the {what} in {path}: {why}") from None
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield f"{path}, line {number}", line

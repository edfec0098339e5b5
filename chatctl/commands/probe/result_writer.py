"""Writing the results of a probe: to stdout, or to a file that a collector reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from chatctl.cli.output import write_stdout
from chatctl.commands.probe import formats
from chatctl.commands.probe.results import CheckResult
from chatctl.common.files import replace_file
from chatctl.errors import ChatError, reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.commands.probe.prober import Prober


class ResultWriter:
    """Writes results in one format to stdout, or to a file at the end."""

    def __init__(self, format_name: str, path: Path | None, address: Address, room: str, nick: str | None) -> None:
        """Write to the file ``path``; or to stdout with None, ``-``, and a name of stdout.

        ``nick`` is whose silence was judged; None: that of everybody.
        """
        self._format = format_name
        self._path = None if path is not None and _is_stdout(path) else path
        self._address = address
        self._room = room
        self._nick = nick
        self._lines: list[str] = []

    def write_check(self, result: CheckResult, number: int) -> None:
        """Write one check in the formats that show each: its ``number`` from 1, or 0 if it is the only one."""
        if self._format == "text":
            self._line(formats.text(result, number))
        elif self._format == "json" and number:
            self._line(formats.as_json(result))

    def write_end(self, prober: Prober, count: int) -> None:
        """Write the result of all checks together, ``count`` were asked for. Raises ChatError."""
        result = prober.result
        match self._format:
            case "nagios":
                self._line(formats.nagios(result))
            case "prometheus":
                self._line(formats.prometheus(result, str(self._address), self._room, self._nick))
            case "json":
                self._line(formats.as_json(result))
            case "text" if count > 1:
                for line in formats.summary(result, len(prober.results), prober.healths):
                    self._line(line)
        if self._path is None:
            return
        path = self._path
        try:
            # As a whole: a collector that reads it meanwhile gets the old content.
            replace_file(path, "".join(f"{line}\n" for line in self._lines).encode(), durable=True, private=False)
        except OSError as error:
            raise ChatError(f"cannot write {path}: {reason_of(error)}") from None

    def _line(self, line: str) -> None:
        if self._path is not None:
            self._lines.append(line)
        else:
            write_stdout(f"{line}\n".encode())  # a closed stdout is no error: the exit code still tells


def _is_stdout(path: Path) -> bool:
    """Return whether a path is stdout: a file that it leads to, as /dev/stdout does, has lines of others."""
    try:
        return str(path) == "-" or os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False

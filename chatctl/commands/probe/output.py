"""Where a probe's verdict goes: stdout, or a file that a collector reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chatctl.commands.probe.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from chatctl.client.core.address import Address
    from chatctl.client.health import Health


class Checked(Protocol):
    """Checks that ran."""

    verdicts: list[Verdict]
    healths: list[Health]

    @property
    def verdict(self) -> Verdict:
        """Give the verdict on all of them."""


class Out:
    """Where the verdict goes, and as what."""

    def __init__(self, form: str, path: Path | None, address: Address, room: str) -> None:
        """Print, or with a ``path`` keep all for it."""
        self._form = form
        self._path = path
        self._address = address
        self._room = room
        self._kept: list[str] = []

    def one(self, verdict: Verdict, number: int) -> None:
        """Tell of one check, in the forms that tell of each."""
        from chatctl.commands.probe import formats

        if self._form == "text":
            self._line(formats.text(verdict, number))
        elif self._form == "json" and number:
            self._line(formats.as_json(verdict))

    def end(self, prober: Checked, count: int) -> None:
        """Tell of all together."""
        from chatctl.commands.probe import formats

        verdict = prober.verdict
        match self._form:
            case "nagios":
                self._line(formats.nagios(verdict))
            case "prometheus":
                self._line(formats.prometheus(verdict, str(self._address), self._room))
            case "json":
                self._line(formats.as_json(verdict))
            case "text" if count > 1:
                for line in formats.summary(verdict, len(prober.verdicts), prober.healths):
                    self._line(line)
        if self._path is not None:
            write_output(self._path, "".join(f"{line}\n" for line in self._kept).encode())

    def _line(self, line: str) -> None:
        if self._path is not None:
            self._kept.append(line)
        else:
            from chatctl.cli.output import deliver

            deliver(f"{line}\n".encode())  # nobody reads it? The exit code still tells


def write_output(path: Path, data: bytes) -> None:
    """Replace a file whole: a collector that reads it meanwhile gets the old content. Raises ChatError."""
    from chatctl.common.files import replace_file
    from chatctl.errors import ChatError, reason_of

    path = path.resolve()
    try:
        replace_file(path, data, durable=True, private=False)
    except OSError as error:
        raise ChatError(f"cannot write {path}: {reason_of(error)}") from None

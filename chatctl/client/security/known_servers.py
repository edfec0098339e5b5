"""Servers whose certificate somebody has accepted: the file ``known_servers`` in the state directory.

A line is ``HOST:PORT SHA256:…``; ``#`` begins a comment. Of two lines for one server, either certificate is accepted.
"""

from __future__ import annotations

from pathlib import Path

from chatctl.client.core.address import Address
from chatctl.common import fingerprints
from chatctl.common.file_reads import read_own
from chatctl.common.files import locked_folder, private_folder, replace_file
from chatctl.common.paths import state_dir
from chatctl.errors import NoHome, Untrusted, reason_of


def known_servers() -> Path:
    """Return the path of the file. Raises NoHome."""
    return state_dir() / "known_servers"


def key_of(address: Address) -> str:
    """Return the first word of a server's line. Host names have no case."""
    return str(address).lower()


def pins_of(address: Address) -> list[str]:
    """Return the known fingerprints of a server; empty if it is not known.

    Raises:
        Untrusted: the file can't be read, or others can change it. To continue as if it were empty would trust any
            server.
    """
    try:
        path = known_servers()
    except NoHome:
        return []
    return [pin for where, pin in _entries(path, _read(path)) if where == key_of(address)]


def _read(path: Path) -> str:
    try:
        return read_own(path).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        why = reason_of(error)
        raise Untrusted(f"cannot read {path}, where known certificates are kept: {why}") from None


def _entries(path: Path, text: str) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            where, pin = words
            found.append((where.lower(), fingerprints.parse(pin)))
        except ValueError:
            raise Untrusted(
                f"{path}, line {number}: a line is HOST:PORT SHA256:… (correct it, or take it out)"
            ) from None
    return found


def remember(address: Address, pin: str) -> bool:
    """Add a fingerprint to those of a server; return whether that was possible."""
    try:
        path = known_servers()
        private_folder(path.parent)
        with locked_folder(path.parent):  # two processes that add at once must not lose a line
            text = _read(path)
            end = "\n" if text and not text.endswith("\n") else ""
            replace_file(path, f"{text}{end}{key_of(address)} {pin}\n".encode(), durable=True, alone=True)
    except OSError:
        return False
    return True

"""The units of contrib/, as systemd reads them."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

from chatctl.protocol import DEFAULT_TLS_PORT
from tests.support.environment import DEADLINE, ROOT
from tests.support.needs import need

UNITS = ("chatctl.service", "chatctl.socket")


def test_systemd_finds_no_fault_in_them(tmp_path: Path) -> None:
    """The command stands where pipx puts it; here it is a program that is surely there."""
    need("systemd-analyze")
    for name in UNITS:
        text = (ROOT / "contrib" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/chatctl", sys.executable))
    drop_in = tmp_path / "chatctl.service.d" / "postgres.conf"
    drop_in.parent.mkdir()
    drop_in.write_text((ROOT / "contrib" / "scaling" / "chatctl.service.d-postgres.conf").read_text())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_socket_fits_the_service() -> None:
    """The service listens with TLS alone, and the server takes that socket by its name."""
    units = {}
    for name in UNITS:
        unit = units[name] = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(ROOT / "contrib" / name)
    socket = units["chatctl.socket"]["Socket"]
    assert (socket["FileDescriptorName"], socket["ListenStream"]) == ("tls", str(DEFAULT_TLS_PORT))
    assert "Accept" not in socket
    assert "--tls self --no-plain" in units["chatctl.service"]["Service"]["Environment"]

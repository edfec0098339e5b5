"""Lists of networks in files."""

import ipaddress
import os
from pathlib import Path

import pytest

from chatctl.errors import ChatError
from chatctl.server.reload import read_nets


def test_networks_may_stand_in_files(tmp_path: Path) -> None:
    """Beside those of the command line, with comments."""
    file = tmp_path / "nets"
    file.write_text("# ours\n10.0.0.1/8 # the old one\n\n  fd00::7\n")
    here = ipaddress.ip_network("192.0.2.0/24")
    assert [str(net) for net in read_nets([here, file])] == ["192.0.2.0/24", "10.0.0.0/8", "fd00::7/128"]


@pytest.mark.parametrize("line", ["10.0.0.0/8 fd00::/8", "example.com", "10.0.0.0/33", "@other"])
def test_a_line_that_is_no_network_is_named(line: str, tmp_path: Path) -> None:
    """Half a list would shut out, or let in, the wrong ones."""
    (tmp_path / "nets").write_text(f"10.0.0.0/8\n{line}\n")
    with pytest.raises(ChatError, match=r"nets, line 2: '.*' is not a network"):
        read_nets([tmp_path / "nets"])
    with pytest.raises(ChatError, match="cannot read the networks in"):
        read_nets([tmp_path / "missing"])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would have the whole server wait until somebody writes into it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ChatError, match="not a regular file"):
        read_nets([tmp_path / "pipe"])


def test_a_file_of_another_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "nets").write_bytes(b"\xef\xbb\xbf10.0.0.0/8\r\n192.0.2.7\r\n")
    assert [str(net) for net in read_nets([tmp_path / "nets"])] == ["10.0.0.0/8", "192.0.2.7/32"]

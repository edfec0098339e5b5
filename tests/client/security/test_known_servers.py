"""The file of accepted certificates: a line that can't be read trusts nobody."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatctl.client.core.address import Address
from chatctl.client.security.known_servers import known_servers, pins_of, remember
from chatctl.errors import Untrusted
from tests.support.killed import killed_at_the_rename

HERE, THERE = Address("A.example", 5501), Address("b.example", 5501)
PIN, OTHER = "SHA256:" + "A" * 43, "SHA256:" + "E" * 43


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    return tmp_path


def write(text: str) -> None:
    known_servers().touch(0o600)
    known_servers().write_text(text)


def test_a_server_is_known_by_its_host_and_port_whatever_their_case() -> None:
    assert pins_of(HERE) == []
    assert remember(HERE, PIN)
    assert remember(HERE, OTHER)
    assert pins_of(HERE) == pins_of(Address("a.EXAMPLE", 5501)) == [PIN, OTHER]
    assert pins_of(THERE) == pins_of(Address("a.example", 5502)) == []
    assert stat.S_IMODE(known_servers().stat().st_mode) == 0o600


def test_what_stands_there_stays() -> None:
    """A comment, and a last line without its end."""
    write(f"# mine\n{THERE} {PIN}")
    assert remember(HERE, OTHER)
    assert known_servers().read_text() == f"# mine\n{THERE} {PIN}\na.example:5501 {OTHER}\n"


@pytest.mark.parametrize("line", ["a.example:5501", f"a.example:5501 {PIN} more", "a.example:5501 SHA256:short"])
def test_a_line_that_is_none_trusts_nobody(line: str) -> None:
    write(f"{THERE} {PIN}  # b\n\n{line}\n")
    with pytest.raises(Untrusted, match="known_servers, line 3"):
        pins_of(THERE)


def test_a_file_that_can_not_be_read_trusts_nobody(state: Path) -> None:
    (state / "known_servers").mkdir()
    with pytest.raises(Untrusted, match="cannot read"):
        pins_of(HERE)


def test_no_place_to_keep_it_is_told(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "file").write_text("in the way")
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(state / "file"))
    assert not remember(HERE, PIN)


def test_of_many_that_add_at_once_none_is_lost() -> None:
    servers = [Address("a.example", port) for port in range(1, 41)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda server: remember(server, PIN), servers))
    assert all(pins_of(server) == [PIN] for server in servers)


def test_a_kill_leaves_a_draft_that_the_next_one_uses_up() -> None:
    killed_at_the_rename(lambda: remember(HERE, PIN))
    assert remember(HERE, OTHER)
    assert [path.name for path in known_servers().parent.iterdir()] == ["known_servers"]
    assert pins_of(HERE) == [OTHER]


def test_a_file_that_others_can_change_trusts_nobody() -> None:
    """Whoever writes to it takes the place of every server."""
    assert remember(HERE, PIN)
    known_servers().chmod(0o666)
    with pytest.raises(Untrusted, match="others can change it: chmod 600"):
        pins_of(HERE)
    with pytest.raises(Untrusted, match="others can change it"):
        remember(HERE, OTHER)
    known_servers().chmod(0o600)
    assert pins_of(HERE) == [PIN]

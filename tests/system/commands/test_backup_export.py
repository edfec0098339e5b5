"""Backups and exports: through a running server, and from a file at rest."""

import json
import re
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatctl.common.paths import admin_socket, reachable_socket
from chatctl.errors import ChatError
from chatctl.main import cli
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Run
from tests.support.processes import err_line
from tests.support.server_process import Server

Serve = Callable[..., Server]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "rooms.db"


def talk(run: Run, server: Server, *texts: str) -> None:
    for text in texts:
        assert run("send", "--nick", "Ana", text, port=server.port).returncode == 0


def exported(run: Run, *args: str, port: int | None = None) -> str:
    done = run("export", *args, port=port)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


@pytest.fixture
def says_done(kept: Path) -> Iterator[None]:
    """Stand in a server's place, say that all is done, and do nothing."""

    def answer() -> None:
        with listener.accept()[0] as client:
            client.recv(4096)
            client.sendall(b'{"ok": true}\n')

    kept.parent.mkdir()
    with reachable_socket(admin_socket(kept)) as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join(DEADLINE)


@pytest.mark.usefixtures("says_done")
def test_a_backup_that_is_nowhere_is_none(kept: Path) -> None:
    """A service has a /tmp of its own: what the server calls done would be missed on the day that it is needed."""
    done = CliRunner().invoke(cli, ["backup", "--journal", str(kept), str(kept.with_name("copy.db"))])
    assert isinstance(done.exception, ChatError)
    assert "it is not here" in done.exception.text


@pytest.mark.usefixtures("says_done")
def test_a_backup_where_we_can_not_look_is_the_server_s_word(kept: Path) -> None:
    """It may have been made for another user."""
    done = CliRunner().invoke(cli, ["backup", "--journal", str(kept), str(kept.with_name("x" * 300))])
    assert (done.exit_code, done.exception) == (0, None)


def test_a_journal_that_we_can_not_look_at(run: Run, tmp_path: Path) -> None:
    """That is another line than for one that is not there; and no fault of ours."""
    done = run("export", "--journal", str(tmp_path / ("x" * 300)))
    assert done.returncode == 1
    assert re.match("chatctl: cannot open the journal .*: file name too long", err_line(done))


def texts(jsonl: str) -> list[str]:
    return [json.loads(line)["text"] for line in jsonl.splitlines()]


def epoch_of(server: Server) -> str:
    with server.wire() as wire:
        wire.send(b'{"type":"hello","v":1,"mode":"watch"}\n')
        return str(wire.frame("welcome")["epoch"])


def test_a_backup_of_a_running_server_holds_what_was_acknowledged(
    run: Run, serve: Serve, kept: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    server = serve("--journal", str(kept))
    talk(run, server, "one", "two")
    done = run("backup", str(copy), "--journal", str(kept))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    talk(run, server, "three")
    server.stop()
    assert texts(exported(run, "--journal", str(copy))) == ["one", "two"]
    assert texts(exported(run, "--journal", str(kept))) == ["one", "two", "three"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_backup_of_a_server_whose_socket_is_elsewhere(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    copy, at = tmp_path / "copy.db", str(tmp_path / "orders.sock")
    server = serve("--journal", str(kept), "--admin-socket", at)
    talk(run, server, "one")
    done = run("backup", str(copy), "--journal", str(kept), "--admin-socket", at)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert texts(exported(run, "--journal", str(copy))) == ["one"]


def test_a_backup_of_a_file_at_rest(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    server = serve("--journal", str(kept))
    talk(run, server, "one")
    server.stop()
    copy = tmp_path / "copy.db"
    assert run("backup", str(copy), "--journal", str(kept)).returncode == 0
    assert texts(exported(run, "--journal", str(copy))) == ["one"]


def test_a_backup_overwrites_nothing(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    server = serve("--journal", str(kept))
    done = run("backup", str(copy), "--journal", str(kept))
    server.stop()
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert copy.read_text() == "mine"


def test_a_backup_of_nothing_says_so(run: Run, serve: Serve, tmp_path: Path) -> None:
    done = run("backup", str(tmp_path / "copy.db"), "--journal", str(tmp_path / "none.db"))
    assert done.returncode == 1
    assert "there is no journal" in done.stderr.decode()


def test_only_the_operator_reaches_the_socket(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    socket = kept.with_name("rooms.db.sock")
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    server.stop()
    assert not socket.exists()


def test_a_restored_backup_is_another_log(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    """Whoever resumes in it is told: their place in the log is not what it was."""
    copy = tmp_path / "copy.db"
    server = serve("--journal", str(kept))
    talk(run, server, "one")
    assert run("backup", str(copy), "--journal", str(kept)).returncode == 0
    epoch = epoch_of(server)
    server.stop()
    kept.write_bytes(copy.read_bytes())
    server = serve("--journal", str(kept))
    assert epoch_of(server) != epoch
    assert texts(exported(run, port=server.port)) == ["one"]

    server.stop()


def test_an_export_reads_the_whole_log_in_pages(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept), "--rate", "off", "--ring-entries", "10")
    lines = "".join(f"m{n}\n" for n in range(2500))
    done = run("send", "--lines", "--timeout", "20s", stdin=lines.encode(), port=server.port)
    assert done.returncode == 0
    assert texts(exported(run, port=server.port)) == [f"m{n}" for n in range(2500)]

    server.stop()


def test_since_and_until_bound_an_export(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    talk(run, server, "one", "two", "three")
    times = [json.loads(line)["time"] for line in exported(run, port=server.port).splitlines()]
    server.stop()
    at_rest = ("--journal", str(kept))
    assert texts(exported(run, *at_rest, "--since", "1h")) == ["one", "two", "three"]
    assert texts(exported(run, *at_rest, "--until", "1h")) == []
    second = datetime.fromtimestamp((times[0] + times[1]) / 2, UTC).isoformat()
    assert texts(exported(run, *at_rest, "--since", second)) == ["two", "three"]
    assert texts(exported(run, *at_rest, "--until", second)) == ["one"]


def test_a_moment_that_is_none_is_a_usage_error(run: Run, serve: Serve) -> None:
    done = run("export", "--since", "yesterdayish")
    assert done.returncode == 2
    assert "is not a moment" in done.stderr.decode()


def test_the_file_of_a_running_server_is_not_read(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    done = run("export", "--journal", str(kept))
    server.stop()
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1


HOSTILE = "<script>alert(1)</script> \x1b]0;title\x07 \u202e & \"quotes\" 'too'\nsecond <b>line"


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_is_one_page_in_which_nothing_that_was_typed_acts(run: Run, serve: Serve, kept: Path) -> None:
    server = serve("--journal", str(kept))
    talk(run, server, HOSTILE)
    html = exported(run, "--format", "html", port=server.port)
    server.stop()
    page = Page()
    page.feed(html)
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "time", "span", "b", "em"}
    assert "<script>alert(1)</script>" in page.text
    assert "viewport" in html
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", html)


@pytest.mark.parametrize("form", ["jsonl", "text"])
def test_an_export_on_a_terminal_is_clean(run: Run, serve: Serve, kept: Path, form: str) -> None:
    server = serve("--journal", str(kept))
    talk(run, server, HOSTILE)
    shown = exported(run, "--format", form, port=server.port)
    server.stop()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    if form == "jsonl":
        assert texts(shown) == [HOSTILE]


def test_a_backup_makes_no_folders(run: Run, serve: Serve, kept: Path, tmp_path: Path) -> None:
    """A volume that is not mounted must not look like a good backup."""
    serve("--journal", str(kept))
    done = run("backup", str(tmp_path / "not" / "mounted.db"), "--journal", str(kept))
    assert done.returncode == 1
    assert "there is no folder" in done.stderr.decode()
    assert not (tmp_path / "not").exists()


def test_no_time_at_all_is_a_usage_error(run: Run) -> None:
    """It would look like a server that is down, and wake somebody."""
    assert run("send", "--timeout", "0", "x").returncode == 2
    assert run("probe", "--timeout", "0").returncode == 3

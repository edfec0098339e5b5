"""``chatctl serve --web``: the port for browsers of a real server, on uvloop where that is installed."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support.environment import clean_env
from tests.support.fixture_types import Run, Serve, Start
from tests.support.loaded_modules import loaded_by_server
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.support.tls import guarded
from tests.support.web import Answer, WebWire, exchange, port_of, request, request_bytes, say
from tests.system.commands.manager import handed_over

LIBRARIES = {"h11", "websockets", "chatctl.server.web.port"}


def test_browsers_programs_and_requests_in_one_room(serve: Serve, run: Run, env: dict[str, str]) -> None:
    server = serve("--web", "0")
    port = port_of(server)
    page, text = WebWire(port).enter("nadia"), server.wire().send(b"omar\n")
    page.frame("join", where=lambda frame: frame["nicks"] == ["omar"])
    assert run("send", "from a script", port=server.port).returncode == 0
    assert say(port, "from a request").status == 200
    page.say("from a page")
    assert page.texts(last="from a page") == ["from a script", "from a request", "from a page"]
    assert text.until(b"nadia: from a page\n")
    assert len(request(port).body.splitlines()) == 3
    server.signal(signal.SIGTERM)
    assert page.frames_to_the_end()[-1]["type"] == "bye"
    assert page.close_code == 1000
    assert server.wait() == 0


def test_a_killed_server_leaves_nothing_out_and_says_nothing_twice(serve: Serve, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve("--web", "0", *journal)
    port = port_of(server)
    key = {"authorization": "Bearer " + "ab" * 16, "idempotency_key": "1"}
    page = WebWire(port).enter("nadia", token="cd" * 16)
    assert say(port, "kept", **key).json["duplicate"] is False
    page.frame("msg")
    server.process.kill()
    server.wait()
    server = serve("--web", "0", *journal)
    port = port_of(server)
    again = say(port, "kept", **key).json
    assert (again["seq"], again["duplicate"]) == (1, True)
    back = WebWire(port).enter("nadia", token="cd" * 16, resume={"epoch": page.welcome["epoch"], "after": 0})
    assert back.say("new").texts(last="new") == ["kept", "new"]


# --- where it listens


def test_it_says_what_to_open_in_a_browser(serve: Serve) -> None:
    server = serve("--web", "0")
    port = port_of(server)
    assert server.process.stdout is not None
    lines = [server.process.stdout.readline().decode() for _ in range(3)]
    assert lines[1] == f"open in a browser: http://127.0.0.1:{port}/\n"
    assert lines[2].startswith("join with: ")


def test_it_has_an_address_of_its_own(serve: Serve) -> None:
    server = serve("--host", "0.0.0.0", "--web", "127.0.0.1:0")
    assert server.first_line.startswith("chatctl 0.2.0 listening on 0.0.0.0:")
    assert server.process.stdout is not None
    assert re.search(r"listening on 127\.0\.0\.1:\d+ with HTTP$", server.process.stdout.readline().decode().strip())


@pytest.mark.parametrize(("web", "has_tls"), [("0", True), ("127.0.0.1:0", False)])
def test_it_has_tls_where_others_can_reach_it(web: str, tmp_path: Path, *, has_tls: bool) -> None:
    """On loopback stands a proxy that has the TLS itself."""
    tls = ("--host", "0.0.0.0", "--tls", "self", "--no-plain", "--tls-port", "0")
    server = Server(*tls, "--web", web, env=clean_env(tmp_path))
    try:
        port = port_of(server)
        assert request(port).status == (400 if has_tls else 200)
        page = WebWire(port, tls=has_tls).enter("nadia")
        assert page.say("hello").texts(last="hello")
    finally:
        server.stop()


def test_a_password_keeps_it_from_listening_beyond_this_machine_without_tls(run: Run, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("sesame\n")
    (tmp_path / "word").chmod(0o600)
    done = run("serve", "--password-file", "word", "--web", "0.0.0.0:0", port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "a password needs TLS beyond this machine" in err_line(done)


def test_a_password_and_a_certificate_go_together(tmp_path: Path) -> None:
    server = guarded(tmp_path, "sesame", "--no-plain", "--web", "0")
    try:
        found = re.search(r":(\d+) with HTTP$", "\n".join(server.lines), re.MULTILINE)
        assert found is not None, server.lines
        assert request(int(found[1])).status == 401
    finally:
        server.stop()


def test_without_tls_beyond_this_machine_it_warns(serve: Serve) -> None:
    serve("--web", "0.0.0.0:0").wait_for_log("listening to other machines without TLS")


def test_names_are_those_of_the_host_and_of_each_origin(serve: Serve) -> None:
    port = port_of(serve("--host", "localhost", "--web", "0", "--web-origin", "https://Chat.example.org/"))
    for host, expected in (("chat.example.org", 200), ("localhost", 200), (socket.gethostname() + ".evil", 421)):
        assert request(port, host=host).status == expected
    WebWire(port, host="chat.example.org", origin="https://chat.example.org").enter("nadia")
    refused = Answer.of(exchange(port, request_bytes("GET", "/ws", origin="http://chat.example.org")).rest())
    assert refused.refusal == (403, "forbidden")


def test_the_name_of_this_machine_counts_where_it_listens_everywhere(serve: Serve) -> None:
    here, everywhere = port_of(serve("--web", "0")), port_of(serve("--web", "0.0.0.0:0"))
    assert request(here, host=socket.gethostname()).status == 421
    assert request(everywhere, host=socket.gethostname()).status == 200


def test_each_refusal_is_in_the_log(serve: Serve) -> None:
    server = serve("--web", "0")
    port = port_of(server)
    request(port, host="evil.example")
    server.wait_for_log("this server is not known as evil.example: start it with --web-origin")
    say(port, "x", origin="https://chat.example.org")
    server.wait_for_log("start it with --web-origin https://chat.example.org")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--web x", "'x' is not [HOST:]PORT"),
        ("--web 70000", "'70000' is not [HOST:]PORT"),
        ("--web ::1:5580", "'::1:5580' is not [HOST:]PORT"),
        ("--web 0 --web-origin chat.example.org", "'chat.example.org' is not an origin"),
        ("--web-origin https://chat.example.org", "--web-origin needs --web PORT"),
        ("--web 0 --no-tcp --unix s", "--no-tcp leaves no port for --web"),
    ],
)
def test_what_is_not_understood(run: Run, options: str, told: str) -> None:
    done = run("serve", *options.split())
    assert done.returncode == 2
    assert told in err_line(done)


def test_a_port_that_is_in_use_names_the_option(run: Run, house: Server) -> None:
    done = run("serve", "--web", str(house.port), port=0)
    assert (done.returncode, done.stdout) == (1, b"")
    assert "choose another with --web" in err_line(done)


def test_the_configuration_file_has_it_too(start: Start, tmp_path: Path, env: dict[str, str]) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[serve]\nport = 0\nweb = 0\nweb-origin = ['https://chat.example.org']\n")
    process = start("serve", env=env | {"CHATCTL_CONFIG": str(file)})
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(2)]
    port = int(lines[1].split()[4].rpartition(":")[2])
    assert request(port, host="chat.example.org").status == 200


def test_systemd_hands_over_its_socket(tmp_path: Path) -> None:
    with handed_over(tmp_path, "web", "5580") as (port, line):
        assert line == f"chatctl 0.2.0 listening on 127.0.0.1:{port} with HTTP"
        assert say(port, "x").status == 200


# --- what it costs those who do not use it


@pytest.mark.parametrize("options", [(), ("--web", "0")])
def test_its_libraries_are_imported_by_a_server_with_it_alone(env: dict[str, str], options: tuple[str, ...]) -> None:
    names = loaded_by_server(env, *options)
    assert "chatctl.server.server" in names
    assert LIBRARIES & names == (LIBRARIES if options else set())

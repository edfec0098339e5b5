"""The line that says how to join, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatctl.server.options import WebOptions
from chatctl.server.startup import how_to_join, page_address

PIN = "SHA256:FIrGiX9dI0XZTnjrukwS36ET0pxuPJJkNUX4YZ/Y4Co"


PLAIN, SECURE = ("127.0.0.1", 5500), ("127.0.0.1", 5501)


@pytest.mark.parametrize(
    ("host", "tcp", "secure", "pin", "joins"),
    [
        ("127.0.0.1", [PLAIN], [], None, "--host 127.0.0.1 --port 5500"),
        ("localhost", [("::1", 5500, 0, 0), PLAIN], [], None, "--host localhost --port 5500"),
        ("::1", [("::1", 41000, 0, 0)], [], None, "--host ::1 --port 41000"),
        ("fe80::1%eth0", [("fe80::1%eth0", 5500, 0, 2)], [], None, "--host fe80::1%eth0 --port 5500"),
        ("0.0.0.0", [("0.0.0.0", 5500)], [], None, "--host chat --port 5500"),
        ("::", [("0.0.0.0", 5500), ("::", 5500, 0, 0)], [], None, "--host chat --port 5500"),
        ("0", [("0.0.0.0", 5500)], [], None, "--host chat --port 5500"),
        ("chat.example.org", [("192.0.2.7", 5500)], [], None, "--host chat.example.org --port 5500"),
        ("127.0.0.1", [PLAIN], [SECURE], PIN, f"--host 127.0.0.1 --port 5501 --tls --pin {PIN}"),
        ("127.0.0.1", [], [SECURE], PIN, f"--host 127.0.0.1 --port 5501 --tls --pin {PIN}"),
        ("::", [], [("::", 5501, 0, 0)], PIN, f"--host chat --port 5501 --tls --pin {PIN}"),
        ("0.0.0.0", [], [("0.0.0.0", 5501)], None, "--host HOST --port 5501 --tls"),
        ("127.0.0.1", [PLAIN], [SECURE], None, "--host HOST --port 5501 --tls"),
    ],
)
@pytest.mark.parametrize("unix", [None, Path("/run/chat.sock")])
def test_how_to_join(
    host: str,
    tcp: list[tuple[str, int]],
    secure: list[tuple[str, int]],
    pin: str | None,
    joins: str,
    unix: Path | None,
) -> None:
    """TLS goes before plain, TCP before a unix socket; HOST stands for what only the operator's certificate says."""
    assert how_to_join(host, tcp, secure, unix=unix, pin=pin, machine="chat") == f"chatctl join {joins}"


@pytest.mark.parametrize("machine", ["", "localhost", "localhost.localdomain"])
def test_a_machine_without_a_name_of_its_own_has_a_placeholder(machine: str) -> None:
    """Elsewhere, ``localhost`` is another machine."""
    assert how_to_join("0.0.0.0", [("0.0.0.0", 5500)], [], machine=machine) == "chatctl join --host HOST --port 5500"


@pytest.mark.parametrize(
    ("path", "joins"),
    [
        ("/run/chat.sock", "--unix /run/chat.sock"),
        ("/run/our room's.sock", """--unix '/run/our room'"'"'s.sock'"""),
        ("chat.sock", "--unix {here}/chat.sock"),
    ],
)
def test_the_unix_socket_where_there_is_no_tcp(
    path: str, joins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its path is whole, so that the line works in every directory, and quoted for the shell."""
    monkeypatch.chdir(tmp_path)
    assert how_to_join(None, [], [], unix=Path(path), machine="chat") == f"chatctl join {joins.format(here=tmp_path)}"


@pytest.mark.parametrize(
    ("web", "host", "bound", "secure", "expected"),
    [
        (WebOptions(None, 5580), "127.0.0.1", ("127.0.0.1", 5580), False, "http://127.0.0.1:5580/"),
        (WebOptions(None, 0), "chat.lan", ("192.0.2.7", 5580), True, "https://chat.lan:5580/"),
        (WebOptions("::1", 5580), "0.0.0.0", ("::1", 5580, 0, 0), False, "http://[::1]:5580/"),
        (WebOptions(None, 5580), "0.0.0.0", ("0.0.0.0", 5580), False, "http://box:5580/"),
        (WebOptions(None, 5580), None, ("127.0.0.1", 5580), False, "http://127.0.0.1:5580/"),
        (WebOptions("127.0.0.1", 5580, ("https://a.example", "https://b.example")), "0.0.0.0", ("127.0.0.1", 5580),
         False, "https://a.example/"),
    ],
)  # fmt: skip
def test_the_page_is_opened_where_browsers_are_let_in(
    web: WebOptions, host: str | None, bound: tuple[object, ...], expected: str, *, secure: bool
) -> None:
    assert page_address(web, host, bound, secure=secure, machine="box") == expected

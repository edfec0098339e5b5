"""HAProxy and nginx with the files of contrib/, in front of a server that takes nothing but what comes through them.

Those for browsers end TLS themselves, so here they have a certificate of the tests' authority.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatctl.server.certificates import Tls
from tests.support.environment import DEADLINE, ROOT, clean_env
from tests.support.fixture_types import Run, Serve
from tests.support.needs import need
from tests.support.processes import free_port, kill
from tests.support.tls import Authority, TlsServer, context
from tests.support.web import WebWire, port_of, request_bytes

STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
"""Where Debian has it; elsewhere it is built in."""


def here(name: str, port: int, server: int) -> str:
    """Return a file of contrib/ with ports of this test in place of its own."""
    text = (ROOT / "contrib" / name).read_text()
    assert "10.0.0.2:5501" in text
    text = text.replace("10.0.0.2:5501", f"127.0.0.1:{server}")
    return re.sub(r"(bind :|listen )5501", lambda found: f"{found[1].replace(':', '127.0.0.1:')}{port}", text)


def haproxy(folder: Path, port: int, server: int) -> list[str]:
    path = folder / "haproxy.cfg"
    path.write_text(here("haproxy.cfg", port, server).replace("inter 10s", "inter 100ms"))
    return ["haproxy", "-db", "-f", str(path)]


def nginx(folder: Path, port: int, server: int) -> list[str]:
    path = folder / "nginx.conf"
    stream = here("nginx.conf", port, server).replace("listen ", "listen 127.0.0.1:")
    module = f"load_module {STREAM_MODULE};\n" if STREAM_MODULE.exists() else ""
    own = f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n"
    path.write_text(module + own + stream)
    return ["nginx", "-p", str(folder), "-c", str(path), "-e", "stderr"]


PROXIES: dict[str, Callable[[Path, int, int], list[str]]] = {"haproxy": haproxy, "nginx with stream": nginx}


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a proxy, and wait until it listens or has ended."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), DEADLINE):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        assert process.poll() is None, f"it ended with {process.returncode}"
        yield process
    finally:
        kill(process)


@pytest.mark.parametrize("name", PROXIES, ids=("haproxy", "nginx"))
def test_a_room_behind_it(name: str, run: Run, tmp_path: Path) -> None:
    """TLS goes through as it is, pin included, and the server knows each client by its own address."""
    need(name)
    server = TlsServer("--no-plain", "--tls", "self", "--proxied-from", "127.0.0.1", env=clean_env(tmp_path / "state"))
    port = free_port()
    try:
        with running(PROXIES[name](tmp_path, port, server.tls_port), port):
            done = run("probe", "--tls", "--pin", server.pin, port=port)
            assert (done.returncode, done.stderr) == (0, b"")
            away = socket.create_connection(("127.0.0.1", port), DEADLINE, source_address=("127.0.0.9", 0))
            with away, context().wrap_socket(away) as secure:
                secure.sendall(b'{"type":"hello","v":1,"nick":"omar"}\n')  # who is not let in is told of at its end
                server.wait_for_log(f"Connected with 127.0.0.9:{secure.getsockname()[1]}")
    finally:
        log = server.stop()
    assert "refused a proxy" not in log


# --- as web servers


def web_here(name: str, folder: Path, port: int, server: int) -> str:
    """Return a file of contrib/ for browsers with ports and a certificate of this test in place of its own."""
    pem = Authority(folder).sign("chat.example.org")
    text = (ROOT / "contrib" / name).read_text()
    assert text.count("127.0.0.1:5580") > 1
    text = text.replace("127.0.0.1:5580", f"127.0.0.1:{server}")
    text = re.sub(r"/etc/ssl/chat\.example\.org\.(pem|key)", str(pem), text)
    return re.sub(r"(bind |listen ):?443", rf"\g<1>127.0.0.1:{port}", text)


def haproxy_web(folder: Path, port: int, server: int) -> list[str]:
    path = folder / "haproxy.cfg"
    path.write_text(web_here("haproxy-web.cfg", folder, port, server))
    return ["haproxy", "-db", "-f", str(path)]


def nginx_web(folder: Path, port: int, server: int) -> list[str]:
    path = folder / "nginx.conf"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    own = f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n"
    web = web_here("nginx-web.conf", folder, port, server)
    path.write_text(f"{own}http {{\naccess_log off;\n{temporary}{web}\n}}\n")
    return ["nginx", "-p", str(folder), "-c", str(path), "-e", "stderr"]


def pin_of(folder: Path) -> str:
    """Return the fingerprint of the certificate of ``web_here``."""
    [pem] = folder.glob("chat.example.org-*.pem")
    return Tls(pem, None).current.fingerprint


WEB_PROXIES: dict[str, Callable[[Path, int, int], list[str]]] = {"haproxy": haproxy_web, "nginx": nginx_web}


@pytest.mark.parametrize("name", WEB_PROXIES)
@pytest.mark.parametrize("origins", [("--web-origin", "https://chat.example.org"), ()], ids=["named", "unnamed"])
def test_browsers_behind_it(name: str, origins: tuple[str, ...], serve: Serve, run: Run, tmp_path: Path) -> None:
    """A page's origin is that of the proxy, which has to be named; a client counts for its own address."""
    need(name)
    port = free_port()
    here = f"https://127.0.0.1:{port}"
    named = (*origins, "--web-origin", here) if origins else ()
    server = serve("--web", "127.0.0.1:0", *named, "--proxied-from", "127.0.0.1")
    with running(WEB_PROXIES[name](tmp_path, port, port_of(server)), port):
        known = {"host": "chat.example.org", "origin": "https://chat.example.org"}
        if not origins:
            with pytest.raises(AssertionError, match=r"HTTP/1.1 421"):
                WebWire(port, tls=True, **known)
            server.wait_for_log("this server is not known as chat.example.org: start it with --web-origin")
            done = run("probe", "--web", here, "--pin", pin_of(tmp_path))
            assert (done.returncode, f"start it with --web-origin {here}" in done.stdout.decode()) == (2, True), done
            return
        done = run("probe", "--web", here, "--pin", pin_of(tmp_path))
        assert (done.returncode, done.stdout[:2]) == (0, b"OK"), done
        page = WebWire(port, tls=True, **known).enter("nadia")
        sock = socket.create_connection(("127.0.0.1", port), DEADLINE, source_address=("127.0.0.9", 0))
        with sock, context().wrap_socket(sock) as away:
            target = "/rooms/lobby?nick=ci"
            forged = {"x_forwarded_for": "203.0.113.7", "connection": "close"}
            away.sendall(request_bytes("POST", target, b"through it", **known, **forged))
            assert away.recv(12) == b"HTTP/1.1 200"
        assert page.frame("msg")["text"] == "through it"
        server.wait_for_log("127.0.0.9")
        assert "203.0.113.7" not in server.stderr_text()
        page.say_frame(type="bye")
        page.rest()
        assert page.close_code == 1000

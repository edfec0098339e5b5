"""The commands and TLS: whom they trust, what they say when they don't, and that nothing is sent then."""

from __future__ import annotations

import ssl
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from chatctl.cli.config_defaults import config_option
from chatctl.cli.options import ServerOptions, server_options
from chatctl.client.core.address import Address
from chatctl.common.fingerprints import shown
from chatctl.main import cli
from tests.support.environment import clean_env
from tests.support.loaded_modules import loaded_by
from tests.support.stub import Stub
from tests.support.tls import Authority, TlsServer, fingerprint_of
from tests.system.tls.conftest import Run, Serve, Start

OTHER_PIN = shown(bytes(32))

COMMANDS = {
    "send": ["send", "hello"],
    "lines": ["send", "--lines"],
    "tail": ["tail", "-n", "1", "--no-follow"],
    "who": ["who"],
    "search": ["search", "nobody-said-that"],
    "join": ["join"],
    "ask": ["ask", "well?"],
    "export": ["export"],
    "run": ["run", "--require-room", "--", "true"],
    "probe": ["probe"],
    "bench": ["bench", "--room", "lobby", "--members", "2", "--duration", "50ms"],
}


def at(port: int, *more: str) -> tuple[str, ...]:
    return ("--port", str(port), *more)


def know(state: Path, port: int, pin: str) -> Path:
    """Keep a pin as somebody who said yes has it."""
    state.mkdir(exist_ok=True)
    (state / "known_servers").write_text(f"# by hand\n127.0.0.1:{port} {pin}\n")
    return state / "known_servers"


def told(done: object) -> str:
    """Return the output that tells a person: stdout of a probe, stderr of all others."""
    out: bytes = done.stdout + done.stderr  # type: ignore[attr-defined]
    return out.decode()


# --- the right server


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("ask", "tail")])
def test_every_command_talks_tls(run: Run, house: TlsServer, name: str) -> None:
    command, *rest = COMMANDS[name]
    stdin = b"a line\n" if name in ("lines", "join") else b""
    done = run(command, *at(house.tls_port, "--pin", house.pin), *rest, stdin=stdin)
    assert done.returncode == (8 if name == "search" else 0), told(done)  # nothing was said


def test_what_was_said_over_tls_is_read_over_tls(run: Run, house: TlsServer) -> None:
    """Long and short ones in turn: each record is read whole, so no wait for the socket misses what was decrypted."""
    where = at(house.tls_port, "--pin", house.pin, "--room", "readers")
    lines = [f"{number} " + "x" * (1800 * (number % 3)) for number in range(300)]
    assert run("send", *where, "--lines", stdin="\n".join(lines).encode()).returncode == 0
    read = run("tail", *where, "-n", "300", "--no-follow", "--json")
    assert [line.split('"text":"')[1].split(" ")[0] for line in read.stdout.decode().splitlines()] == [
        str(number) for number in range(300)
    ]


def test_a_follower_over_tls_gets_what_comes(run: Run, house: TlsServer, start: Start) -> None:
    where = at(house.tls_port, "--pin", house.pin, "--room", "followers")
    follower = start("tail", *where)
    watching = house.secure().enter("watcher", "followers")
    while watching.say_frame(type="who").frame("roster")["watchers"] < 1:
        time.sleep(0.01)
    for number in range(3):
        watching.say(f"message {number}")
        follower.wait_for(f"message {number}")


@pytest.mark.parametrize("by", ["--ca", "SSL_CERT_FILE", "CHATCTL_CA"])
def test_an_authority_vouches(run: Run, signed: TlsServer, authority: Authority, by: str) -> None:
    """``--tls`` alone asks the system's authorities: those of OpenSSL, which that variable names."""
    option = ["--ca", str(authority.path)] if by == "--ca" else ["--tls"] if by == "SSL_CERT_FILE" else []
    environ = {by: str(authority.path)} if by != "--ca" else {}
    done = run("send", *at(signed.tls_port), *option, "hello", **environ)
    assert done.returncode == 0, told(done)
    strange = run("send", *at(signed.tls_port, "--tls"), "hello")
    assert (strange.returncode, "unable to get local issuer" in told(strange)) == (7, True)


def test_without_tls_nothing_of_it_is_loaded(house: TlsServer, tmp_path: Path) -> None:
    """``ssl`` takes longer to load than all that ``send`` does."""
    _, names = loaded_by("send", "--port", str(house.port), "hello", **clean_env(tmp_path))
    assert not names & {"ssl", "cryptography", "asyncio", "chatctl.client.io.blocking_tls"}
    _, names = loaded_by("send", *at(house.tls_port, "--pin", house.pin), "hello", **clean_env(tmp_path))
    assert "ssl" in names
    assert not names & {"cryptography", "asyncio"}


# --- the wrong one


def heard_nothing(server: TlsServer) -> None:
    """Nobody got as far as a hello. Who comes now is logged after all that came before."""
    server.secure().enter("last").say("x", id="1").frame("ack")
    assert server.wait_for_log("Nickname is last").count("Nickname is") == 1


@pytest.mark.parametrize("pinned", ["known", "--pin"])
def test_a_server_with_another_certificate_is_a_hard_stop(run: Run, serve: Serve, state: Path, pinned: str) -> None:
    """For every command: both fingerprints, what to do, and nothing sent."""
    server = serve("--tls", "self")
    option = ["--pin", OTHER_PIN] if pinned == "--pin" else ["--tls"]
    file = know(state, server.tls_port, OTHER_PIN if pinned == "known" else server.pin)
    for command, *rest in COMMANDS.values():
        done = run(command, *at(server.tls_port), *option, *rest, stdin=b"a line\n" if "--lines" in rest else b"")
        assert done.returncode == (2 if command == "probe" else 7), told(done)
        said = told(done)
        assert server.pin in said
        assert OTHER_PIN in said
        assert "nothing was sent" in said
        if pinned == "known":
            assert "HAS CHANGED" in said
            assert f"take the line '127.0.0.1:{server.tls_port} …' out of {file}" in said
    heard_nothing(server)


def test_an_unknown_server_is_not_trusted_without_a_person(run: Run, serve: Serve, state: Path) -> None:
    """Scripts are never asked: what they get is the fingerprint and how to go on, and that works."""
    server = serve("--tls", "self")
    for command, *rest in COMMANDS.values():
        done = run(command, *at(server.tls_port, "--tls"), *rest, stdin=b"yes\n" if command == "join" else b"")
        assert done.returncode == (2 if command == "probe" else 7), told(done)
        assert f"(self-signed certificate): it is {server.pin}; nothing was sent" in told(done)
        assert f"use --pin {server.pin}, or trust it once with: chatctl join --tls --host 127.0.0.1" in told(done)
    assert not (state / "known_servers").exists()
    heard_nothing(server)


def test_a_certificate_for_another_name_is_not_vouched_for(run: Run, serve: Serve, authority: Authority) -> None:
    server = serve("--tls-cert", str(authority.sign("chat.example.org")))
    done = run("send", *at(server.tls_port, "--ca", str(authority.path)), "hello")
    assert done.returncode == 7
    assert "ip address mismatch" in told(done)
    assert fingerprint_of(next(iter(authority.folder.glob("chat.example.org-*")))) in told(done)
    heard_nothing(server)


def test_an_expired_certificate_is_not_vouched_for(run: Run, serve: Serve, authority: Authority) -> None:
    server = serve("--tls-cert", str(authority.sign("127.0.0.1", days=-1)))
    done = run("send", *at(server.tls_port, "--ca", str(authority.path)), "hello")
    assert (done.returncode, "certificate has expired" in told(done)) == (7, True)


def test_a_kept_pin_counts_more_than_an_authority(
    run: Run, signed: TlsServer, authority: Authority, state: Path
) -> None:
    """As with ssh: once somebody has said which one it is, another one is not it, whoever vouches."""
    know(state, signed.tls_port, OTHER_PIN)
    done = run("send", *at(signed.tls_port, "--ca", str(authority.path)), "hello")
    assert (done.returncode, "HAS CHANGED" in told(done)) == (7, True)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("127.0.0.1 SHA256:short", "line 1: a line is HOST:PORT SHA256:…"), ("one two three", "line 1"), (None, "cannot")],
)
def test_known_servers_that_cannot_be_read_trust_nobody(
    run: Run, house: TlsServer, state: Path, line: str | None, wanted: str
) -> None:
    """To pass over them would be to trust whoever is there."""
    state.mkdir()
    if line is None:
        (state / "known_servers").mkdir()
    else:
        (state / "known_servers").write_text(f"{line}\n")
    done = run("send", *at(house.tls_port, "--tls"), "hello")
    assert done.returncode == 7
    assert wanted in told(done)
    assert str(state / "known_servers") in told(done)


@pytest.fixture
def stub() -> Iterator[Callable[..., Stub]]:
    """Put something else at a port."""
    stubs: list[Stub] = []

    def put(handle: Callable[..., None]) -> Stub:
        stubs.append(Stub(handle))
        return stubs[-1]

    yield put
    for one in stubs:
        one.close()


def test_a_port_without_tls_is_told_from_a_server_that_is_away(
    run: Run, house: TlsServer, stub: Callable[..., Stub], start: Start
) -> None:
    done = run("send", *at(house.port, "--tls"), "hello")
    assert done.returncode == 7
    assert f"127.0.0.1:{house.port} does not speak TLS: use --no-tls" in told(done)
    joined = run("join", *at(house.port, "--tls"))
    assert joined.returncode == 7
    assert "does not speak TLS" in told(joined)
    plain = run("send", *at(house.tls_port), "hello")
    assert (plain.returncode, "this port speaks TLS only: use --tls" in told(plain)) == (7, True)
    hangs_up = stub(lambda sock: sock.close())
    done = run("send", *at(hangs_up.port, "--tls"), "hello")
    assert (done.returncode, "closed the connection in the TLS handshake" in told(done)) == (3, True)
    joined = run("join", *at(hangs_up.port, "--tls"))
    assert (joined.returncode, "closed the connection in the TLS handshake" in told(joined)) == (3, True)
    silent = stub(lambda sock: sock.recv(100_000))
    for command in (["send", "--timeout", "300ms"], ["who", "--timeout", "300ms"]):
        done = run(*command, *at(silent.port, "--tls"), "hello")
        assert done.returncode == 3
        assert "does not answer the TLS handshake in time" in told(done)


# --- trust on first use


def test_join_asks_once_and_remembers(start: Start, run: Run, serve: Serve, state: Path) -> None:
    """Whoever does not agree refuses; y is kept, private, and every command believes it."""
    server = serve("--tls", "self")
    where = at(server.tls_port, "--tls", "--nick", "nadia")
    for answer in ("\r", "no\r", "\x04", OTHER_PIN + "\r"):
        refused = start("join", *where)
        refused.wait_for("is not known here (self-signed certificate)", server.pin, "were given)? [y/N]")
        refused.keys(answer)
        assert refused.wait_end() == 7
        assert "is not trusted: nothing was sent" in refused.text()
    assert not (state / "known_servers").exists()
    assert "Nickname" not in server.stderr_text()

    trusted = start("join", *where)
    trusted.wait_for("Trust it")
    trusted.keys("y\r")
    trusted.wait_ready()
    file = state / "known_servers"
    assert file.read_text() == f"127.0.0.1:{server.tls_port} {server.pin}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("send", *at(server.tls_port, "--tls"), "from a script").returncode == 0
    trusted.wait_for("from a script")
    trusted.keys("\x04")
    assert trusted.wait_end() == 0
    assert f"chatctl join --nick nadia --tls --port {server.tls_port}" in " ".join(trusted.text().split())
    again = start("join", *where, "--plain")
    again.wait_for("from a script")
    assert "Trust it" not in again.text()


def test_an_impostor_that_takes_the_port_gets_nothing(
    start: Start, serve: Serve, state: Path, authority: Authority
) -> None:
    """Who is in stays, keeps what is typed, is told, and continues when the right server is back."""
    first = serve("--tls", "self")
    know(state, first.tls_port, first.pin)
    member = start("join", *at(first.tls_port, "--tls", "--nick", "nadia"))
    member.wait_ready()
    first.stop()
    impostor = serve("--tls-cert", str(authority.sign("127.0.0.1")), tls_port=first.tls_port)
    member.keys("\r")
    member.wait_for("HAS CHANGED")
    member.keys("a secret\r")
    assert "Nickname" not in impostor.stop()
    serve("--tls", "self", tls_port=first.tls_port)
    member.wait_for("nadia: a secret")


# --- options


def chosen(folder: Path, *arguments: str, config: str, environ: dict[str, str]) -> Address:
    """Return the address that a command's options come to."""
    found: list[Address] = []

    @click.command()
    @server_options()
    def command(server: ServerOptions) -> None:
        found.append(server.address())

    (folder / "config.toml").write_text(config)
    group = click.Group(commands={"send": command}, params=[config_option()])
    words = ["--config", str(folder / "config.toml"), "send", *arguments]
    done = CliRunner().invoke(group, words, env=environ)
    assert done.exit_code == 0, done.output
    return found[0]


WORK = f'[server.work]\nhost = "work.example"\ntls = true\npin = "{OTHER_PIN}"\n'


@pytest.mark.parametrize(
    ("arguments", "environ", "config", "wanted"),
    [
        ([], {}, "", ("127.0.0.1", 5500, False, None)),
        (["--tls"], {}, "", ("127.0.0.1", 5501, True, None)),
        (["--tls", "--port", "5500"], {}, "", ("127.0.0.1", 5500, True, None)),
        (["--tls", "--server", "a.example"], {}, "", ("a.example", 5501, True, None)),
        (["--tls", "--server", "a.example:5500"], {}, "", ("a.example", 5500, True, None)),
        (["--pin", OTHER_PIN], {}, "", ("127.0.0.1", 5501, True, OTHER_PIN)),
        (["--server", "a.example"], {"CHATCTL_TLS": "1"}, "", ("a.example", 5501, True, None)),
        (["--no-tls"], {"CHATCTL_TLS": "1"}, "", ("127.0.0.1", 5500, False, None)),
        (["--no-tls"], {"CHATCTL_PIN": OTHER_PIN}, "", ("127.0.0.1", 5500, False, None)),
        (["--server", "work"], {}, WORK, ("work.example", 5501, True, OTHER_PIN)),
        ([], {}, '[default]\nserver = "work"\n' + WORK, ("work.example", 5501, True, OTHER_PIN)),
        (["--host", "b.example"], {}, '[default]\nserver = "work"\n' + WORK, ("b.example", 5500, False, None)),
        (["--port", "7"], {}, '[default]\nserver = "work"\n' + WORK, ("work.example", 7, True, OTHER_PIN)),
        ([], {}, "[send]\ntls = true\nport = 7\n", ("127.0.0.1", 7, True, None)),
    ],
)
def test_which_server_the_options_mean(
    tmp_path: Path,
    arguments: list[str],
    environ: dict[str, str],
    config: str,
    wanted: tuple[str, int, bool, str | None],
) -> None:
    """A wish for TLS is lost only with the server of which it was said, never because another option is there."""
    found = chosen(tmp_path, *arguments, config=config, environ=environ)
    assert (found.host, found.port, found.tls, found.pin) == wanted


CLASSIC = "--classic has no TLS: a server of the first version speaks none; say --no-tls to talk to it in the open"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["send", "--pin", "SHA256:short", "x"], "write SHA256: and its 43 characters"),
        (["send", "--unix", "/x", "--tls", "x"], "a unix socket has no TLS"),
        (["send", "--no-tls", "--ca", "x", "x"], "--no-tls leaves nothing to check"),
        (["send", "--classic", "--tls", "x"], CLASSIC),
        (["send", "--classic", "--pin", OTHER_PIN, "x"], CLASSIC),
        (["join", "--classic", "--ca", "x"], CLASSIC),
    ],
)
def test_options_that_make_no_sense_together(arguments: list[str], wanted: str) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert wanted in done.stderr


# --- probe


def test_probe_watches_the_certificates_end(run: Run, serve: Serve, authority: Authority) -> None:
    server = serve("--tls-cert", str(authority.sign("127.0.0.1", days=10.5)))
    where = at(server.tls_port, "--ca", str(authority.path))
    for limits, code, wanted in (
        ([], 0, "cert_days=10."),
        (["--cert-warn", "10"], 0, ";10:;"),
        (["--cert-warn", "20", "--cert-critical", "5"], 1, "WARNING chatctl: cert_days 10."),
        (["--cert-warn", "20", "--cert-critical", "11"], 2, "(limit 11:)"),
        (["--cert-warn", "20", "--format", "json"], 1, '"cert_days": 10.'),
        (["--format", "prometheus"], 0, "chatctl_probe_certificate_days{"),
    ):
        done = run("probe", *where, *limits)
        assert (done.returncode, wanted in told(done)) == (code, True), told(done)
    assert run("probe", "--port", str(server.port), "--cert-warn", "20").returncode == 3


def test_the_lowest_version_is_1_2(run: Run, stub: Callable[..., Stub], good: Path) -> None:
    """A server that knows nothing newer than TLS 1.1 is told as one."""
    import warnings

    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.load_cert_chain(good)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    port = stub(lambda sock: old.wrap_socket(sock, server_side=True).close()).port
    done = run("send", *at(port, "--tls"), "hello")
    assert (done.returncode, "speaks no TLS of version 1.2 or later" in told(done)) == (7, True), told(done)

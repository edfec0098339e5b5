"""The TLS port: who is let in, who is told what, what it costs. On both event loops where they differ."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import subprocess
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from chatctl.common import fingerprints
from chatctl.core.limits import ServerLimits
from chatctl.errors import ChatError
from chatctl.main import cli
from chatctl.server import tls_handshake
from chatctl.server.certificates import Tls
from chatctl.server.connection import Connection
from tests.support.environment import CHATCTL, DEADLINE, ROOT, clean_env
from tests.support.in_process_server import in_process_server
from tests.support.tls import Authority, TlsServer, TlsWire, context, fingerprint_of, silent
from tests.support.wire import Wire
from tests.system.exits.stage import paste
from tests.system.tls.conftest import Serve

TEXTS = 20_000


def test_both_ports_lead_into_one_room(serve: Serve, loop: dict[str, str]) -> None:
    server = serve("--tls", "self", loop=loop)
    plain = server.member("omar")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        secure = server.secure(using=context(minimum_version=version, maximum_version=version)).enter("nadia")
        secure.say("from behind TLS")
        assert plain.frame("msg")["text"] == "from behind TLS"
        plain.say("heard")
        assert secure.texts(last="heard") == ["from behind TLS", "heard"]
        secure.close()
        assert plain.frame("leave")["nicks"] == ["nadia"]


def test_a_text_client_may_use_tls(house: TlsServer) -> None:
    """As ``openssl s_client`` does: what it said before it hung up is said."""
    reader = house.secure().enter("reader")
    house.secure().send(b"text\nhello\n").close()
    assert reader.frame("msg")["text"] == "hello"
    assert reader.frame("leave")["nicks"] == ["text"]


def test_old_tls_is_refused(serve: Serve, loop: dict[str, str]) -> None:
    """TLS 1.1 has known weaknesses; the log says what was wrong."""
    server = serve("--tls", "self", loop=loop)
    old = context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsWire(server.tls_port, using=old)
    assert "unsupported protocol" in server.wait_for_log("no TLS")


def test_who_speaks_plainly_to_the_tls_port_is_told(serve: Serve, loop: dict[str, str]) -> None:
    """In its own dialect, before it has said anything that matters; a line each in the log."""
    server = serve("--tls", "self", loop=loop)
    for said, answer in (
        (b'{"type":"hello","v":1,"nick":"a"}\n', b'"bad_frame","text":"this port speaks TLS only"'),
        (b"rajat\n", b"! this port speaks TLS only\n"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
    ):
        assert answer in Wire(("127.0.0.1", server.tls_port)).send(said).rest()
    server.secure().enter("nadia")
    assert server.stop().count("no TLS peer=") == 3


def test_what_is_no_handshake_ends_in_one_line(serve: Serve, loop: dict[str, str]) -> None:
    """No traceback, nothing left behind: the stop would wait for it, or complain."""
    server = serve("--tls", "self", loop=loop)
    for said in (b"\x16\x03\x01\x00\x05hello", b"\x16" * 70_000):
        assert b"NAME" not in Wire(("127.0.0.1", server.tls_port)).push(said).rest()
    silent(server.tls_port).close()
    silent(server.tls_port, b"\x16\x03\x01").close()
    server.wait_for_log("no TLS", times=3)
    server.secure().enter("nadia")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert "never retrieved" not in server.stop()


def test_a_tls_client_at_the_plain_port_sees_that_it_has_none(house: TlsServer) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)wrong.version.number|record.layer.failure"):
        TlsWire(house.port)


def test_a_stalled_handshake_ends_with_the_time_for_the_hello(good: Path) -> None:
    """The one clock of DESIGN runs from the accept: over the wait, the handshake and the hello together."""
    with in_process_server(ServerLimits(hello_seconds=0.5), Tls(good)) as port:
        member = TlsWire(port).greeted().enter("nadia")
        stalled = [silent(port), silent(port, b"\x16"), silent(port, b"\x16\x03\x01\x02\x00\x01\x00\x01")]
        quiet = TlsWire(port)
        assert b'"code":"not_joined"' in quiet.rest()
        for sock in stalled:
            with sock:
                assert ended(sock)
        assert member.say("not me").frame("msg")["text"] == "not me"


def ended(sock: socket.socket) -> bool:
    """Wait for the other end to close."""
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True


def test_handshakes_of_one_address_are_counted(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who only opens connections takes no more of them than who says hello. Loopback is exempt, so be elsewhere."""
    monkeypatch.setattr("chatctl.server.server.describe", lambda *_: ("somebody", "203.0.113.9"))
    with in_process_server(ServerLimits(per_address=2, hello_seconds=120), Tls(good)) as port:
        first, second = silent(port), silent(port)
        with silent(port) as third:
            assert ended(third)
        for one in (first, second):
            with one:
                one.sendall(b"\x16\x03\x01\x00\x05hello")
                assert ended(one)
        TlsWire(port).greeted().enter("nadia")
        TlsWire(port).greeted().enter("rajat")


def test_handshakes_count_among_the_clients(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.core.connection_limits.SPARE_CLIENTS", 1)
    with (
        in_process_server(ServerLimits(clients=1, hello_seconds=120), Tls(good)) as port,
        silent(port),
        silent(port),
        silent(port) as third,
    ):
        assert ended(third)


def test_the_connection_knows_which_certificate_it_showed(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a signature can be bound to: the same bytes at both ends, and none without TLS."""
    seen: list[Connection] = []
    added = "chatctl.server.server.Server.add"
    from chatctl.server.server import Server

    original = Server.add
    monkeypatch.setattr(added, lambda self, one: (seen.append(one), original(self, one))[1])
    with in_process_server(ServerLimits(), Tls(good)) as port:
        wire = TlsWire(port).greeted().enter("nadia")
        assert [one.info.channel for one in seen] == [fingerprints.digest(wire.certificate)]
        Wire(("127.0.0.1", port)).send(b"plain\n").rest()
        assert seen[1].info.channel == b""


# --- flow


def test_a_slow_reader_has_as_much_time_for_the_last_words_as_without_tls(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's own timer for the end of TLS counts while all that was sent is still flushed, the goodbye with it."""
    seen: list[object] = []
    made = tls_handshake._SmallSSLProtocol.__init__

    def look(*arguments: object, **more: object) -> None:
        seen.append(more["ssl_shutdown_timeout"])
        made(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(tls_handshake._SmallSSLProtocol, "__init__", look)
    with in_process_server(ServerLimits(stall_seconds=77), Tls(good)) as port:
        TlsWire(port).greeted().enter("nadia")
    assert seen == [77]


def test_a_flood_arrives_whole(serve: Serve, loop: dict[str, str]) -> None:
    """Each message once, in order, while both ends' buffers are full now and then."""
    server = serve("--tls", "self", loop=loop)
    reader = server.secure().enter("reader")
    sender = server.secure().enter("sender", mode="post")
    for start in range(0, TEXTS, 500):
        frames = (f'{{"type":"say","text":"{number} {"x" * (number % 300)}"}}' for number in range(start, start + 500))
        sender.send(("\n".join(frames) + "\n").encode())
    numbers = [int(text.split()[0]) for text in reader.texts(last=f"{TEXTS - 1} {'x' * ((TEXTS - 1) % 300)}")]
    assert numbers == list(range(TEXTS))


def test_a_slow_reader_is_paused_and_told_what_it_missed(serve: Serve, loop: dict[str, str]) -> None:
    """Its cursor stands while it does not read: nothing piles up for it, and the others go on."""
    server = serve("--tls", "self", "--ring-entries", "100", loop=loop)
    good, slow = server.member("good"), server.secure(receive_buffer=4096).enter("slow")
    poster = server.member("poster", mode="post")
    rounds, each = 24, 100
    for number in range(rounds):
        for _ in range(each - 1):
            poster.say("x" * 3000)
        poster.say(f"end {number}")
        good.texts(last=f"end {number}")
    seen = missed = 0
    while seen + missed < rounds * each:
        frame = slow.next_frame()
        if frame["type"] == "msg":
            seen += 1
        elif frame["type"] == "gap":
            missed += frame["to"] + 1 - frame["from"]
    assert missed > 1000
    slow.say("I am back")
    assert slow.texts(last="I am back")


def test_what_a_member_costs(serve: Serve, loop: dict[str, str]) -> None:
    """At most 64 KiB, also for one that has sent a lot at once. uvloop's own TLS keeps over 300 KiB for that one."""
    server = serve("--tls", "self", loop=loop)

    def enter(number: int) -> TlsWire:
        wire = server.secure().enter(f"m{number}", mode="post")
        wire.send(b"".join(b'{"type":"ping","t":%d,"more":"%0*d"}\n' % (part, 4000, 0) for part in range(1, 101)))
        while wire.frame("pong").get("t") != 100:
            pass
        return wire

    held = [enter(number) for number in range(30)]
    before = resident(server)
    held += [enter(number) for number in range(30, 130)]
    each = (resident(server) - before) / 100
    assert each <= 64 * 1024, f"{each / 1024:.0f} KiB a member, {len(held)} of them"


def resident(server: TlsServer) -> int:
    fields = Path(f"/proc/{server.process.pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


# --- certificates


def test_a_renewed_certificate_is_read_on_sighup(serve: Serve, authority: Authority, loop: dict[str, str]) -> None:
    """Who is in stays in. A pair that can't be used is told, and the one before stays."""
    file = authority.sign("127.0.0.1")
    server = serve("--tls-cert", str(file), loop=loop)
    member = server.secure().enter("nadia")
    old = fingerprints.shown(fingerprints.digest(member.certificate))
    renewed = authority.sign("127.0.0.1")
    file.write_bytes(renewed.read_bytes())
    server.signal(signal.SIGHUP)
    server.wait_for_log(fingerprint_of(renewed))
    assert fingerprints.shown(fingerprints.digest(server.secure().certificate)) == fingerprint_of(renewed) != old
    file.write_bytes(b"half a certif")
    server.signal(signal.SIGHUP)
    server.wait_for_log("the certificate stays as it was")
    assert fingerprints.shown(fingerprints.digest(server.secure().certificate)) == fingerprint_of(renewed)
    assert member.say("still here").frame("msg")["text"] == "still here"


def test_an_expired_certificate_is_told_at_the_start_and_on_sighup(serve: Serve, authority: Authority) -> None:
    """Its clients all fail, and the server's log must not look like a good day."""
    file = authority.sign("127.0.0.1", days=-1)
    server = serve("--tls-cert", str(file), "-q")
    server.wait_for_log("warning: the certificate has expired")
    server.signal(signal.SIGHUP)
    server.wait_for_log("warning: the certificate has expired", times=2)
    file.write_bytes(authority.sign("127.0.0.1", days=3).read_bytes())
    server.signal(signal.SIGHUP)
    server.wait_for_log("warning: the certificate expires soon")


def test_a_certificate_of_ones_own_is_made_once(serve: Serve, tmp_path: Path, state: Path) -> None:
    """The line that it prints lets others in as it stands, also after the next start."""
    lines = []
    for _ in range(2):
        server = serve("--tls", "self", "--no-plain")
        assert server.lines[0] == f"chatctl 0.2.0 listening on 127.0.0.1:{server.tls_port} with TLS"
        watcher = server.secure().enter("", mode="watch")
        command = server.lines[-1].removeprefix("join with: ")
        done = paste(command, clean_env(state, CHATCTL_PORT="1", CHATCTL_TLS="0"), tmp_path, stdin=b"hello\n")
        assert done.returncode == 0, done
        assert watcher.frame("msg")["text"] == "hello"
        lines.append(server.lines[-1].replace(str(server.tls_port), "PORT"))
        server.stop()
    assert lines[0] == lines[1]
    assert lines[0].startswith("join with: chatctl join --host 127.0.0.1 --port PORT --tls --pin SHA256:")
    file = tmp_path / "server" / "tls-self.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert lines[0].endswith(fingerprint_of(file))


def failed_start(*options: str, state: Path) -> str:
    """Start a server that must not start; give the one line that says why."""
    done = subprocess.run(
        [*CHATCTL, "serve", "--port", "0", "--tls-port", "0", *options],
        capture_output=True,
        timeout=DEADLINE,
        env=clean_env(state),
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b""), done
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_key_that_others_may_read_is_refused(authority: Authority, tmp_path: Path) -> None:
    file = authority.sign("127.0.0.1")
    file.chmod(0o644)
    said = failed_start("--tls-cert", str(file), state=tmp_path)
    assert f"others may read the key in {file} (mode 0644): chmod o= {file}" in said
    file.chmod(0o602)
    with pytest.raises(ChatError, match="mode 0602"):
        Tls(file)
    file.chmod(0o640)
    assert Tls(file).current.fingerprint == fingerprint_of(file)


def test_a_pair_that_cannot_be_used_is_refused(authority: Authority, tmp_path: Path) -> None:
    one, other, empty = authority.sign("127.0.0.1"), authority.sign("127.0.0.1"), tmp_path / "empty.pem"
    empty.touch(mode=0o600)
    locked = tmp_path / "locked.pem"
    locked.touch(mode=0o600)
    key_of_one = serialization.load_pem_private_key(one.read_bytes(), None)
    locked.write_bytes(
        key_of_one.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for cert, key, wanted in (
        (one, other, "is not that of the certificate"),
        (empty, one, "there is no certificate in"),
        (one, empty, "both have to be PEM"),
        (one, tmp_path / "none", "cannot read"),
        (tmp_path / "none", one, "cannot read"),
        (one, locked, "is encrypted, and there is no terminal to ask"),
    ):
        with pytest.raises(ChatError, match=wanted):
            Tls(cert, key)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--tls", "self", "--tls-cert", "x"], "choose one of them"),
        (["--tls-key", "x"], "--tls-key needs --tls-cert"),
        (["--no-plain"], "--no-plain needs --tls self or --tls-cert"),
        (["--tls", "self", "--no-tcp", "--unix", "x"], "--no-tcp leaves nothing to use TLS on"),
        (["--tls-port", "5611"], "--tls-port needs --tls self or --tls-cert PATH"),
        (["--tls", "self", "--no-plain", "--port", "5610"], "--no-plain leaves --port unused: write --tls-port 5610"),
    ],
)
def test_options_that_contradict_each_other(options: list[str], wanted: str) -> None:
    done = CliRunner().invoke(cli, ["serve", *options])
    assert done.exit_code == 2
    assert wanted in done.stderr


# --- operating it safely


@pytest.mark.parametrize(
    ("options", "warned"),
    [(["--host", "0.0.0.0"], 1), (["--host", "0.0.0.0", "--no-plain"], 0), ([], 0)],
    ids=["everywhere", "TLS alone", "loopback"],
)
def test_listening_to_the_network_without_tls_is_warned_of(serve: Serve, options: list[str], warned: int) -> None:
    log = serve("--tls", "self", *options).stop()
    assert log.count("warning: listening to other machines without TLS") == warned


def test_files_are_for_the_server_alone_whatever_the_umask(tmp_path: Path) -> None:
    """But who may use the unix socket is up to who starts it."""
    old = os.umask(0o002)
    try:
        env = clean_env(tmp_path, CHATCTL_JOURNAL=str(tmp_path / "rooms.db"))
        server = TlsServer("--tls", "self", "--unix", str(tmp_path / "s"), env=env)
    finally:
        os.umask(old)
    Wire(str(tmp_path / "s")).greeted().enter("nadia").say("kept", id="1").frame("ack")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.is_file()}
    unix = stat.S_IMODE((tmp_path / "s").stat().st_mode)
    server.stop()
    Wire.close_all()
    assert {"rooms.db", "tls-self.pem"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
    assert unix == 0o775

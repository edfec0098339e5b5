"""The room's password: every command with and without it; what slows a guesser; servers that only seem to be it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chatctl.client.core.connection import HURRY_SECONDS
from chatctl.client.core.prover import Prover
from chatctl.client.io import clock
from chatctl.client.security.credentials import Credentials
from chatctl.common import scram
from chatctl.core.limits import ServerLimits
from chatctl.core.passwords import MOST_FAILURES, Verifier
from chatctl.errors import PasswordWrong, Unauthorized
from chatctl.protocol import Hello
from tests.support.in_process_server import from_elsewhere
from tests.support.processes import err_line
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import Stub
from tests.support.wire import Wire
from tests.system.security.conftest import WORD, Chatctl, connect

COMMANDS = {
    "send": ("send", "hi"),
    "tail": ("tail", "--no-follow"),
    "tail --since": ("tail", "--no-follow", "--since", "1h"),
    "search": ("search", "nobody-said-that"),
    "who": ("who",),
    "who --watch": ("who", "--watch", "--timeout", "3s"),
    "ask": ("ask", "now?", "--timeout", "3s"),
    "run": ("run", "--require-room", "true"),
    "probe": ("probe",),
    "join": ("join", "--nick", "nadia"),
    "export": ("export",),
    "bench": ("bench", "--room", "lobby", "--members", "2", "--duration", "200ms", "--rate", "20"),
}
DONE = {"search": 8, "who --watch": 8, "ask": 8}
REFUSED = {"probe": 2}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_comes_in_with_the_password(name: str, guarded: Server, chatctl: Chatctl) -> None:
    done = chatctl(*COMMANDS[name], port=guarded.port, more={"CHATCTL_PASSWORD": WORD})
    assert done.returncode == DONE.get(name, 0), done


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_comes_in_without(name: str, guarded: Server, chatctl: Chatctl) -> None:
    """And scripts are never asked: they are told, in one line."""
    done = chatctl(*COMMANDS[name], port=guarded.port)
    assert done.returncode == REFUSED.get(name, 5), done
    assert b"CHATCTL_PASSWORD or --password-file" in done.stderr + done.stdout


def test_the_password_can_stand_in_a_file_and_in_the_configuration(
    guarded: Server, chatctl: Chatctl, tmp_path: Path
) -> None:
    file = tmp_path / "word"
    file.touch(0o600)
    file.write_text(f"{WORD}\r\nthe rest of it is no matter\n")
    assert chatctl("send", "--password-file", str(file), "hi", port=guarded.port).returncode == 0
    config = tmp_path / "config.toml"
    config.write_text(f"[server.room]\nport = {guarded.port}\npassword-file = '{file}'\n")
    more = {"CHATCTL_CONFIG": str(config)}
    assert chatctl("send", "--server", "room", "hi", more=more).returncode == 0
    over = more | {"CHATCTL_SERVER": "room", "CHATCTL_PASSWORD": WORD}
    file.write_text("another one\n")
    assert chatctl("send", "hi", more=over).returncode == 0, "the variable goes over the file of a weaker place"


@pytest.mark.parametrize(
    ("mode", "text"), [(0o644, "others can read"), (0o620, "others can read"), (0o600, "verifier")]
)
def test_a_client_refuses_a_file_that_can_not_be_right(
    mode: int, text: str, guarded: Server, chatctl: Chatctl, tmp_path: Path
) -> None:
    file = tmp_path / "word"
    file.write_text(str(Verifier.of(WORD)))
    file.chmod(mode)
    os.chown(file, os.getuid(), 12345 if os.getuid() == 0 else os.getgid())
    done = chatctl("send", "--password-file", str(file), "hi", port=guarded.port)
    assert done.returncode == 1
    assert text in err_line(done)


def test_a_machine_that_takes_its_time_for_the_hello_gets_in(guarded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Making it can take longer than we wait for a greeting: an import from a slow disk, a key that asks its owner."""
    late, offer = [0.0], Prover.offer

    def slowly(prover: Prover, hello: Hello) -> Hello:
        late[0] += 2 * HURRY_SECONDS
        return offer(prover, hello)

    monkeypatch.setattr(Prover, "offer", slowly)
    monkeypatch.setattr(clock, "now", lambda: time.monotonic() + late[0])
    connect(guarded.port, "slow", Credentials(password=WORD, key="none")).close()
    assert late == [2 * HURRY_SECONDS]


def test_text_and_classic_clients_are_told_and_closed(guarded: Server) -> None:
    wire = guarded.wire().send(b"nc\n")
    assert "requires a password, which this protocol can't carry" in wire.line()
    assert wire.rest() == b""
    assert b"requires a password" in guarded.wire().send(b"old").rest()


# --- guessing


def test_who_knows_the_password_comes_in_while_somebody_guesses(serve: Callable[..., Server], chatctl: Chatctl) -> None:
    """Each wrong one has to wait for its answer; nobody else does."""
    server = serve(password=WORD)
    with ThreadPoolExecutor(4) as guessers:
        wrong = [
            guessers.submit(connect, server.port, "m", Credentials(password="guesswork", key="none")) for _ in range(8)
        ]
        for _ in range(8):
            connect(server.port, "a", Credentials(password=WORD, key="none")).close()
    assert {type(one.exception()) for one in wrong} == {PasswordWrong}
    done = chatctl("send", "hi", port=server.port, more={"CHATCTL_PASSWORD": "guesswork"})
    assert (done.returncode, err_line(done)) == (5, "chatctl: wrong password")
    assert "guesswork" not in server.stop()


def test_an_address_has_so_many_wrong_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are not judged, nor is a right one, except of somebody who was in before."""
    monkeypatch.setattr("chatctl.hub.login.FAILURE_SECONDS", 0.01)
    monkeypatch.setattr("chatctl.core.passwords.FORGIVEN_AFTER", 1e9)
    with from_elsewhere(monkeypatch, ServerLimits(connect_rate=0), password=WORD) as port:
        nadia = Credentials(password=WORD, key="none")
        connect(port, "nadia", nadia, token="a" * 32).close()
        guess = Credentials(password="guesswork", key="none")
        for _ in range(MOST_FAILURES):
            with pytest.raises(PasswordWrong):
                connect(port, "m", guess)
        for one in (guess, nadia):
            with pytest.raises(Unauthorized, match="too many wrong passwords from your address") as refused:
                connect(port, "m", one)
            assert not isinstance(refused.value, PasswordWrong)
        connect(port, "nadia", nadia, token="a" * 32).close()


def test_a_script_that_tries_again_does_not_lock_its_address_out(
    serve: Callable[..., Server], chatctl: Chatctl
) -> None:
    server = serve(password=WORD)
    done = chatctl("send", "--retry-for", "30s", "hi", port=server.port, more={"CHATCTL_PASSWORD": "wrong"})
    assert done.returncode == 5
    assert server.stop().count("wrong password") == 1


def test_an_old_proof_of_the_password_is_worth_nothing(serve: Callable[..., Server]) -> None:
    """No replay: whoever recorded a whole exchange has nothing for the next one."""
    server = serve(password=WORD)
    client = scram.client(WORD, b"")
    first = client.get_client_first()
    wire = server.wire().say_frame(type="hello", v=1, nick="a", scram=first)
    client.set_server_first(wire.frame("challenge")["scram"])
    final = client.get_client_final()
    client.set_server_final(wire.say_frame(type="proof", scram=final).frame("welcome")["scram"])
    again = server.wire().say_frame(type="hello", v=1, nick="b", scram=first)
    again.frame("challenge")
    assert again.say_frame(type="proof", scram=final).frame("error")["code"] == "unauthorized"
    assert again.rest() == b""


# --- the server's side


@pytest.mark.parametrize("kept", ["the password itself", "what 'chatctl password' made"])
def test_the_file_may_hold_the_password_or_its_verifier_alone(
    kept: str, serve: Callable[..., Server], chatctl: Chatctl
) -> None:
    line = WORD
    if "made" in kept:
        line = chatctl("password", stdin=f"{WORD}\n".encode()).stdout.decode().strip()
        assert WORD not in line
    server = serve(password=line)
    with connect(server.port, "a", Credentials(password=WORD, key="none")) as connection:
        assert connection.welcome.scram is not None
    with pytest.raises(PasswordWrong):
        connect(server.port, "a", Credentials(password="wrong", key="none"))


def test_the_password_can_come_from_the_environment(env: dict[str, str]) -> None:
    server = Server(env=env | {"CHATCTL_PASSWORD": WORD})
    try:
        with pytest.raises(Unauthorized):
            connect(server.port, "a")
        connect(server.port, "a", Credentials(password=WORD, key="none")).close()
    finally:
        assert WORD not in server.stop()


@pytest.mark.parametrize(
    ("line", "mode", "told"),
    [
        (WORD, 0o644, "others can read or change it: chmod 600 it"),
        ("", 0o600, "there is no password in the first line"),
        ("SCRAM-SHA-256$1:c2FsdA==$YQ==:YQ==", 0o600, "too weak, or cut short"),
        ("SCRAM-SHA-256$nonsense", 0o600, "this is not a verifier"),
        ("\u200b\u0007", 0o600, "this can't be a password"),
    ],
)
def test_a_password_file_that_keeps_nobody_out_is_refused(
    line: str, mode: int, told: str, chatctl: Chatctl, tmp_path: Path
) -> None:
    file = tmp_path / "word"
    file.write_text(f"{line}\n", encoding="utf-8")
    file.chmod(mode)
    done = chatctl("serve", "--password-file", str(file), port=0)
    assert done.returncode == 1
    assert told in err_line(done)


def test_there_is_no_password_beyond_this_machine_without_tls(chatctl: Chatctl) -> None:
    """What comes after the proof is not protected by it: whoever is on the way could take the connection over."""
    done = chatctl("serve", "-q", "--host", "0.0.0.0", port=0, more={"CHATCTL_PASSWORD": WORD})
    assert done.returncode == 1
    assert "a password needs TLS beyond this machine" in err_line(done)


# --- what stands in the server's place


def test_a_server_that_lets_anybody_in_is_not_the_one_with_the_password(chatctl: Chatctl) -> None:
    """A script's secrets must not go to whoever took the port."""
    heard: list[str] = []

    def pretend(peer: Peer) -> None:
        hello = peer.let_in()
        heard.append(hello["type"])
        heard.append(peer.frame("say")["text"])

    stub = Stub(one_after_another(pretend))
    try:
        done = chatctl("send", "secret plans", port=stub.port, more={"CHATCTL_PASSWORD": WORD})
    finally:
        stub.close()
    assert done.returncode == 5
    assert "does not ask for it" in err_line(done)
    assert heard == ["hello"]


# --- from where


def test_connections_are_taken_from_where_the_operator_says(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve("--deny", "127.0.0.1", "--unix", str(tmp_path / "chat.sock"))
    assert Wire(("127.0.0.1", server.port)).rest() == b""
    server.wait_for_log("denied")
    Wire(str(tmp_path / "chat.sock")).greeted().enter("nadia")
    other = serve("--allow", "10.0.0.0/8")
    assert Wire(("127.0.0.1", other.port)).rest() == b""
    serve("--allow", "127.0.0.0/8", "--deny", "10.0.0.0/8").member("a")


def test_a_file_of_networks_is_read_again_and_who_is_denied_then_is_sent_away(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    """A flood is shut out without a restart; a file that can't be right changes nothing."""
    allow, deny, path = tmp_path / "allow", tmp_path / "deny", str(tmp_path / "chat.sock")
    allow.write_text("127.0.0.0/8  # this machine\n")
    deny.write_text("# nobody\n\n")
    server = serve("--allow", f"@{allow}", "--deny", f"@{deny}", "--unix", path)
    ana, newcomer, local = server.member("ana"), server.wire(), Wire(path).greeted().enter("nadia")
    deny.write_text("10.0.0.0/8\n127.0.0.1\n")
    server.signal(signal.SIGHUP)
    assert ana.frame("bye")["why"] == "connections from your network are no longer allowed"
    assert (ana.rest(), newcomer.rest()) == (b"", b"")
    assert local.frame("leave")["nicks"] == ["ana"]
    for broken, file, why in (
        ("127.0.0.1/99", deny, "deny, line 2: '127.0.0.1/99' is no"),
        ("", allow, "let everyone"),
    ):
        file.write_text(f"# one of these:\n{broken}\n")
        server.signal(signal.SIGHUP)
        (line,) = (line for line in server.wait_for_log(why).splitlines() if why in line)
        assert "the network list stays as it was" in line
        assert Wire(("127.0.0.1", server.port)).rest() == b""
        file.write_text("::/0\n")
    allow.write_text("127.0.0.0/8\n")
    server.signal(signal.SIGHUP)
    server.wait_for_log("network list read again", 2)
    server.member("ana")

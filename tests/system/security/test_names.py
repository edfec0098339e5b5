"""Names that stay their owner's: across ghosts, restarts, relays, look-alikes; keys in files and in an ssh-agent."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from chatctl.client.io.blocking_transport import drive
from chatctl.client.io.clock import deadline_in
from chatctl.client.security.credentials import Credentials
from chatctl.client.security.key_files import FileKey, read_key
from chatctl.common.key_proof import place_of_tcp, statement
from chatctl.errors import NickTaken, Unauthorized
from chatctl.protocol import Bye, Hello
from tests.support.environment import DEADLINE
from tests.support.lossy_proxy import LossyProxy
from tests.support.needs import need
from tests.support.openssh import add_to_agent, openssh_key
from tests.support.processes import err_line
from tests.support.server_process import Server
from tests.system.security.conftest import Chatctl, Person, aim, connect

Serve = Callable[..., Server]
Make = Callable[[str], Person]


# --- whose name it is


def test_a_name_is_its_first_owners_across_a_restart(serve: Serve, person: Make, chatctl: Chatctl) -> None:
    rajat, other = person("rajat"), person("other")
    server = serve(journal=True)
    with rajat.join(server.port, "Rajat") as connection:
        assert connection.welcome.claimed
    server.stop()
    server = serve(journal=True)
    for stranger in (None, Credentials(key=str(other.path))):
        with pytest.raises(NickTaken, match="bound to a key that is not yours"):
            connect(server.port, "rajat", stranger)
    done = chatctl("send", "--nick", "RAJAT", "hi", port=server.port)
    assert (done.returncode, b"bound to a key" in done.stderr) == (5, True)
    assert chatctl("send", "--key", str(rajat.path), "--nick", "rajat", "hi", port=server.port).returncode == 0
    nc = server.wire().send(b"rajat\n")
    assert "bound to a key" in nc.line()
    assert nc.line() == "NAME"
    member = server.member("somebody")
    member.say_frame(type="nick", nick="rajat")
    assert member.frame("error")["code"] == "nick_taken"
    rajat.join(server.port, "Rajat").close()


def test_the_owner_comes_back_at_once_though_somebody_seems_to_be_there(serve: Serve, person: Make) -> None:
    """A ghost, or a second computer of theirs: with another token, so it is the key that counts."""
    server, rajat = serve(journal=True), person("rajat")
    with rajat.join(server.port, "Rajat", token="a" * 32) as ghost, rajat.join(server.port, "rajat", token="b" * 32):
        while not isinstance(frame := drive(ghost.receive(deadline_in(DEADLINE))), Bye):
            pass
        assert (frame.why, frame.final) == ("your nickname joined from elsewhere", True)


def test_without_a_journal_names_are_only_held_unless_the_operator_wants_it(serve: Serve, person: Make) -> None:
    rajat = person("rajat")
    server = serve()
    with rajat.join(server.port, "Rajat") as connection:
        assert not connection.welcome.claimed
    connect(server.port, "Rajat").close()
    server = serve("--claim-names")
    rajat.join(server.port, "Rajat").close()
    with pytest.raises(NickTaken):
        connect(server.port, "Rajat")


def test_a_name_that_looks_like_a_bound_one_is_refused_to_all_but_its_owner(serve: Serve, person: Make) -> None:
    server, rajat = serve(journal=True), person("rajat")
    rajat.join(server.port, "paul").close()
    for alike in ("раul", "pauI"):  # Cyrillic, and a capital I
        with pytest.raises(NickTaken, match="looks like paul"):
            connect(server.port, alike)
    rajat.join(server.port, "раul").close()


def test_a_post_binds_nothing(serve: Serve, person: Make) -> None:
    """A cron job's name is not taken from whoever comes to talk under it."""
    server, ci = serve(journal=True), person("ci")
    with ci.join(server.port, "ci", mode="post") as connection:
        assert not connection.welcome.claimed
    connect(server.port, "ci").close()


def test_whois_tells_the_key(serve: Serve, person: Make, chatctl: Chatctl) -> None:
    server, rajat = serve(journal=True), person("rajat")
    with rajat.join(server.port, "Rajat"):
        nc = server.wire().send(b"nadia\n/whois Rajat\n/whois nadia\n")
        assert f"Rajat: {rajat.fingerprint}, bound to it" in nc.lines_until("Rajat: SHA256")
        assert "nadia: no key" in nc.lines_until("nadia: no key")[-1]
        rows = [json.loads(line) for line in chatctl("who", "--json", port=server.port).stdout.splitlines()]
        assert [(row["nick"], row["key"]) for row in rows] == [("Rajat", rajat.fingerprint), ("nadia", None)]


# --- no replay, no relay


def signed(wire_nonce: str, hello: Hello, key: FileKey, place: str) -> str:
    return b64encode(key.sign(statement(hello, b64decode(wire_nonce), place))).decode()


def test_a_proof_that_was_recorded_is_worth_nothing(serve: Serve, person: Make) -> None:
    server, key = serve(), read_key(person("rajat").path)
    place = place_of_tcp("127.0.0.1", server.port)
    offered = b64encode(key.public).decode()
    said = {"type": "hello", "v": 1, "nick": "Rajat", "key": offered}
    wire = server.wire().say_frame(**said)
    nonce = wire.frame("challenge")["nonce"]
    signature = signed(nonce, Hello(v=1, nick="Rajat"), key, place)
    wire.say_frame(type="proof", signature=signature).frame("welcome")
    again = server.wire().say_frame(**said)
    assert again.frame("challenge")["nonce"] != nonce
    assert again.say_frame(type="proof", signature=signature).frame("error")["code"] == "unauthorized"
    assert again.rest() == b""


def test_a_relay_gets_nothing_from_its_guests(serve: Serve, person: Make, relay: LossyProxy) -> None:
    """It hands the challenge on, and what comes back is signed for the relay, not for the server."""
    server, rajat = serve(journal=True), person("rajat")
    with pytest.raises(Unauthorized, match=r"--reached-as.*key='none'"):
        rajat.join(aim(relay, server), "Rajat")
    connect(aim(relay, server), "Rajat").close()


def test_the_operator_names_a_forwarded_port(serve: Serve, person: Make, relay: LossyProxy) -> None:
    server, rajat = serve("--reached-as", f"127.0.0.1:{relay.port}", journal=True), person("rajat")
    with rajat.join(aim(relay, server), "Rajat") as connection:
        assert connection.welcome.claimed
    rajat.join(server.port, "Rajat").close()


def test_over_a_unix_socket_a_key_is_proved_too(serve: Serve, person: Make, tmp_path: Path, chatctl: Chatctl) -> None:
    path, rajat = str(tmp_path / "chat.sock"), person("rajat")
    server = serve("--unix", path, "--claim-names")
    done = chatctl("join", "--unix", path, "--key", str(rajat.path), "--nick", "Rajat", stdin=b"hello\n")
    assert done.returncode == 0, done
    assert f"bound nick=Rajat key={rajat.fingerprint}" in server.stop()


@pytest.mark.parametrize("wrong", ["127.0.0.1", "example.org:5500", "127.0.0.1:x"])
def test_a_place_that_is_none_is_a_wrong_usage(wrong: str, chatctl: Chatctl) -> None:
    assert chatctl("serve", "--reached-as", wrong).returncode == 2


# --- keys


def test_chatctl_makes_a_key_once_that_openssh_reads(chatctl: Chatctl, tmp_path: Path) -> None:
    need("ssh-keygen")
    more = {"CHATCTL_STATE_DIR": str(tmp_path / "new" / "state")}
    made = chatctl("key", more=more)
    path = tmp_path / "new" / "state" / "key"
    public, fingerprint = made.stdout.decode().splitlines()
    before = path.read_bytes()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert fingerprint in subprocess.check_output(["ssh-keygen", "-l", "-f", path]).decode()
    assert subprocess.check_output(["ssh-keygen", "-y", "-f", path]).decode().split()[:2] == public.split()[:2]
    again = chatctl("key", more=more)
    assert (again.returncode, again.stdout) == (0, made.stdout)
    assert "there is one already" in err_line(again)
    assert chatctl("key", "show", more=more).stdout == made.stdout
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["key"]


def test_a_key_in_the_state_directory_is_used_without_being_told(
    serve: Serve, chatctl: Chatctl, tmp_path: Path
) -> None:
    server = serve(journal=True)
    more = {"CHATCTL_STATE_DIR": str(tmp_path / "state")}
    fingerprint = chatctl("key", more=more).stdout.decode().split()[-1]
    assert chatctl("join", "--nick", "Rajat", port=server.port, stdin=b"hi\n", more=more).returncode == 0
    assert chatctl("send", "--nick", "Rajat", "hi", port=server.port).returncode == 5
    assert chatctl("send", "--nick", "Rajat", "hi", port=server.port, more=more).returncode == 0
    assert chatctl("send", "--nick", "Rajat", "--key", "none", "hi", port=server.port, more=more).returncode == 5
    assert f"bound nick=Rajat key={fingerprint}" in server.stop()


def test_a_script_is_not_asked_for_a_passphrase(serve: Serve, chatctl: Chatctl, tmp_path: Path) -> None:
    locked = openssh_key(tmp_path / "locked", "open sesame")
    done = chatctl("send", "--key", str(locked), "hi", port=serve().port)
    assert done.returncode == 1
    assert "there is no terminal to ask for the passphrase" in err_line(done)


# --- the ssh-agent


def test_the_agent_signs_and_its_key_never_leaves_it(
    agent: dict[str, str], serve: Serve, chatctl: Chatctl, tmp_path: Path
) -> None:
    server = serve("--unix", str(tmp_path / "chat.sock"), journal=True)
    add_to_agent(openssh_key(tmp_path / "rsa", kind="rsa"))
    fingerprint = add_to_agent(openssh_key(tmp_path / "one"))
    done = chatctl("join", "--nick", "Rajat", "--key", "agent", port=server.port, stdin=b"hi\n", more=agent)
    assert done.returncode == 0, done
    add_to_agent(openssh_key(tmp_path / "two"))
    done = chatctl("send", "--nick", "Rajat", "--key", "agent", "hi", port=server.port, more=agent)
    assert (done.returncode, "choose one of" in err_line(done)) == (1, True)
    more = agent | {"CHATCTL_KEY": f"agent:{fingerprint}"}
    assert chatctl("send", "--nick", "Rajat", "hi", port=server.port, more=more).returncode == 0
    assert chatctl("send", "--unix", "chat.sock", "--nick", "Rajat", "hi", more=more).returncode == 0
    assert f"bound nick=Rajat key={fingerprint}" in server.stop()

"""``send --id --retry-for``: whatever happens on the way, it is said once, and the exit code is the truth."""

from __future__ import annotations

import json
import re
import shlex
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fixture_types import Lossy, PutStub, Run, Serve, Start
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, acknowledge, one_after_another, swallow
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import log_of, wait_for_watcher

Handler = Callable[[Peer], None]


def test_an_acknowledgement_that_got_lost(house: Server, lossy: Lossy, run: Run, room: str) -> None:
    """The server had it already: the retry comes back as a duplicate, and everybody saw it once."""
    proxy = lossy(house.port)
    arguments = ("--id", "deploy-7", "--retry-for", "20s", "--json", "--room", room)
    done = run("send", "deploy done", *arguments, port=proxy.port)
    assert (done.returncode, done.stderr) == (0, b"")
    ack = json.loads(done.stdout)
    assert (ack["id"], ack["duplicate"], ack["seq"]) == ("deploy-7", True, 1)
    assert proxy.cuts == 1
    assert log_of(house.member("nadia", room)) == ["deploy done"]


def test_unknown_says_how_to_find_out(house: Server, lossy: Lossy, run: Run, room: str) -> None:
    """And what it says works, in the words in which it says it."""
    proxy = lossy(house.port)
    arguments = ("send", "deploy done", "--room", room, "--json")
    done = run(*arguments, port=proxy.port)
    assert done.returncode == 4
    assert "it may or may not have been stored" in err_line(done)
    advice = re.search(r"(--id \S+ --retry-for 60s)$", err_line(done))
    assert advice is not None
    again = run(*arguments, *shlex.split(advice[1]), port=proxy.port)
    assert again.returncode == 0
    assert json.loads(again.stdout)["duplicate"] is True


def test_an_id_is_said_once(house: Server, run: Run, room: str) -> None:
    for _ in range(2):
        assert run("send", "hi", "--id", "it's 7", "--room", room, port=house.port).returncode == 0
    assert log_of(house.member("nadia", room)) == ["hi"]


def test_an_id_with_another_text_is_an_error(house: Server, run: Run, room: str) -> None:
    """ "disk OK again" under the id of "disk full" was not said, and 0 would say that it was."""
    arguments = ("--id", "disk", "--retry-for", "20s", "--room", room)
    assert run("send", "disk full", *arguments, port=house.port).returncode == 0
    done = run("send", "disk OK again", *arguments, port=house.port)
    assert (done.returncode, done.stdout) == (6, b"")
    assert err_line(done) == "chatctl: the id belongs to another message, number 1: this one was not stored"
    assert run("send", "disk full", *arguments, port=house.port).returncode == 0
    assert log_of(house.member("nadia", room)) == ["disk full"]


def test_another_line_under_the_same_key_ends_it(house: Server, run: Run, room: str) -> None:
    arguments = ("send", "--lines", "--id", "report", "--room", room)
    assert run(*arguments, stdin=b"one\ntwo\n", port=house.port).returncode == 0
    done = run(*arguments, stdin=b"one\n2\nthree\n", port=house.port)
    assert done.returncode == 6
    assert err_line(done).startswith("chatctl: line 2: the id belongs to another message, number 2")


def test_lines_are_said_again_in_order(house: Server, lossy: Lossy, run: Run, room: str) -> None:
    """The connection is cut three times, each time with lines under way."""
    lines = [f"line {number}" for number in range(200)]
    proxy = lossy(house.port, times=3, after=20)
    arguments = ("send", "--lines", "--retry-for", "20s", "--json", "--room", room)
    done = run(*arguments, stdin="\n".join(lines).encode(), port=proxy.port)
    assert (done.returncode, done.stderr) == (0, b"")
    assert proxy.cuts == 3
    assert log_of(house.member("nadia", room)) == lines
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == list(range(1, 201))


def test_a_whole_input_can_be_repeated(house: Server, run: Run, room: str) -> None:
    """Its n-th line has the id KEY-n: what was said by the run before is not said again."""
    arguments = ("send", "--lines", "--id", "report", "--room", room)
    assert run(*arguments, stdin=b"one\n\ntwo\n", port=house.port).returncode == 0
    assert run(*arguments, stdin=b"one\n\ntwo\nthree\n", port=house.port).returncode == 0
    assert log_of(house.member("nadia", room)) == ["one", "two", "three"]


def test_a_server_that_is_not_there_yet(serve: Serve, stub: PutStub, start: Start) -> None:
    tried = threading.Event()

    def close(peer: Peer) -> None:
        peer.close()
        tried.set()

    first = stub(one_after_another(close))
    process = start("send", "hi", "--retry-for", "30s", port=first.port)
    assert tried.wait(8)
    first.close()
    server = serve(port=first.port)
    assert process.wait(15) == 0
    assert log_of(server.member("nadia")) == ["hi"]


def refuse_hello(code: str, **more: object) -> Handler:
    def handle(peer: Peer) -> None:
        peer.sock.sendall(b"NAME")
        peer.frame("hello")
        peer.send(type="error", code=code, text=f"no: {code}", **more)
        peer.close()

    return handle


def refuse_say(code: str, **more: object) -> Handler:
    def handle(peer: Peer) -> None:
        peer.let_in()
        peer.send(type="error", code=code, text=f"no: {code}", id=peer.frame("say")["id"], **more)
        peer.frame("bye")

    return handle


@pytest.mark.parametrize(
    "trouble",
    [refuse_hello("server_full", retry_after=0.1), refuse_say("storage", retry_after=0.1), refuse_say("rate_limited")],
)
def test_trouble_that_passes(stub: PutStub, run: Run, trouble: Handler) -> None:
    server = stub(one_after_another(trouble, acknowledge))
    done = run("send", "hi", "--nick", "ci", "--retry-for", "20s", port=server.port)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (refuse_hello("server_full", retry_after=0.1), 6),
        (refuse_say("storage", retry_after=0.1), 6),
        (refuse_say("nick_taken"), 5),
    ],
)
def test_without_retry_for_the_first_no_counts(stub: PutStub, run: Run, trouble: Handler, code: int) -> None:
    done = run("send", "hi", "--nick", "ci", port=stub(one_after_another(trouble, acknowledge)).port)
    assert done.returncode == code
    assert "no: " in err_line(done)


@pytest.mark.parametrize("trouble", [refuse_hello("nick_taken"), refuse_hello("room_invalid")])
def test_what_will_not_pass_is_not_tried_again(stub: PutStub, run: Run, trouble: Handler) -> None:
    done = run(
        "send", "hi", "--nick", "ci", "--retry-for", "60s", port=stub(one_after_another(trouble, acknowledge)).port
    )
    assert done.returncode in (5, 6)


def test_a_refusal_of_the_retry_leaves_it_unknown(stub: PutStub, run: Run) -> None:
    """The first try may have been heard: that the second was not says nothing of it."""
    server = stub(one_after_another(swallow, refuse_hello("nick_taken")))
    done = run("send", "hi", "--nick", "ci", "--retry-for", "20s", port=server.port)
    assert done.returncode == 4
    assert "no: nick_taken before the message was acknowledged" in err_line(done)


def test_a_full_disk_at_the_retry_leaves_it_unknown(stub: PutStub, run: Run) -> None:
    """Storage says no now; of the try before, whose answer never came, that says nothing."""
    server = stub(one_after_another(swallow, refuse_say("storage", retry_after=0.1)))
    done = run("send", "hi", "--nick", "ci", "--retry-for", "1500ms", port=server.port)
    assert done.returncode == 4
    assert "no: storage before the message was acknowledged" in err_line(done)


def test_patience_ends_unreachable(run: Run) -> None:
    done = run("send", "hi", "--retry-for", "300ms", port=closed_port())
    assert done.returncode == 3
    assert "connection refused" in err_line(done)


def test_patience_ends_unknown(stub: PutStub, run: Run) -> None:
    done = run("send", "hi", "--nick", "ci", "--retry-for", "1500ms", port=stub(one_after_another(swallow)).port)
    assert done.returncode == 4
    assert err_line(done).endswith(" --retry-for 60s")


def test_a_whisper_is_never_repeated(stub: PutStub, run: Run) -> None:
    """No server keeps one, so none could tell that it has heard it before."""
    heard: list[str] = []

    def hear(peer: Peer) -> None:
        peer.let_in()
        heard.append(peer.frame("whisper")["text"])
        peer.close()

    done = run("send", "hi", "--to", "nadia", "--retry-for", "20s", port=stub(one_after_another(hear)).port)
    assert done.returncode == 4
    assert "may deliver it twice" in err_line(done)
    assert heard == ["hi"]


def test_without_a_place_for_its_token(house: Server, lossy: Lossy, run: Run, env: dict[str, str], room: str) -> None:
    """Within one run a retry is safe all the same; a later run would be somebody else to the server."""
    nowhere = env | {"CHATCTL_STATE_DIR": "/dev/null/nowhere"}
    done = run("send", "hi", "--room", room, "--retry-for", "20s", port=lossy(house.port).port, env=nowhere)
    assert done.returncode == 0
    assert log_of(house.member("nadia", room)) == ["hi"]
    done = run("send", "hi", "--room", room, port=lossy(house.port).port, env=nowhere)
    assert done.returncode == 4
    assert "the state directory can't be written" in err_line(done)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_between_two_tries(stub: PutStub, start: Start, number: int, code: int) -> None:
    tried = threading.Event()

    def busy(peer: Peer) -> None:
        peer.sock.sendall(b"NAME")
        peer.frame("hello")
        peer.send(type="error", code="server_full", text="full", retry_after=60)
        tried.set()

    process = start("send", "hi", "--retry-for", "10m", port=stub(one_after_another(busy)).port)
    assert tried.wait(8)
    process.send_signal(number)
    assert process.wait(8) == code
    assert told(process) == ""


def test_a_server_killed_between_two_lines(serve: Serve, start: Start, tmp_path: Path) -> None:
    """The sender says each line once, and who follows sees each once; both only have to wait a moment."""
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    port = server.port
    seen = str(tmp_path / "seen")
    tail = start("tail", "--json", "-n", "0", "--cursor-file", seen, "--count", "4", port=port)
    with server.member("nadia") as wire:
        wait_for_watcher(wire)
    send = start("send", "--lines", "--nick", "ci", "--retry-for", "30s", "--json", port=port)
    assert send.stdin is not None

    def feed(text: str) -> None:
        assert send.stdin is not None
        send.stdin.write(text.encode() + b"\n")
        send.stdin.flush()

    for text in ("one", "two"):
        feed(text)
        assert json.loads(line_of(send))["duplicate"] is False
        assert json.loads(line_of(tail))["text"] == text
    server.signal(signal.SIGKILL)
    server.wait()
    feed("three")
    again = serve(*journal, port=port)
    assert json.loads(line_of(send))["seq"] == 3
    feed("four")
    send.stdin.close()
    assert send.wait(15) == 0
    assert [json.loads(line_of(tail))["text"] for _ in range(2)] == ["three", "four"]
    assert tail.wait(15) == 0
    assert log_of(again.member("nadia")) == ["one", "two", "three", "four"]
    assert b"can't be shown" not in (tail.stderr.read() if tail.stderr else b"")
    assert json.loads(Path(seen).read_text())["after"] == 4

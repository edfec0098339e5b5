"""``chatctl ask``: one question, the first answer that counts, and the truth about it in three places."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import pytest

from chatctl.core.limits import ServerLimits
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve, Start
from tests.support.in_process import InProcess
from tests.support.in_process_server import in_process_server
from tests.support.processes import err_line, line_of, told
from tests.support.scripted_peer import Peer, one_after_another
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import Wire, wait_for_watcher
from tests.support.wire import log_of as said_in

ASKED = (
    "[a3] go?  [1] yes  [2] no  "
    "(answer with the choice or its number; a3 is this question's tag: while others are open, answer 'a3 yes')"
)


def question_to(wire: Wire) -> str:
    """Wait for the question; give it, with a tag that is always the same."""
    text = wire.frame("msg")["text"]
    assert "answer with" in text
    return told_with_a3(str(text))


def told_with_a3(text: str) -> str:
    """Give what an asker said, with a3 in place of its tag."""
    tag = text[1 : text.index("]")]
    return re.sub(rf"\b{tag}\b", "a3", text)


def log_of(server: Server, room: str = "lobby") -> list[str]:
    """Give what was said, as whoever comes then sees it, with a3 for each tag."""
    said = said_in(server.member("", room, mode="watch"))
    return [told_with_a3(text) if text.startswith("[") else text for text in said]


@pytest.fixture
def run(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> InProcess:
    """Run commands in this process: there are many of them here."""
    return InProcess(env, tmp_path, monkeypatch, capfd)


# --- with a server


@pytest.mark.parametrize(
    ("said", "choice", "code"), [("yes", "yes", 0), ("1", "yes", 0), ("No", "no", 11), ("2", "no", 11)]
)
def test_the_choice_in_three_places(house: Server, start: Start, room: str, said: str, choice: str, code: int) -> None:
    """In the exit code and on stdout for the script, on stderr for who started it, in the room for everybody."""
    nadia = house.member("nadia", room)
    options = ("--choice", "yes", "--choice", "no", "--nick", "deploy", "--room", room)
    process = start("ask", "go?", *options, port=house.port)
    assert question_to(nadia) == ASKED
    nadia.say(said)
    assert line_of(process) == choice
    assert process.wait(DEADLINE) == code
    assert told(process) == f"nadia chose {choice}\n"
    assert log_of(house, room)[-1] == f"[a3] go?  -> {choice} (nadia)"


def test_the_third_choice_is_12(house: Server, start: Start, room: str) -> None:
    nadia = house.member("nadia", room)
    choices = [part for text in ("blue", "green", "neither") for part in ("--choice", text)]
    process = start("ask", "which?", *choices, "--nick", "deploy", "--room", room, "--json", port=house.port)
    question_to(nadia)
    nadia.say("neither")
    found = json.loads(line_of(process))
    assert (found["choice"], found["index"], found["nick"], found["seq"]) == ("neither", 2, "nadia", 2)
    assert process.wait(DEADLINE) == 12
    assert told(process) == ""


def test_an_answer_before_the_question_is_none(house: Server, start: Start, run: InProcess, room: str) -> None:
    nadia = house.member("nadia", room)
    nadia.say("yes").frame("msg")
    done = run("ask", "go?", "--timeout", "1s", "--nick", "deploy", "--room", room, port=house.port)
    assert (done.returncode, done.stdout) == (8, b"")


def test_what_was_said_between_subscribing_and_the_question_is_none(run: InProcess, stub: PutStub) -> None:
    """It comes on the watching connection, with a number under the question's."""

    def watch(peer: Peer) -> None:
        peer.let_in(epoch="e", last=5)
        watching.append(peer)

    def post(peer: Peer) -> None:
        peer.let_in(epoch="e", last=5)
        say = peer.frame("say")
        watching[0].send(type="msg", seq=6, time=1.0, nick="nadia", text="yes")
        watching[0].send(type="msg", seq=7, time=1.0, nick="deploy", text=say["text"])
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=7)
        watching[0].send(type="msg", seq=8, time=2.0, nick="nadia", text="no")

    def outcome(peer: Peer) -> None:
        peer.let_in(epoch="e", last=8)
        say = peer.frame("say")
        outcomes.append(say["text"])
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=9)

    watching: list[Peer] = []
    outcomes: list[str] = []
    done = run("ask", "go?", "--nick", "deploy", port=stub(one_after_another(watch, post, outcome)).port)
    assert (done.returncode, done.stdout) == (11, b"no\n")
    assert outcomes == ["go?  -> no (nadia)"], "an older server has no tags"


def test_our_own_name_never_counts(house: Server, start: Start, room: str) -> None:
    """However it got into the room: a script must not answer itself. The person learns why nothing happens."""
    nadia = house.member("nadia", room)
    process = start("ask", "go?", "--nick", "deploy", "--room", room, port=house.port)
    question_to(nadia)
    house.member("Deploy", room).say("yes")
    nadia.frame("msg", where=lambda frame: frame["text"] == "yes")
    nadia.say("no")
    assert line_of(process) == "no"
    assert process.wait(DEADLINE) == 11
    assert "(ignored Deploy: that is our own nickname" in told(process)


def test_the_question_is_no_answer_to_itself(house: Server, run: InProcess, room: str) -> None:
    done = run("ask", "yes", "--timeout", "1s", "--nick", "deploy", "--room", room, port=house.port)
    assert done.returncode == 8


def test_only_those_who_are_asked(house: Server, start: Start, room: str) -> None:
    nadia, abel = house.member("nadia", room), house.member("abel", room)
    process = start(
        "ask", "go?", "--from", "NADIA", "--from", "rajat", "--nick", "deploy", "--room", room, port=house.port
    )
    assert question_to(nadia).endswith("; only nadia or rajat may answer)")
    abel.say("yes")
    nadia.frame("msg", where=lambda frame: frame["text"] == "yes")
    nadia.say("no")
    assert process.wait(DEADLINE) == 11
    assert told(process) == "(ignored abel: only nadia or rajat may answer)\nnadia chose no\n"


def test_other_talk_is_no_answer(house: Server, start: Start, room: str) -> None:
    nadia = house.member("nadia", room)
    process = start("ask", "go?", "--nick", "deploy", "--room", room, port=house.port)
    question_to(nadia)
    for text in ("wait", "yes, but later", "no?"):
        nadia.say(text)
    nadia.say("yes", action=True)
    nadia.say("2")
    assert line_of(process) == "no"
    assert process.wait(DEADLINE) == 11


def test_the_deadline(house: Server, run: InProcess, room: str) -> None:
    """8, and the room knows that an answer is of no use any more."""
    done = run("ask", "go?", "--timeout", "1s", "--nick", "deploy", "--room", room, port=house.port)
    assert (done.returncode, done.stdout, err_line(done)) == (8, b"", "chatctl: no answer in time")
    assert log_of(house, room)[-1] == "[a3] go?  -> no answer in time"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ended_from_outside_the_room_is_told(
    house: Server, start: Start, room: str, number: signal.Signals, code: int
) -> None:
    nadia = house.member("nadia", room)
    process = start("ask", "go?", "--nick", "deploy", "--room", room, port=house.port)
    question_to(nadia)
    wait_for_watcher(nadia)
    process.send_signal(number)
    assert told_with_a3(nadia.frame("msg")["text"]) == "[a3] go?  -> withdrawn"
    assert process.wait(DEADLINE) == code
    assert told(process) == ""


def test_it_survives_a_server_s_restart(
    serve: Serve, start: Start, env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The answer is given while we are away: resuming finds it."""
    journal = str(tmp_path_factory.mktemp("journal") / "rooms.db")
    first = serve("--journal", journal)
    nadia = first.member("nadia")
    process = start("ask", "go?", "--nick", "deploy", port=first.port)
    question_to(nadia)
    first.stop()
    second = serve("--journal", journal, port=first.port)
    nadia = second.member("nadia")
    nadia.say("no").frame("msg")
    assert process.wait(DEADLINE) == 11
    assert log_of(second)[-1] == "[a3] go?  -> no (nadia)"


def test_it_survives_the_loss_of_the_log(serve: Serve, start: Start) -> None:
    """The numbers begin anew; what is said then is later than the question, whatever its number."""
    first = serve()
    nadia = first.member("nadia")
    for number in range(5):
        nadia.say(str(number)).frame("msg")
    process = start("ask", "go?", "--nick", "deploy", port=first.port)
    question_to(nadia)
    first.stop()
    second = serve(port=first.port)
    nadia = second.member("nadia")
    wait_for_watcher(nadia)
    nadia.say("yes")
    assert process.wait(DEADLINE) == 0


def test_a_question_whose_acknowledgement_got_lost_is_asked_once(
    house: Server, start: Start, lossy: object, room: str
) -> None:
    nadia = house.member("nadia", room)
    proxy = lossy(house.port)  # type: ignore[operator]
    process = start("ask", "go?", "--nick", "deploy", "--room", room, port=proxy.port)
    question_to(nadia)
    nadia.say("yes")
    assert process.wait(DEADLINE) == 0
    assert log_of(house, room) == [
        ASKED, "yes", "[a3] go?  -> yes (nadia)",
    ]  # fmt: skip


# --- what can't be asked


@pytest.mark.parametrize(
    "arguments",
    [
        ["go?", "--choice", "a", "--choice", "A"],
        ["go?", "--choice", ""],
        [" "],
        [],
        ["go?", "--choice", "a\nb"],
        ["go?", *(f"--choice={n}a" for n in range(101))],
        ["go?", "--from", "no name"],
        ["go?", "--from", "NILS", "--nick", "Nils"],
    ],
    ids=range(8),
)
def test_usage(run: InProcess, arguments: list[str]) -> None:
    assert run("ask", *arguments).returncode == 2


def test_exit_codes(run: InProcess, house: Server, room: str, stub: PutStub) -> None:
    """Nothing was asked, and the code says why."""
    assert run("ask", "go?", port=closed_port()).returncode == 3
    with house.member("deploy", room):
        assert run("ask", "go?", "--nick", "deploy", "--room", room, port=house.port).returncode == 5
    assert run("ask", "go?", "--room", "No", port=house.port).returncode == 6
    assert run("ask", "é" * 3000, "--room", room, port=house.port).returncode == 6
    assert run("ask", "go?", port=stub(lambda sock: sock.sendall(b"SSH-2.0-x\r\n")).port).returncode == 7
    assert log_of(house, room) == []


def test_help_tells_all(run: InProcess) -> None:
    shown = run("ask", "--help").stdout.decode()
    for part in ("Examples:", "Exit codes:", "Environment:", "--choice"):
        assert part in shown


# --- several at once, and askers that are gone


def test_two_at_once_take_their_own_answers(house: Server, start: Start, room: str) -> None:
    """One 'yes' for both would start two deployments."""
    nadia = house.member("nadia", room)
    one = start("ask", "go?", "--nick", "one", "--room", room, port=house.port)
    first = nadia.frame("msg")["text"][1:].split("]")[0]
    two = start("ask", "go?", "--nick", "two", "--room", room, port=house.port)
    second = nadia.frame("msg")["text"][1:].split("]")[0]
    nadia.say("yes")
    assert one.stderr is not None
    assert f"type '{first} yes'" in one.stderr.readline().decode()
    nadia.say(f"{second} no").say(f"{first}: y")
    assert (one.wait(DEADLINE), two.wait(DEADLINE)) == (0, 11)


def test_two_have_to_agree(house: Server, start: Start, room: str) -> None:
    nadia, abel = (house.member(nick, room, token=token * 32) for nick, token in (("nadia", "a"), ("abel", "b")))
    process = start("ask", "go?", "--approvals", "2", "--nick", "deploy", "--room", room, "--json", port=house.port)
    assert "; 2 must say yes)" in question_to(nadia)
    nadia.say("yes", id="1").say("yes", id="2")
    abel.texts(last="yes")
    abel.say("y", id="1")
    assert json.loads(line_of(process))["approvals"] == ["nadia", "abel"]
    assert process.wait(DEADLINE) == 0
    assert log_of(house, room)[-1] == "[a3] go?  -> yes (nadia, abel)"


def test_not_enough_in_time(run: InProcess, house: Server, room: str) -> None:
    done = run("ask", "go?", "--approvals", "2", "--timeout", "1s", "--room", room, port=house.port)
    assert (done.returncode, err_line(done)) == (8, "chatctl: too few answered yes in time")


def test_an_older_server_can_not_count(run: InProcess, stub: PutStub) -> None:
    """Nothing is asked; and the line says which side to update."""
    done = run("ask", "go?", "--approvals", "2", port=stub(one_after_another(lambda peer: peer.let_in())).port)
    assert done.returncode == 6
    assert "update chatctl where" in err_line(done)


def test_a_server_that_gives_no_tag_was_not_asked(run: InProcess, stub: PutStub) -> None:
    """3, and not 8: nobody can have chosen."""

    def silent(peer: Peer) -> None:
        peer.let_in(features=["leases"])
        peer.frame("lease")
        peer.frame("bye")

    done = run("ask", "go?", "--timeout", "1s", port=stub(one_after_another(silent)).port)
    assert done.returncode == 3
    assert "nothing was asked" in err_line(done)


def test_a_killed_asker_s_question_is_withdrawn(start: Start) -> None:
    with in_process_server(ServerLimits(stall_seconds=0.5), grace=0.2) as port:
        nadia = Wire(("127.0.0.1", port)).greeted().enter("nadia")
        process = start("ask", "go?", "--nick", "deploy", port=port)
        tag = nadia.frame("msg")["text"][1:].split("]")[0]
        process.kill()
        assert nadia.frame("notice")["text"] == f"question {tag} is withdrawn: deploy is gone"
        nadia.say(f"{tag} yes")
        assert nadia.frame("notice")["text"] == f"question {tag} is closed: your answer does not count"


KILLED = """
import os, signal
from chatctl.journal.store import Store
from chatctl.main import main

commit = Store.commit

def commit_and_die(self, batches):
    done = commit(self, batches)
    if any(entry.seq == 2 for entries in done.entries.values() for entry in entries):
        os.kill(os.getpid(), signal.SIGKILL)
    return done

Store.commit = commit_and_die
main()
"""
"""``chatctl``, killed right behind the commit of a room's second entry."""


def test_a_question_counts_from_its_commit_on(
    serve: Serve, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The server is killed right behind it, and the asker can't come back in time to say it once more."""
    journal = str(tmp_path_factory.mktemp("journal") / "rooms.db")
    first = serve("--journal", journal, program=(sys.executable, "-c", KILLED))
    nadia = first.member("nadia")
    one = start("ask", "go?", "--nick", "one", port=first.port)
    tag = nadia.frame("msg")["text"][1:].split("]")[0]
    two = start("ask", "go?", "--nick", "two", port=first.port)
    first.wait()
    two.send_signal(signal.SIGSTOP)
    try:
        nadia = serve("--journal", journal, port=first.port).member("nadia")
        nadia.say("yes").say(f"{tag} no")
        assert one.wait(DEADLINE) == 11
        assert f"type '{tag} yes'" in told(one)
    finally:
        two.send_signal(signal.SIGCONT)
    two.terminate()
    assert two.wait(DEADLINE) == 143


def test_which_question_is_meant_is_known_across_a_restart(
    serve: Serve, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Both askers are away while the server is; what is said then still needs a tag."""
    journal = str(tmp_path_factory.mktemp("journal") / "rooms.db")
    first = serve("--journal", journal)
    nadia = first.member("nadia")
    one = start("ask", "go?", "--nick", "one", port=first.port)
    tag = nadia.frame("msg")["text"][1:].split("]")[0]
    two = start("ask", "go?", "--nick", "two", port=first.port)
    nadia.frame("msg")
    first.signal(signal.SIGKILL)
    first.wait()
    second = serve("--journal", journal, port=first.port)
    nadia = second.member("nadia")
    nadia.say("yes").say(f"{tag} no")
    assert one.wait(DEADLINE) == 11
    assert f"type '{tag} yes'" in told(one)
    nadia.frame("msg", where=lambda frame: frame["text"] == f"[{tag}] go?  -> no (nadia)")
    two.terminate()
    assert two.wait(DEADLINE) == 143


def test_an_operator_withdraws_a_question(serve: Serve, start: Start, run: InProcess, tmp_path: Path) -> None:
    """8, as when the server withdraws it by itself; the room hears of it from both."""
    journal = ("--journal", str(tmp_path / "kept" / "rooms.db"))
    server = serve(*journal)
    nadia = server.member("nadia")
    process = start("ask", "go?", "--nick", "deploy", port=server.port)
    tag = nadia.frame("msg")["text"][1:].split("]")[0]
    wait_for_watcher(nadia)
    listed = run("admin", "locks", "--room", "lobby", *journal).stdout.decode()
    assert listed.startswith(f"kind=question  name={tag}  room=lobby  nick=deploy  since=20")
    assert run("admin", "unlock", tag, "the window is over", *journal).returncode == 0
    why = "the server has withdrawn the question: an operator ended it: the window is over"
    assert nadia.frame("notice")["text"] == f"question {tag} of deploy was withdrawn: the window is over"
    assert nadia.frame("msg")["text"] == f"[{tag}] go?  -> withdrawn ({why})"
    assert process.wait(DEADLINE) == 8
    assert told(process) == f"chatctl: {why}\n"

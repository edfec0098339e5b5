"""Several servers with one schema: what holds at one of them holds at all, and one that is killed is missed by nobody.

Speaker and reader are at different servers.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from pathlib import Path

import pytest

from chatctl.common.journal_uri import PostgresPlace
from tests.support.engine import Engine, place_of, two_engines
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Run, Serve, Start
from tests.support.processes import err_line, line_of
from tests.support.server_process import Server
from tests.support.web import WebWire, port_of, say

TOKEN = "a" * 32


@pytest.fixture
def place(engine: Engine) -> PostgresPlace:
    return engine.place()


@pytest.fixture
def pair(serve: Serve, place: PostgresPlace, tmp_path: Path) -> tuple[Server, Server]:
    """Two servers; the operator is at the first one."""
    return serve(*at(place), "--admin-socket", str(tmp_path / "s")), serve(*at(place))


def at(place: PostgresPlace) -> tuple[str, ...]:
    return "--journal", place.uri, "--journal-schema", place.schema


def nicks(server: Server) -> list[str]:
    with server.wire() as wire:
        wire.enter("", mode="watch").say_frame(type="who")
        return sorted(row["nick"] for row in wire.frame("roster")["members"])


def test_a_room_is_one_at_both(pair: tuple[Server, Server], run: Run) -> None:
    """Presence, messages, ids, whispers, renames, take-overs, and names that look alike."""
    one, other = pair
    nadia = one.member("nadia", token=TOKEN)
    omar = other.member("omar")
    assert omar.welcome["members"] == ["nadia", "omar"]
    nadia.frame("join", where=lambda frame: frame["nicks"] == ["omar"])
    omar.say("hi", id="1")
    assert (nadia.frame("msg")["text"], omar.frame("ack")["seq"]) == ("hi", 1)
    assert nicks(one) == nicks(other) == ["nadia", "omar"]

    nadia.say_frame(type="whisper", to="omar", text="ж" * 2000, id="w")
    assert omar.frame("whisper")["text"] == "ж" * 2000
    nadia.frame("ack")
    nadia.say_frame(type="whois", nick="Omar")
    identity = nadia.frame("whois")
    assert (identity["nick"], identity.get("here", True)) == ("omar", True)
    nadia.say_frame(type="nick", nick="nadia2")
    assert omar.frame("rename")["new"] == "nadia2"
    for taken, why in (("nadia2", "somebody else"), ("nаdia2", "looks like nadia2")):
        with other.wire() as wire:
            wire.say_frame(type="hello", v=1, nick=taken)
            assert why in wire.frame("error")["text"]

    again = other.member("nadia2", token=TOKEN)
    assert nadia.frame("bye")["code"] == "nick_taken"
    again.say("here")
    assert omar.frame("msg")["nick"] == "nadia2", "with no leave and join in between"

    for server in (one, other):
        ci = server.wire().enter("ci", mode="post", token="c" * 32)
        assert ci.say("once", id="k").frame("ack")["seq"] == 3
    said = run("tail", "-n", "9", "--no-follow", port=one.port).stdout.decode()
    assert said.count("once") == 1


def test_a_key_of_a_request_is_one_at_both(serve: Serve, place: PostgresPlace) -> None:
    """Also of requests that come to both at the same moment, as from a load balancer that tries again."""
    ports = [port_of(serve("--web", "0", *at(place))) for _ in range(2)]
    answers: list[tuple[str, int, bool]] = []

    def post(port: int, key: str) -> None:
        answer = say(port, "done", authorization=f"Bearer {TOKEN}", idempotency_key=key).json
        answers.append((answer["id"], answer["seq"], answer["duplicate"]))

    threads = [threading.Thread(target=post, args=(port, f"{key}")) for key in range(5) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert len(answers) == 10
    assert len({(key, seq) for key, seq, _ in answers}) == 5, "both answers have the number of the one message"
    assert [duplicate for _, _, duplicate in answers].count(True) == 5
    here, page = WebWire(ports[0]).enter("omar"), WebWire(ports[1]).enter("nadia")
    assert page.welcome["last"] == 5
    here.frame("join", where=lambda frame: "nadia" in frame["nicks"])  # who only posts is judged by who is seen here
    assert say(ports[0], "x", nick="Nadia").refusal == (409, "nick_taken")


def test_an_operators_orders_hold_at_both_when_he_is_answered(
    pair: tuple[Server, Server], run: Run, tmp_path: Path
) -> None:
    one, other = pair

    def order(*words: str) -> str:
        done = run("admin", *words, "--admin-socket", str(tmp_path / "s"))
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    nadia, mallory = one.member("nadia"), other.member("mallory")
    nadia.frame("join")
    order("topic", "--room", "lobby", "a freeze")
    assert other.member("omar").welcome["topic"] == "a freeze"
    order("mute", "--for", "2h", "name:mallory")
    mallory.say("x", id="1")
    assert "muted" in mallory.frame("error")["text"]
    eve = other.member("eve")
    assert "eve was kicked" in order("kick", "name:eve", "spam")
    bye = eve.frame("bye")
    assert (bye["final"], "spam" in bye["why"], eve.rest()) == (True, True, b"")
    assert nadia.frame("leave")["nicks"] == ["eve"]
    assert nicks(one) == nicks(other) == ["mallory", "nadia", "omar"]
    told = order("ban", "--for", "2h", "name:mallory")
    assert "not applied yet" not in told
    assert "banned" in mallory.frame("bye")["why"]
    with other.wire() as wire:
        wire.say_frame(type="hello", v=1, nick="mallory")
        assert "banned" in wire.frame("error")["text"]
    nadia.say("secret")
    nadia.frame("msg")
    order("redact", "1")
    watching = other.wire().enter("", mode="watch", history=5)
    assert watching.frame("msg")["text"] == ""
    order("read-only", "on", "--room", "lobby")
    omar = other.member("omar2")
    assert omar.welcome["read_only"]
    omar.say("x", id="1")
    assert "operators" in omar.frame("error")["text"]
    order("slow", "30s", "--room", "lobby")
    assert other.member("pia").welcome["slow"] == 30
    order("kick", "omar2", "enough")
    assert omar.frame("bye")["why"] == "you were kicked: enough"


def test_what_is_said_at_one_is_the_log_that_is_read_at_the_other(
    pair: tuple[Server, Server], run: Run, place: PostgresPlace, tmp_path: Path
) -> None:
    one, other = pair
    nadia, omar = one.member("nadia", token=TOKEN), other.member("omar")
    for text in ("alpha", "beta"):
        nadia.say(text, id=text)
        omar.frame("msg", where=lambda frame, text=text: frame["text"] == text)
    omar.say_frame(type="whois", nick="nadia")
    assert omar.frame("whois")["nick"] == "nadia"
    omar.say_frame(type="history", after=0, limit=9)
    assert [entry["text"] for entry in omar.frame("page")["entries"]] == ["alpha", "beta"]
    resume = {"epoch": nadia.welcome["epoch"], "after": 1}
    assert other.wire().enter("", mode="watch", resume=resume).next_frame()["text"] == "beta"

    backup = str(tmp_path / "copy.db")
    made = run("backup", backup, "--journal", place.uri, "--journal-schema", place.schema)
    assert made.returncode == 0, made.stderr
    for words, found in (
        (("tail", "-n", "9", "--no-follow"), ["alpha", "beta"]),
        (("search", "beta"), ["beta"]),
        (("export",), ["alpha", "beta"]),
        (("export", "--journal", backup), ["alpha", "beta"]),
    ):
        done = run(*words) if "--journal" in words else run(*words, port=other.port)
        assert done.returncode == 0, done.stderr
        assert re.findall("alpha|beta", done.stdout.decode()) == found, words
    here = run("who", port=other.port).stdout.decode().splitlines()
    assert [line.split()[0] for line in here] == ["nadia", "omar"]
    assert run("probe", port=other.port).returncode == 0


def test_two_who_answer_at_different_servers_are_two(pair: tuple[Server, Server], start: Start) -> None:
    """And one who answers at both is one."""
    one, other = pair
    nadia, abel = other.member("nadia", token=TOKEN), one.member("abel", token="b" * 32)
    asking = start("ask", "go?", "--approvals", "2", "--nick", "deploy", "--json", port=one.port)
    assert "2 must say yes" in nadia.frame("msg")["text"]
    nadia.say("yes", id="1")
    assert asking.stderr is not None
    assert asking.stderr.readline() == b"(yes: 1 of 2)\n"
    again = one.member("nadia2", token=TOKEN)
    again.say("yes", id="2")
    assert b"the same owner has chosen yes before" in asking.stderr.readline()
    abel.say("yes", id="1")
    assert json.loads(line_of(asking))["approvals"] == ["nadia", "abel"]


def test_who_names_both_goes_to_the_other_one_when_theirs_is_drained(
    pair: tuple[Server, Server], run: Run, start: Start, tmp_path: Path
) -> None:
    one, other = pair
    reader = start("tail", "-n", "9", "--json", "--server", f"127.0.0.1:{one.port},127.0.0.1:{other.port}")
    speaker = other.member("nadia")
    one.member("pia", token=TOKEN)
    speaker.frame("join", where=lambda frame: frame["nicks"] == ["pia"])
    speaker.say("before")
    speaker.frame("msg")
    assert json.loads(line_of(reader))["text"] == "before"
    assert run("admin", "drain", "--within", "1s", "--admin-socket", str(tmp_path / "s")).returncode == 0
    assert one.wait() == 0
    assert sorted(other.member("pia", token=TOKEN).welcome["members"]) == ["nadia", "pia"]
    speaker.say("after")
    assert speaker.next_frame()["text"] == "after", "pia was never away"
    assert json.loads(line_of(reader))["text"] == "after"


def test_all_that_are_killed_and_started_again_at_once_go_on_as_if_nothing_was(
    pair: tuple[Server, Server], serve: Serve, place: PostgresPlace
) -> None:
    """The log, the names and the ids are what they were; who comes back to another one has missed nothing."""
    nadia = pair[0].member("nadia", token=TOKEN)
    nadia.say("once", id="k")
    nadia.frame("ack")
    for server in pair:
        server.signal(signal.SIGKILL)
    for server in pair:
        server.wait()
    one, other = (serve(*at(place)) for _ in range(2))
    resume = {"epoch": nadia.welcome["epoch"], "after": 1}
    back = other.member("nadia", token=TOKEN, resume=resume)
    assert (back.welcome["last"], back.welcome["members"]) == (1, ["nadia"])
    back.say("once", id="k").say("twice", id="l")
    assert back.frame("ack")["duplicate"]
    assert back.frame("msg")["seq"] == 2
    assert nicks(one) == ["nadia"]


def test_the_members_of_a_killed_server_go_once_and_come_back_at_the_other(pair: tuple[Server, Server]) -> None:
    one, other = pair
    nadia = one.member("nadia")
    for nick in ("omar", "pia"):
        other.member(nick, token=TOKEN if nick == "pia" else "b" * 32)
    nadia.frame("join", where=lambda frame: "pia" in frame["nicks"])
    other.signal(signal.SIGKILL)
    other.wait()
    pia = one.member("pia", token=TOKEN)
    assert sorted(pia.welcome["members"]) == ["nadia", "omar", "pia"]
    assert nadia.frame("leave")["nicks"] == ["omar"], "pia was never away"
    assert nicks(one) == ["nadia", "pia"]


def test_one_that_was_stopped_for_long_goes_on_as_another(
    pair: tuple[Server, Server], run: Run, engine: Engine, place: PostgresPlace, tmp_path: Path
) -> None:
    """Names that others have taken meanwhile are theirs, and what operators have set meanwhile holds. They are told
    where it does not yet."""
    one, other = pair
    nadia, omar, pia = one.member("nadia"), other.member("omar"), other.member("pia")
    known = f"SELECT 1 FROM {place.schema}.servers WHERE label LIKE %s"
    while not engine.sql(known, f"%:{other.port}", database="chat"):  # it goes with a beat
        pass
    other.signal(signal.SIGSTOP)
    try:
        done = run("admin", "topic", "--room", "lobby", "a freeze", "--admin-socket", str(tmp_path / "s"))
        assert done.returncode == 0
        assert re.search(rf"; not applied yet by \S+:{other.port}\n", done.stdout.decode())
        assert sorted(nadia.frame("leave")["nicks"]) == ["omar", "pia"]
        thief = one.member("pia")
    finally:
        other.signal(signal.SIGCONT)
    other.wait_for_log("this server continues under another id")
    assert pia.frame("bye")["code"] == "nick_taken"
    while sorted(nicks(one)) != ["nadia", "omar", "pia"]:
        pass
    omar.say("back")
    assert (nadia.frame("msg")["nick"], thief.frame("msg")["text"]) == ("omar", "back")
    assert other.member("eve").welcome["topic"] == "a freeze"


def test_two_houses_in_one_database_know_nothing_of_each_other(serve: Serve, run: Run, engine: Engine) -> None:
    one, other = (serve(*at(engine.place())) for _ in range(2))
    for server in (one, other):
        server.member("nadia")
        assert run("send", f"at {server.port}", port=server.port).returncode == 0
        said = run("tail", "-n", "9", "--no-follow", port=server.port).stdout.decode()
        assert said.count("at ") == 1
        assert nicks(server) == ["nadia"]


def test_a_lock_is_one_at_both(pair: tuple[Server, Server], run: Run, start: Start) -> None:
    """Whichever server each of them reaches."""
    one, other = pair

    def line(server: Server, nick: str, *command: str) -> tuple[str, ...]:
        return ("run", "--lock", "deploy", "--nick", nick, "--port", str(server.port), "--", *command)

    holder = start(*line(one, "ci", "sh", "-c", "echo up; read line"))
    line_of(holder)
    second = run(*line(other, "eve", "true"))
    assert second.returncode == 8
    assert "the lock deploy is held by ci" in err_line(second)
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait(DEADLINE)
    assert run(*line(other, "eve", "true")).returncode == 0


DEAF = """
from chatctl.journal.postgres.watcher import Watcher
from chatctl.main import main

make = Watcher.__init__
Watcher.__init__ = lambda self, place, me, own, look, *more: make(self, place, me, own, lambda _: None, *more)
Watcher._hear = lambda *_: None
Watcher.sharer = property(lambda _: None, lambda *_: None)
main()
"""
"""``chatctl``, to which no other server can say anything: it knows what it looks for itself."""


def test_a_command_sees_what_the_one_before_it_did_at_the_other_server(
    serve: Serve, run: Run, start: Start, place: PostgresPlace
) -> None:
    one, other = (serve(*at(place), program=(sys.executable, "-c", DEAF)) for _ in range(2))

    def shown(server: Server, *words: str) -> str:
        done = run(*words, port=server.port)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    for writer, reader, text in ((one, other, "alpha"), (other, one, "beta")):
        shown(writer, "send", text, "--nick", "ci")
        assert text in shown(reader, "tail", "-n", "1", "--no-follow")
        shown(writer, "send", f"{text} again", "--nick", "ci")
        assert f"{text} again" in shown(reader, "search", "again")
        shown(writer, "send", f"{text} at last", "--nick", "ci")
        assert f"{text} at last" in shown(reader, "export")
        with writer.member(text):
            assert shown(reader, "who").split()[0] == text
            assert "1 member in lobby" in shown(reader, "probe")
        while shown(writer, "who"):  # it has hung up
            pass
        assert shown(reader, "who") == ""
    lock = ("run", "--lock", "deploy", "--nick")
    holder = start(*lock, "ci", "--port", str(one.port), "--", "sh", "-c", "echo up; read line")
    line_of(holder)
    then = (*lock, "eve", "--port", str(other.port), "--", "true")
    assert run(*then).returncode == 8
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait(DEADLINE)
    assert run(*then).returncode == 0


def test_who_names_both_notices_nothing_of_the_one_that_is_killed(
    pair: tuple[Server, Server], run: Run, start: Start
) -> None:
    """Scripts with a list of servers: what was sent is said once, and a reader goes on where it stood."""
    one, other = pair
    both = "--server", f"127.0.0.1:{one.port},127.0.0.1:{other.port}"

    def send(text: str, ident: str) -> None:
        done = run("send", text, "--id", ident, "--nick", "ci", *both)
        assert done.returncode == 0, done.stderr

    reader = start("tail", "-n", "9", "--json", "--count", "3", *both)
    send("first", "a")
    assert json.loads(line_of(reader))["text"] == "first"
    one.signal(signal.SIGKILL)
    one.wait()
    send("first", "a")
    send("second", "b")
    send("third", "c")
    assert [json.loads(line_of(reader))["text"] for _ in range(2)] == ["second", "third"]
    assert reader.wait(DEADLINE) == 0


def test_servers_go_on_from_where_a_promoted_standby_ends(serve: Serve, run: Run, start: Start, tmp_path: Path) -> None:
    """It lacks a message that both have shown, and a ban that holds at both. Nobody ends but the primary: members with
    a cursor come back with it, others are told and stay, and what is said from then on is shown once."""
    with two_engines() as (primary, standby):
        place = place_of(primary, standby)
        one, other = serve(*at(place), "--admin-socket", str(tmp_path / "s")), serve(*at(place))
        nadia = one.member("nadia", token=TOKEN)
        omar = other.wire().send(b"omar\n")
        omar.until(b"Connected to server!\n")
        reader = start("tail", "--json", "-n", "9", "--server", f"127.0.0.1:{other.port},127.0.0.1:{one.port}")
        nadia.say("kept", id="1").frame("ack")
        assert json.loads(line_of(reader))["text"] == "kept"
        primary.wait_for_standby()
        standby.cut_off()
        assert run("admin", "ban", "--for", "2h", "name:mallory", "--admin-socket", str(tmp_path / "s")).returncode == 0
        nadia.say("lost", id="2").frame("ack")
        assert json.loads(line_of(reader))["text"] == "lost"
        omar.until(b"nadia: lost\n")
        primary.kill()
        standby.promote()
        told = "the engine has lost its last messages (1 of them) and its last changes of names and rules"
        for server in (one, other):
            server.wait_for_log(told)
        assert nadia.frame("bye")["why"] == "the server's database was moved or restored: reconnecting"
        assert "(the last message was lost)" in omar.lines_until("lost its last changes")
        resume = {"epoch": nadia.welcome["epoch"], "after": 2, "cut": True}
        nadia = other.wire().enter("nadia", token=TOKEN, resume=resume)
        gap = nadia.frame("gap")
        assert (nadia.welcome["cut"], gap["from"], gap["to"], gap["why"]) == (1, 2, 2, "lost")
        done = run("send", "new", "--id", "3", "--nick", "ci", "--retry-for", "20s", port=one.port)
        assert done.returncode == 0, done.stderr
        one.member("mallory")
        assert nadia.frame("msg")["text"] == "new"
        assert omar.lines_until("ci: new").count("ci: new") == 1
        assert json.loads(line_of(reader))["text"] == "new"
        omar.send(b"still here\n")
        assert nadia.frame("msg")["nick"] == "omar"
        said = run("export", "--format", "text", port=other.port).stdout.decode()
        assert [said.count(word) for word in ("kept", "lost", "new", "still here")] == [1, 0, 1, 1]
        assert one.process.poll() is other.process.poll() is None

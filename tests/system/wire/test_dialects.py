"""Three dialects on one port, in one order, and nobody speaks as somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.first_version import FirstVersionClient
from tests.support.server_process import Server
from tests.support.wire import Wire


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    """A server of one's own: text and classic know the lobby only."""
    return serve()


@pytest.fixture
def first(server: Server) -> Iterator[Callable[[str], FirstVersionClient]]:
    """Start clients of the very first version."""
    clients: list[FirstVersionClient] = []

    def start(nick: str) -> FirstVersionClient:
        clients.append(FirstVersionClient(server.port, nick))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def typist(server: Server, nick: str) -> Wire:
    wire = server.wire().send(nick.encode() + b"\n")
    wire.lines_until("Connected to server!")
    wire.lines_until(f"{nick} joined!")
    return wire


def test_all_three_in_one_conversation(server: Server, first: Callable[[str], FirstVersionClient]) -> None:
    """Everybody sees the same messages in the same order."""
    old = first("Rajat_One")
    old.wait_for("Rajat_One joined!")
    text, json = typist(server, "typist"), server.member("program")
    old.wait_for("program joined!")
    said = []
    for round_ in range(3):
        for speak in (old.say, lambda words: text.send(words.encode() + b"\r\n"), json.say):
            words = f"words {len(said)}"
            speak(words)
            assert json.frame("msg")["text"] == words, round_
            said.append(words)
    assert [line.partition(": ")[2] for line in text.lines_until(said[-1]) if ": " in line] == said
    shown = old.wait_for(said[-1])
    assert [shown.index(words) for words in said] == sorted(shown.index(words) for words in said)
    assert "Rajat_One: words 0\n" in shown
    assert "typist: words 1\n" in shown
    assert "program: words 2\n" in shown


def test_what_the_first_versions_client_sees(server: Server, first: Callable[[str], FirstVersionClient]) -> None:
    """Its own joining and the welcome, then an event a line. A clean close is noticed, which it never was."""
    one = first("Rajat_One")
    one.wait_for("Rajat_One joined!\n")
    two = first("Rajat_Two")
    two.wait_for("Rajat_Two joined!\n")
    one.wait_for("Rajat_Two joined!\n")
    one.say("Hello")
    two.wait_for("Rajat_One: Hello\n")
    two.say("Howdy!")
    assert one.wait_for("Howdy!\n") == (
        "Connected to server!\nRajat_One joined!\nRajat_Two joined!\nRajat_One: Hello\nRajat_Two: Howdy!\n"
    )
    two.close()
    one.wait_for("Rajat_Two left!\n")


def test_a_name_that_is_taken_is_bent_for_classic(server: Server, first: Callable[[str], FirstVersionClient]) -> None:
    """It can't be asked again. Its own prefix is still taken off."""
    with server.member("Rajat") as wire:
        old = first("rajat")
        old.wait_for("rajat_2 joined!")
        old.say("hello")
        assert wire.frame("join")["nicks"] == ["rajat_2"]
        msg = wire.frame("msg")
        assert (msg["nick"], msg["text"]) == ("rajat_2", "hello")


def test_a_byte_over_127_does_not_kill_the_first_versions_client(
    server: Server, first: Callable[[str], FirstVersionClient]
) -> None:
    old = first("old")
    old.wait_for("old joined!")
    server.member("Nádia").say("grüße 🎉")
    assert "N?dia: gr??e ?\n" in old.wait_for("N?dia: ")
    server.member("bob").say("after")
    old.wait_for("bob: after")
    assert not old.died


def test_a_silent_connection_keeps_nobody_out(server: Server, first: Callable[[str], FirstVersionClient]) -> None:
    server.wire()
    first("old").wait_for("Connected to server!")


def test_two_messages_sent_back_to_back_arrive_as_two(server: Server) -> None:
    with server.member("program") as json, typist(server, "typist") as text:
        json.send(b'{"type":"say","text":"one"}\n{"type":"say","text":"two"}\n')
        text.send(b"three\nfour\n")
        assert sorted(json.frame("msg")["text"] for _ in range(4)) == ["four", "one", "three", "two"]
        lines = [text.line() for _ in range(4)]
        assert sorted(lines) == ["program: one", "program: two", "typist: four", "typist: three"]


def test_a_message_may_come_in_pieces(server: Server) -> None:
    """TCP cuts where it likes, also inside a character."""
    with server.member("program") as json, typist(server, "typist") as text:
        for byte in '{"type":"say","text":"ü"}\n'.encode():
            json.send(bytes([byte]))
        assert json.frame("msg")["text"] == "ü"
        for byte in "ä\n".encode():
            text.send(bytes([byte]))
        assert json.frame("msg")["text"] == "ä"


def test_nobody_speaks_as_another(server: Server, first: Callable[[str], FirstVersionClient]) -> None:
    with server.member("boss") as boss:
        mallory = server.member("mallory")
        mallory.say_frame(type="say", text="pay me", nick="boss", **{"from": "boss", "seq": 1})
        assert boss.frame("msg")["nick"] == "mallory"
        mallory.say("pay me\nboss: yes, pay\rboss: really")
        assert boss.frame("msg")["nick"] == "mallory"
        text = typist(server, "typed")
        text.send(b"boss: pay me\n")
        assert boss.frame("msg")["text"] == "boss: pay me"
        assert text.line() == "typed: boss: pay me"
        old = first("old")
        old.wait_for("old joined!")
        old.say("pay me", nick="boss")
        msg = boss.frame("msg")
        assert (msg["nick"], msg["text"]) == ("old", "boss: pay me")
        mallory.say("one\nboss: two")
        assert text.lines_until("two")[-2:] == ["mallory: one", "mallory: boss: two"]
        assert "mallory: one\nmallory: boss: two\n" in old.wait_for("two\n")
        for taken in (b"boss\n", b"BOSS\n"):
            assert b"! somebody else uses the nickname boss" in server.wire().send(taken).until(b"NAME\n")
        for mode in ("join", "post"):
            wire = server.wire().say_frame(type="hello", v=1, nick="Boss", mode=mode)
            assert wire.frame("error")["code"] == "nick_taken"


def test_a_poster_loses_a_name_that_a_member_takes(server: Server) -> None:
    """Who only posts holds no name: from the moment a member has it, the poster can't use it."""
    poster = server.member("ci", mode="post")
    poster.say("as ci", id="1").frame("ack")
    with server.member("ci") as wire:
        assert poster.say("as ci again", id="2").frame("error")["code"] == "nick_taken"
        assert wire.say("the real one").next_frame()["text"] == "the real one"


def test_a_text_client_is_asked_again_until_its_name_can_be_had(server: Server) -> None:
    with server.member("nadia"):
        wire = server.wire().send(b"nadia\n")
        assert wire.until(b"NAME\n").startswith(b"! somebody else uses the nickname nadia")
        assert wire.send(b"no name\n").until(b"NAME\n").startswith(b"! a nickname can't hold a space")
        wire.send(b"nadia2\n")
        assert wire.line() == "Connected to server!"


def test_what_a_text_client_can_say(server: Server) -> None:
    with typist(server, "typist") as text, server.member("program") as json:
        text.line()
        said = lambda line: text.send(line.encode() + b"\n")  # noqa: E731
        said("/me waves")
        assert text.line() == "* typist waves"
        assert json.frame("msg")["action"] is True
        said("/msg program psst")
        whisper = json.frame("whisper")
        assert (whisper["from"], whisper["text"]) == ("typist", "psst")
        json.say_frame(type="whisper", to="TYPIST", text="yes?\nwell?")
        assert [text.line(), text.line()] == ["program (privately): yes?", "program (privately): well?"]
        said("/who")
        assert text.line() == "2 here: typist, program"
        said("//who is a command")
        assert text.line() == "typist: /who is a command"
        said("/help")
        assert text.lines_until("/quit")[0].startswith("/nick NAME")
        said("/dance")
        assert text.line() == "! /dance is not a command, or lacks something: /help lists them"
        said("/msg nobody x")
        assert text.line() == "! nobody is not here"
        said("/nick singer")
        assert text.line() == "typist is now singer"
        assert json.frame("rename") == {"type": "rename", "old": "typist", "new": "singer"}
        said("   ")
        said("/quit")
        assert text.rest() == b""
        assert json.frame("leave")["nicks"] == ["singer"]


def test_text_shows_no_control_characters(server: Server) -> None:
    with typist(server, "typist") as text, server.member("program") as json:
        text.line()
        json.say("\x1b[2J\x9b\u202e\ttab\rreturn")
        assert text.line() == "program: ␛[2J<U+009B><U+202E>\ttab␍return"


def test_empty_lines_say_nothing(server: Server) -> None:
    with typist(server, "typist") as text:
        text.send(b"\n\r\n  \nx\n")
        assert text.line() == "typist: x"


def test_a_client_that_pauses_after_its_name_is_no_classic_one(server: Server) -> None:
    """Recognised by its LF, however long the next line takes."""
    with typist(server, "typist") as text, server.member("program") as json:
        json.say("x" * 10)
        text.lines_until("x" * 10)
        assert text.send(b"half a").send(b" line\n").line() == "typist: half a line"

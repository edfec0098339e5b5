"""Bots: who is answered, once, and what goes wrong; with the harness, and against a server that is killed."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from chatctl.client import connect
from chatctl.client.bot import Bot, BotRoom, Command, answer_id
from chatctl.client.bot_harness import Harness
from chatctl.client.core.events import Event, Join, Msg
from chatctl.errors import NickTaken, NoSuchNick
from tests.support.fixture_types import Serve
from tests.support.server_process import Server
from tests.support.wire import log_of, say_all


@pytest.fixture
def bot() -> Bot:
    bot = Bot()

    @bot.command("Ping")
    def ping(command: Command) -> str:
        return f"pong {command.nick} {command.text}".strip()

    @bot.command("fail")
    def fail(_command: Command) -> str:
        raise KeyError

    @bot.command("quiet")
    def quiet(_command: Command) -> None:
        pass

    return bot


def test_a_command_is_a_word_behind_the_prefix(bot: Bot) -> None:
    talk = Harness(bot)
    assert talk.say("nadia", "!ping") == ["pong nadia"]
    assert talk.say("nadia", "!PING  a b ") == ["pong nadia a b"]
    for other in ("ping", "!pingo", "!", "say !ping", "!none", "!quiet"):
        assert talk.say("nadia", other) == [], other
    assert talk.whisper("nadia", "!ping") == ["pong nadia"]


def test_it_does_not_answer_itself_nor_what_somebody_does(bot: Bot) -> None:
    talk = Harness(bot)
    assert talk.again(Msg(1, 1.0, "bot", "!ping", mine=True)) == []
    assert talk.again(Msg(2, 1.0, "nadia", "!ping", action=True)) == []
    assert talk.again(Msg(3, 1.0, "bot", "!ping")) == ["pong bot"], "another under its name is another"


def test_one_that_fails_does_not_end_the_others(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    talk = Harness(bot)
    assert talk.say("nadia", "!fail") == []
    assert "!fail failed" in caplog.text
    assert talk.say("nadia", "!ping") == ["pong nadia"]


def test_an_answer_in_other_words_is_not_given_a_second_time(caplog: pytest.LogCaptureFixture) -> None:
    """The time has gone on between the two runs."""
    caplog.set_level(logging.INFO, "chatctl.bot")
    bot, texts = Bot(), iter(["12:00", "12:01"])
    bot.command("time")(lambda _: next(texts))
    talk, question = Harness(bot), Msg(7, 1.5, "nadia", "!time")
    assert talk.again(question) == ["12:00"]
    assert talk.again(question) == []
    assert "was answered before" in caplog.text
    assert "Traceback" not in caplog.text


def test_the_id_of_an_answer_is_that_of_its_question() -> None:
    question = Msg(7, 1.5, "nadia", "!time")
    assert answer_id("lobby", question) == answer_id("lobby", Msg(7, 1.5, "", ""))
    others = {
        answer_id("ops", question),
        answer_id("lobby", Msg(8, 1.5, "", "")),
        answer_id("lobby", Msg(7, 1.6, "", "")),
    }
    assert len(others | {answer_id("lobby", question)}) == 4


def test_events_are_for_those_who_want_them() -> None:
    bot = Bot()

    @bot.on(Join)
    def greet(event: Join, room: Harness) -> None:
        room.say(f"welcome, {event.nick}")  # type: ignore[call-arg,arg-type]

    talk = Harness(bot)
    assert talk.again(Join("nadia", 2)) == ["welcome, nadia"]
    assert talk.say("nadia", "hi") == []


def test_whoever_is_gone_gets_no_answer(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chatctl.bot")

    talk = Harness(bot)

    def gone(to: str, _text: str) -> None:
        raise NoSuchNick(f"there is no {to} here")

    talk.take_whisper = gone  # type: ignore[method-assign]
    assert talk.whisper("nadia", "!ping") == []
    assert "is gone" in caplog.text
    assert "Traceback" not in caplog.text


# --- against a server


class Dies(BaseException):
    """The bot is killed."""


def run(bot: Bot, port: int, **more: Any) -> None:
    """Run it until it is killed."""
    with pytest.raises(Dies):
        bot.run(f"127.0.0.1:{port}", nick="bot", **more)


def test_each_command_is_answered_once_whatever_is_killed(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot dies between its answer and the next command, and the server with it: the second run says nothing new."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "client"))
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server, cursor, runs = serve(*journal), tmp_path / "bot.cursor", iter(range(9))
    bot, says = Bot(), list[str]()

    @bot.command("count")
    def count(_command: Command) -> str:
        says.append(f"this is run {next(runs)}")
        return says[-1]

    @bot.command("stop")
    def stop(_command: Command) -> None:
        raise Dies

    with connect(f"127.0.0.1:{server.port}", nick="bot") as room:
        list(room.follow(cursor=cursor, live=False))
    say_all(server.member("nadia"), ["!count"])
    dying = Dying(bot)
    run(dying, server.port, cursor=cursor)
    server.signal(signal.SIGKILL)
    server.wait()
    server = serve(*journal, port=server.port)
    say_all(server.member("nadia"), ["!stop"])
    run(bot, server.port, cursor=cursor)
    assert says == ["this is run 0", "this is run 1"], "it was asked again"
    assert log_of(server.member("omar")) == ["!count", "this is run 0", "!stop"]


class Dying(Bot):
    """A bot that is killed as soon as it has answered."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot

    def handle(self, event: Event, room: BotRoom, name: str) -> None:
        self._bot.handle(event, room, name)
        raise Dies


def test_a_member_gets_its_answer_alone(
    house: Server, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    bot, nadia = Bot(), house.member("nadia", room)
    bot.command("ping")(lambda _: "pong")

    @bot.command("stop")
    def stop(_command: Command) -> None:
        raise Dies

    thread = threading.Thread(target=lambda: run(bot, house.port, room=room))
    thread.start()
    nadia.frame("join", where=lambda frame: "bot" in frame["nicks"])
    told: list[str] = []
    while not told:  # it is a member before it follows
        nadia.say_frame(type="whisper", to="bot", text="!ping")
        nadia.say_frame(type="ping")
        while (frame := nadia.next_frame())["type"] != "pong":
            told += [frame["text"]] if frame["type"] == "whisper" else []
    nadia.say("!stop")
    thread.join()
    assert set(told) == {"pong"}
    assert log_of(house.member("omar", room)) == ["!stop"]


def test_who_is_not_let_in_learns_why(
    house: Server, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    house.member("bot", room)
    with pytest.raises(NickTaken):
        Bot().run(f"127.0.0.1:{house.port}", nick="bot", room=room)

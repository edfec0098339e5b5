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
from chatctl.client.connect_options import RETRY_SECONDS
from chatctl.client.core.events import Event, Join, Msg
from chatctl.client.io import clock
from chatctl.client.io.aio_transport import AioTransport
from chatctl.errors import ChatError, Closed, Forbidden, NickTaken, NoSuchNick
from chatctl.protocol import Gap
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
    with pytest.raises(KeyError):  # in a test; a bot that runs goes on
        talk.say("nadia", "!fail")
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


def test_a_reaction_that_fails_is_seen_in_a_test() -> None:
    bot = Bot()

    @bot.on(Join)
    def greet(event: Join, room: BotRoom) -> None:
        room.say(f"{room.nick} in {room.name} greets {event.nick}")
        raise KeyError

    with pytest.raises(KeyError):
        Harness(bot, "ops", "greeter").again(Join("nadia", 2))


def test_what_can_not_be_had_any_more_is_logged(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    """A question may be among it."""
    assert Harness(bot, "ops").again(Gap(3, 5, "lost")) == []
    assert "messages 3 to 5 of ops can't be had any more (lost)" in caplog.text


@pytest.mark.parametrize("final", [NickTaken("clock is somebody else's"), Closed("it is closed")])
def test_an_answer_that_nobody_takes_from_us_ends_the_bot(bot: Bot, final: ChatError) -> None:
    """Its cursor then stands before the question: the next run gets it again."""
    talk = Harness(bot)

    def refuse(_text: str, _ident: str | None) -> None:
        raise final

    talk.take = refuse  # type: ignore[method-assign]
    with pytest.raises(type(final)):
        bot.handle(Msg(1, 1.0, "nadia", "!ping"), talk.room)


def test_an_answer_that_is_refused_alone_ends_nothing(bot: Bot, caplog: pytest.LogCaptureFixture) -> None:
    talk = Harness(bot)

    def refuse(_text: str, _ident: str | None) -> None:
        raise Forbidden("you are muted")

    talk.take = refuse  # type: ignore[method-assign]
    (failed,) = bot.handle(Msg(1, 1.0, "nadia", "!ping"), talk.room)
    assert isinstance(failed, Forbidden)
    assert "the answer to !ping failed" in caplog.text


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

    def handle(self, event: Event, room: BotRoom) -> list[Exception]:
        self._bot.handle(event, room)
        raise Dies


class FastClock:
    """The clock of a client for which two minutes pass in a second."""

    RATE = 120

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        sleep = AioTransport.sleep
        patch.setattr(AioTransport, "now", self.now)
        patch.setattr(AioTransport, "sleep", lambda transport, seconds: sleep(transport, seconds / self.RATE))

    @classmethod
    def now(cls) -> float:
        return clock.now() * cls.RATE

    def wait(self, seconds: float) -> None:
        """Wait until so many of its seconds have passed."""
        threading.Event().wait(seconds / self.RATE)


def test_a_server_that_is_away_for_longer_than_a_message_is_tried(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a function says, and a command's answer, wait for it."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "client"))
    fast, journal = FastClock(monkeypatch), ("--journal", str(tmp_path / "rooms.db"))
    servers, bot = [serve(*journal)], Bot()
    port = servers[0].port

    def come_back() -> None:
        fast.wait(RETRY_SECONDS * 1.5)
        servers.append(serve(*journal, port=port))

    coming = threading.Thread(target=come_back, daemon=True)

    @bot.command("ping")
    def ping(command: Command) -> str:
        servers[0].signal(signal.SIGKILL)
        servers[0].wait()
        coming.start()
        command.room.say("it was away")
        return "pong"

    @bot.command("stop")
    def stop(_command: Command) -> None:
        raise Dies

    with connect(f"127.0.0.1:{port}", nick="bot") as room:
        list(room.follow(cursor=tmp_path / "cursor", live=False))
    say_all(servers[0].member("nadia"), ["!ping", "!stop"])
    run(bot, port, cursor=tmp_path / "cursor", timeout=3 * fast.RATE)
    coming.join()
    assert log_of(servers[1].member("omar")) == ["!ping", "!stop", "it was away", "pong"]


def test_the_place_is_kept_before_anybody_sees_the_bot(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it is asked then would be lost, if it is killed right behind that."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "client"))
    server, cursor, answered = serve("--room", "ops"), tmp_path / "bot.cursor", threading.Event()
    nadia, bot = server.member("nadia"), Bot()
    say_all(nadia, ["!stop"])  # before its first start

    @bot.command("stop")
    def stop(_command: Command) -> None:
        answered.set()
        raise Dies

    thread = threading.Thread(target=lambda: run(bot, server.port, cursor=cursor), daemon=True)
    thread.start()
    nadia.frame("join", where=lambda frame: "bot" in frame["nicks"])
    assert cursor.exists()
    assert not answered.is_set()
    nadia.say("!stop")
    thread.join()


def test_one_bot_in_several_rooms(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question is answered in its room; what was asked in one while the bot was away is answered, too."""
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path / "client"))
    server, cursor, bot = serve("--room", "ops"), tmp_path / "bot.cursor", Bot()

    @bot.command("where")
    def where(command: Command) -> str:
        return f"{command.room.nick} in {command.room.name}"

    @bot.command("stop")
    def stop(_command: Command) -> None:
        raise Dies

    rooms = ["lobby", "ops"]
    with connect(f"127.0.0.1:{server.port}", nick="bot", room="ops") as room:
        list(room.follow(cursor=f"{cursor}.ops", live=False))  # it was in this one before
    nadia, omar = server.member("nadia"), server.member("omar", "ops")
    say_all(omar, ["!where"])
    thread = threading.Thread(target=lambda: run(bot, server.port, rooms=rooms, cursor=cursor), daemon=True)
    thread.start()
    nadia.frame("join", where=lambda frame: "bot" in frame["nicks"])
    nadia.say("!where")
    assert omar.frame("msg", where=lambda frame: frame["nick"] == "bot")["text"] == "bot in ops"
    assert nadia.frame("msg", where=lambda frame: frame["nick"] == "bot")["text"] == "bot in lobby"
    nadia.say("!stop")
    thread.join()


def test_a_member_gets_its_answer_alone(
    house: Server, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    bot, nadia = Bot(), house.member("nadia", room)
    bot.command("ping")(lambda _: "pong")

    @bot.command("stop")
    def stop(_command: Command) -> None:
        raise Dies

    thread = threading.Thread(target=lambda: run(bot, house.port, room=room), daemon=True)
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

"""A bot without a server: the harness behaves as a room does, as far as a bot can tell."""

from __future__ import annotations

from chatctl.client.bot import Bot, Command
from chatctl.client.bot_harness import Harness
from chatctl.client.core.events import Msg


def echo() -> Bot:
    bot = Bot()

    @bot.command("echo")
    def answer(command: Command) -> str:
        return command.text

    return bot


def test_it_returns_what_the_bot_says() -> None:
    talk = Harness(echo())
    assert talk.say("nadia", "!echo one") == ["one"]
    assert talk.say("nadia", "!echo one") == ["one"], "another question has another answer"
    assert talk.say("nadia", "hello") == []
    assert talk.whisper("nadia", "!echo two") == ["two"]
    assert talk.say("nadia", "!echo three") == ["three"]


def test_the_same_question_is_answered_once() -> None:
    talk, question = Harness(echo()), Msg(7, 1.5, "nadia", "!echo hi")
    assert talk.again(question) == ["hi"]
    assert talk.again(question) == []


def test_what_is_too_long_is_refused_as_a_server_does() -> None:
    assert Harness(echo()).say("nadia", "!echo " + "x" * 5000) == ["(the answer is too long for this room)"]
    assert Harness(echo()).whisper("nadia", "!echo " + "x" * 5000) == ["(the answer is too long for this room)"]

"""Recipes of docs/cookbook.md for bots: in shell, in Python, and with nothing but the wire."""

from __future__ import annotations

import signal
import subprocess

from tests.support.environment import DEADLINE
from tests.support.wire import Wire
from tests.system.cookbook.ingredients import executable
from tests.system.cookbook.kitchen import Kitchen


def ask_bot(person: Wire, question: str, bot: str) -> str:
    """Say it, and wait for what the bot says after it."""
    person.say(question)
    person.frame("msg", where=lambda frame: frame["text"] == question)
    return str(person.frame("msg", where=lambda frame: frame["nick"] == bot)["text"])


def wait_until_it_watches(kitchen: Kitchen, bot: subprocess.Popen[bytes], person: Wire) -> None:
    """Ask the server until somebody watches: each answer is an event. A bot that has ended never will."""
    watchers = 0
    while not watchers:
        assert bot.poll() is None, kitchen.log_of(bot)
        person.say_frame(type="who")
        watchers = person.frame("roster")["watchers"]


def test_bot_in_shell(kitchen: Kitchen) -> None:
    nadia, abel = kitchen.person("nadia"), kitchen.person("abel")
    bot = kitchen.start(kitchen.recipe.take("sh").text)
    wait_until_it_watches(kitchen, bot, nadia)
    assert ask_bot(nadia, "!help", "bot") == "nadia: !load !disk"
    abel.say("!disk; rm -rf ~")
    ask_bot(abel, "!disk", "bot")
    kitchen.show()
    assert kitchen.home.exists()


def test_bot_in_shell__across_its_own_restart(kitchen: Kitchen) -> None:
    """Each question is answered once, also the one that was asked while it was away."""
    start = kitchen.recipe.take("sh").text
    nadia = kitchen.person("nadia")
    bot = kitchen.start(start)
    wait_until_it_watches(kitchen, bot, nadia)
    ask_bot(nadia, "!help", "bot")
    assert kitchen.stop(bot) == ""
    nadia.say("!load")
    kitchen.start(start)
    nadia.frame("msg", where=lambda frame: frame["nick"] == "bot")
    assert [line.split()[0] for line in kitchen.said()] == ["nadia:", "bot:", "nadia:", "bot:"]


def test_bot_in_shell__when_the_server_dies_before_the_answer(kitchen: Kitchen) -> None:
    executable(
        kitchen.home / "bin" / "cut", "#!/bin/sh\ntouch ~/asked; until [ -e ~/answer-it ]; do :; done; echo 0.1\n"
    )
    nadia = kitchen.person("nadia")
    bot = kitchen.start(kitchen.recipe.take("sh").text)
    wait_until_it_watches(kitchen, bot, nadia)
    nadia.say("!load")
    while not (kitchen.home / "asked").exists():
        members(nadia)
    kitchen.stop(kitchen.processes[0], signal.SIGKILL)
    (kitchen.home / "answer-it").touch()
    kitchen.serve()
    reader = kitchen.person("nadia", mode="watch", history=10)
    reader.frame("msg", where=lambda frame: frame["nick"] == "bot")
    assert kitchen.said() == ["nadia: !load", "bot: nadia: 0.1"]


def test_bot_in_shell__in_another_room(kitchen: Kitchen) -> None:
    """It answers where it was asked."""
    nadia = kitchen.person("nadia", "ops")
    bot = kitchen.start(f"{kitchen.recipe.take('sh').text.rstrip()} --room ops")
    wait_until_it_watches(kitchen, bot, nadia)
    ask_bot(nadia, "!help", "bot")
    assert len(kitchen.said("ops")) == 2
    assert kitchen.said() == []


def test_bot_in_shell__when_an_answer_can_not_be_given(kitchen: Kitchen) -> None:
    """Somebody has its name: it says so, and continues."""
    nadia, thief = kitchen.person("nadia"), kitchen.person("bot")
    bot = kitchen.start(kitchen.recipe.take("sh").text)
    wait_until_it_watches(kitchen, bot, nadia)
    nadia.say("!load")
    assert bot.stderr is not None
    assert b"name" in bot.stderr.readline()
    assert bot.stderr.readline() == b"chatctl: answer ended with status 5 at message 1\n"
    thief.say_frame(type="bye")
    thief.rest()
    assert ask_bot(nadia, "!help", "bot") == "nadia: !load !disk"


def test_bot_in_python(kitchen: Kitchen) -> None:
    nadia, abel = kitchen.person("nadia"), kitchen.person("abel")
    nadia.say("the build is green")
    bot = kitchen.start("seen.py")
    wait_until_it_watches(kitchen, bot, abel)
    for who in ("nadia", "rajat"):
        ask_bot(abel, f"!seen {who}", "seen")
    kitchen.show()
    kitchen.stop(bot)
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_bot_in_python__over_restarts_of_both_sides(kitchen: Kitchen) -> None:
    """It says that the server is away and back, and answers each question once."""
    nadia = kitchen.person("nadia")
    bot = kitchen.start("seen.py")
    wait_until_it_watches(kitchen, bot, nadia)
    assert ask_bot(nadia, "!seen abel", "seen") == "nadia: abel? not lately"
    kitchen.stop(kitchen.processes[0])
    assert bot.stderr is not None
    assert bot.stderr.readline() != b""
    kitchen.serve()
    nadia = kitchen.person("nadia")
    wait_until_it_watches(kitchen, bot, nadia)
    ask_bot(nadia, "!seen nadia", "seen")
    kitchen.stop(bot)
    nadia.say("!seen seen")
    kitchen.start("seen.py")
    nadia.frame("msg", where=lambda frame: frame["nick"] == "seen")
    assert [line.split()[0] for line in kitchen.said()] == ["nadia:", "seen:"] * 3


def test_bot_in_python__that_knows_less_at_its_second_start(kitchen: Kitchen) -> None:
    """What nadia said is too far back by then: the first answer stands, and the bot goes on."""
    nadia, abel = kitchen.person("nadia"), kitchen.person("abel")
    nadia.say("the build is green")
    bot = kitchen.start("seen.py")
    wait_until_it_watches(kitchen, bot, abel)
    assert "spoke" in ask_bot(abel, "!seen nadia", "seen")
    kitchen.stop(bot, signal.SIGKILL)
    assert kitchen.run("sed -i 's/history=100/history=2/' bin/seen.py").returncode == 0
    bot = kitchen.start("seen.py")
    assert ask_bot(abel, "!seen rajat", "seen") == "abel: rajat? not lately"
    assert len(kitchen.said()) == 5


def test_bot_in_perl(kitchen: Kitchen) -> None:
    nadia = kitchen.person("nadia")
    bot = kitchen.start("clock")
    nadia.frame("join", where=lambda frame: "clock" in frame["nicks"])
    assert ask_bot(nadia, "!time", "clock").endswith(" UTC")
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    assert bot.wait(DEADLINE) != 0
    assert kitchen.log_of(bot) == "clock: the server has gone\n"


def test_bot_in_perl__when_it_is_refused(kitchen: Kitchen) -> None:
    kitchen.person("clock")
    bot = kitchen.start("clock")
    assert bot.wait(DEADLINE) != 0
    assert kitchen.log_of(bot).startswith("clock: ")


def test_without_chatctl(kitchen: Kitchen) -> None:
    kitchen.show()
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def show_name_taken(kitchen: Kitchen, bot: subprocess.Popen[bytes], person: Wire, nick: str) -> None:
    """End the bot, let somebody else have its name, and compare what it says then."""
    kitchen.stop(bot)
    while nick in members(person):
        pass
    kitchen.person(nick)
    kitchen.show()


def started(kitchen: Kitchen, script: str, person: Wire, nick: str) -> subprocess.Popen[bytes]:
    """Start a bot that is a member, and wait until it answers."""
    bot = kitchen.start(script)
    while nick not in members(person):
        assert bot.poll() is None, kitchen.log_of(bot)
    following = False
    while not following:  # a member before it follows
        person.say_frame(type="whisper", to=nick, text=["!time", "!help", "!votes"][BOTS.index(nick)])
        person.say_frame(type="ping")
        while (frame := person.next_frame())["type"] != "pong":
            following |= frame["type"] == "whisper" and frame["from"] == nick
    return bot


def frames_until_now(person: Wire) -> list[dict[str, object]]:
    person.say_frame(type="ping")
    frames = [person.next_frame()]
    while frames[-1]["type"] != "pong":
        frames.append(person.next_frame())
    return frames


BOTS = ["clock", "greeter", "vote"]
"""Each answers one of the commands that ``started`` whispers."""


def members(person: Wire) -> list[str]:
    person.say_frame(type="who")
    return [row["nick"] for row in person.frame("roster")["members"]]


def test_clock_bot(kitchen: Kitchen) -> None:
    nadia = kitchen.person("nadia")
    bot = started(kitchen, "clock_bot.py", nadia, "clock")
    ask_bot(nadia, "!time", "clock")
    kitchen.show()
    show_name_taken(kitchen, bot, nadia, "clock")


def test_clock_bot__asked_while_it_was_away(kitchen: Kitchen) -> None:
    """It answers when it is back, once."""
    nadia = kitchen.person("nadia")
    bot = kitchen.start("clock_bot.py")
    while "clock" not in members(nadia):
        assert bot.poll() is None, kitchen.log_of(bot)
    while not (kitchen.home / ".clock.cursor").exists():
        members(nadia)
    kitchen.stop(bot)
    nadia.say("!time")
    kitchen.start("clock_bot.py")
    nadia.frame("msg", where=lambda frame: frame["nick"] == "clock")
    assert [line.split()[0] for line in kitchen.said()] == ["nadia:", "clock:"]


def test_clock_bot__that_is_killed_as_soon_as_it_is_seen(kitchen: Kitchen) -> None:
    """At its first start; and while it is away the server is killed, too."""
    nadia = kitchen.person("nadia")
    bot = kitchen.start("clock_bot.py")
    nadia.frame("join", where=lambda frame: "clock" in frame["nicks"])
    kitchen.stop(bot, signal.SIGKILL)
    nadia.say("!time")
    nadia.frame("msg")
    kitchen.stop(kitchen.processes[0], signal.SIGKILL)
    kitchen.start("clock_bot.py")  # it waits for the server
    kitchen.serve()
    reader = kitchen.person("nadia", mode="watch", history=10)
    reader.frame("msg", where=lambda frame: frame["nick"] == "clock")
    assert [line.split()[0] for line in kitchen.said()] == ["nadia:", "clock:"]
    assert sorted(path.name for path in kitchen.home.glob(".c*")) == [".clock.cursor", ".clock.cursor.lock"]


def test_greeter_bot(kitchen: Kitchen) -> None:
    nadia = kitchen.person("nadia")
    bot = started(kitchen, "greeter.py", nadia, "greeter")
    abel = kitchen.person("abel")
    assert "say !help" in abel.frame("whisper")["text"]
    assert ask_bot(abel, "!help", "greeter") == "nadia is on call"
    assert kitchen.said() == ["abel: !help", "greeter: nadia is on call"]
    kitchen.stop(kitchen.processes[0])
    kitchen.serve()
    nadia = kitchen.person("nadia")
    while "greeter" not in members(nadia):
        pass
    abel, omar = kitchen.person("abel"), kitchen.person("omar")
    assert "say !help" in omar.frame("whisper")["text"]
    assert [frame for frame in frames_until_now(abel) if frame["type"] == "whisper"] == [], "it knows abel already"
    show_name_taken(kitchen, bot, nadia, "greeter")


def test_vote_bot(kitchen: Kitchen) -> None:
    nadia, abel = kitchen.person("nadia"), kitchen.person("abel")
    bot = started(kitchen, "vote.py", nadia, "vote")
    ask_bot(nadia, "!vote pizza", "vote")
    ask_bot(abel, "!vote soup", "vote")
    ask_bot(abel, "!vote Pizza", "vote")
    kitchen.show()
    show_name_taken(kitchen, bot, nadia, "vote")


def test_bridge_between_two_rooms(kitchen: Kitchen) -> None:
    """Once in each direction, whatever is killed: what was said meanwhile comes late, and nothing comes back."""
    nadia, omar = kitchen.person("nadia"), kitchen.person("omar", "ops")
    bridge = kitchen.start("bridge.py")
    while not all((kitchen.home / f".bridge.cursor.{room}").exists() for room in ("lobby", "ops")):
        members(nadia)
        assert bridge.poll() is None, kitchen.log_of(bridge)
    nadia.say("the site is slow")
    assert carried(omar) == "nadia: the site is slow"
    omar.say("looking")
    assert carried(nadia) == "omar: looking"
    kitchen.show()
    kitchen.show()
    kitchen.stop(bridge, signal.SIGKILL)
    nadia.say("still slow")
    omar.say("found it")
    kitchen.start("bridge.py")
    assert carried(omar) == "nadia: still slow"
    assert carried(nadia) == "omar: found it"
    assert kitchen.said("ops") == [
        "bridge: nadia: the site is slow", "omar: looking", "omar: found it", "bridge: nadia: still slow",
    ]  # fmt: skip
    assert len(kitchen.said()) == 4


def carried(person: Wire) -> str:
    text: str = person.frame("msg", where=lambda frame: frame["nick"] == "bridge")["text"]
    return text

"""Recipes of docs/cookbook.md for monitoring systems, each command run as that system runs it."""

from __future__ import annotations

import re

from tests.support.wire import Wire
from tests.system.cookbook.kitchen import Kitchen, masked


def check_command(config: str, home: str) -> str:
    """Put a Nagios command line together: from the command, the service that uses it, and the macros."""
    name, line = (re.search(rf"{key} +(.+)", config) for key in ("command_name", "command_line"))
    used = re.search(r"check_command +([^!\n]+)!(.+)", config)
    assert name
    assert line
    assert used
    assert name[1] == used[1]
    macros = {"$USER2$": f"{home}/.local/bin", "$HOSTADDRESS$": "127.0.0.1", "$ARG1$": used[2]}
    command = line[1]
    for macro, value in macros.items():
        command = command.replace(macro, value)
    assert "$" not in command
    return command


def leave(wire: Wire) -> None:
    """Leave in order: when the server has closed, the others have been told."""
    wire.say_frame(type="bye")
    wire.rest()


def test_nagios_and_icinga(kitchen: Kitchen) -> None:
    """The command of the configuration says what the shown ones say, in each state."""
    command = check_command(kitchen.recipe.take("nagios").text, str(kitchen.home))
    nadia = kitchen.person("nadia")
    nadia.say("good morning")
    nadia.frame("msg")
    states = [kitchen.run(command)]
    kitchen.show()
    leave(nadia)
    states.append(kitchen.run(command))
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    states.append(kitchen.run(command))
    kitchen.show()
    assert [state.returncode for state in states] == [0, 1, 2]
    assert [state.stdout.split()[0] for state in states] == ["OK", "WARNING", "CRITICAL"]
    assert all(state.stdout.count("\n") == 1 and state.stderr == "" for state in states)
    assert kitchen.recipe.left() == []


def test_prometheus(kitchen: Kitchen) -> None:
    (kitchen.home / "textfiles").mkdir()
    nadia = kitchen.person("nadia")
    nadia.say("good morning")
    nadia.frame("msg")
    leave(nadia)
    done = kitchen.cron(kitchen.recipe.take("crontab"), TEXTFILES="textfiles")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()
    assert [path.name for path in (kitchen.home / "textfiles").iterdir()] == ["chatctl.prom"]


def test_prometheus__in_the_form_that_the_collector_reads(kitchen: Kitchen) -> None:
    """Each figure under its HELP and TYPE, nothing else in the file."""
    (kitchen.home / "textfiles").mkdir()
    assert kitchen.run("TEXTFILES=textfiles chat-metrics").returncode == 0
    text = (kitchen.home / "textfiles" / "chatctl.prom").read_text()
    name, value = r"[a-z_]+", r"[0-9.]+"
    figure = rf"# HELP ({name}) .+\n# TYPE \1 gauge\n\1\{{server=\"[^\"]+\",room=\"lobby\"\}} {value}\n"
    assert re.fullmatch(f"(?:{figure.replace(chr(92) + '1', '(?:' + name + ')')})+", text), masked(text)


def test_dead_man(kitchen: Kitchen) -> None:
    """The check is silent while all is well, as cron wants it."""
    nadia = kitchen.person("nadia")
    nadia.say("nobody asked about me").frame("msg")
    never = kitchen.run("check-backup")
    assert (never.returncode, never.stdout[:8]) == (2, "CRITICAL")
    done = kitchen.cron(kitchen.recipe.take("crontab"))
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert kitchen.said()[1:] == ["backup: done"]
    nadia.say("still here").frame("msg")
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_dead_man__when_the_backup_fails(kitchen: Kitchen) -> None:
    """It then says nothing, which is what is noticed."""
    script = kitchen.home / "bin" / "nightly-backup"
    script.write_text(script.read_text().replace("true &&", "false &&"))
    assert kitchen.cron(kitchen.recipe.take("crontab")).returncode == 1
    assert kitchen.said() == []
    assert kitchen.run("check-backup").returncode == 2

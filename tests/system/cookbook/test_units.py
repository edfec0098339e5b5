"""Recipes of docs/cookbook.md for systemd and Ansible: their files are valid, and what they call does what is shown."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest

from chatctl.common.plain_text import CUT
from tests.support.needs import need
from tests.system.cookbook.ingredients import executable
from tests.system.cookbook.kitchen import Kitchen, answering

JOURNALCTL = """#!/bin/sh
echo "$*" >~/journalctl.log
printf '{}'
"""
LINE = "gzip: stdout: No space left on device"
MONITOR = {
    "MONITOR_SERVICE_RESULT": "exit-code",
    "MONITOR_EXIT_STATUS": "1",
    "MONITOR_INVOCATION_ID": "9f86d081884c7d65",
}


def fails(kitchen: Kitchen, unit: str = "nightly.service", **env: str) -> subprocess.CompletedProcess[str]:
    """Run what systemd starts when that unit fails, with the little that it puts into an environment."""
    template = (kitchen.home / ".config/systemd/user/tell-room@.service").read_text()
    start = re.search(r"^ExecStart=(.+)$", template, re.MULTILINE)
    assert start
    words = [word.replace("%h", str(kitchen.home)).replace("%i", unit) for word in shlex.split(start[1])]
    bare = {"HOME": str(kitchen.home), "PATH": "/usr/bin:/bin", "LANG": "C", "CHATCTL_PORT": str(kitchen.port)}
    return kitchen._run(words, bare | MONITOR | env)


def test_failed_units(kitchen: Kitchen) -> None:
    """A journal of our own stands in for systemd's, which a test can't fill."""
    executable(kitchen.home / "bin" / "journalctl", JOURNALCTL.format(f"{LINE}\\n"))
    assert kitchen.run("nightly-job").stdout == f"{LINE}\n"
    for _ in "twice":
        done = fails(kitchen)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "_SYSTEMD_INVOCATION_ID=9f86d081884c7d65" in (kitchen.home / "journalctl.log").read_text()
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_failed_units__with_hostile_lines(kitchen: Kitchen) -> None:
    """A line of the journal may hold anything; a systemd before 251 tells no reason."""
    hostile = "caf\\351\\n\\033[31mred\\033[0m\\n10%%\\r100%%\\n' ; head -c 1000000 /dev/zero | tr '\\0' x; echo '"
    executable(kitchen.home / "bin" / "journalctl", JOURNALCTL.format(hostile))
    unknown = dict.fromkeys(MONITOR, "")
    assert fails(kitchen, "a\\x2db@--help.service", **unknown).returncode == 0
    (said,) = kitchen.said()
    first, *lines = said.split("\n")
    assert re.fullmatch(r"systemd: a\\x2db@--help\.service failed on \S+: unknown ?", first)
    assert lines[:3] == ["caf\ufffd", "red", "100%"]
    assert lines[3].startswith("xxx")
    assert lines[3].endswith(CUT)


def test_failed_units__are_valid(kitchen: Kitchen) -> None:
    """As systemd reads them."""
    need("systemd-analyze")
    units = kitchen.home / ".config/systemd/user"
    command = f"systemd-analyze --user verify --man=no {units}/nightly.service {units}/tell-room@.service"
    done = kitchen.run(command, XDG_RUNTIME_DIR=str(kitchen.home))
    assert (done.returncode, done.stderr) == (0, "")


def calls(playbook: str, version: str) -> list[list[str]]:
    """Return the command of each task, with the variables filled in."""
    lists = [json.loads(line) for line in re.findall(r"^ +argv: (\[.*\])$", playbook, re.MULTILINE)]
    assert len(lists) == playbook.count("command:"), "a command in another form"
    variables = {"{{ version }}": version, "{{ ansible_failed_task.name }}": "Your tasks"}
    filled = [[_filled(word, variables) for word in words] for words in lists]
    assert "{{" not in str(filled)
    return filled


def _filled(word: str, variables: dict[str, str]) -> str:
    for name, value in variables.items():
        word = word.replace(name, value)
    return word


def test_ansible(kitchen: Kitchen) -> None:
    """Each command as Ansible runs it: without a shell."""
    playbook = (kitchen.home / "roll-out.yml").read_text()
    nadia = kitchen.person("nadia")
    ask, _, tell, tell_failure = calls(playbook, "1.4")
    with answering(nadia, "1.4", "yes"):
        assert kitchen._run(ask, kitchen.env).returncode == 0
    for _ in "twice":
        assert kitchen._run(tell, kitchen.env).returncode == 0
    kitchen.show()
    with answering(nadia, "1.5", "no"):
        assert kitchen._run(calls(playbook, "1.5")[0], kitchen.env).returncode == 11
    assert kitchen._run(tell_failure, kitchen.env).returncode == 0
    assert kitchen.said()[-1] == "ansible: 1.4 FAILED: Your tasks"
    kitchen.stop(kitchen.processes[0])
    done = kitchen._run(ask, kitchen.env)
    assert done.returncode == 3
    assert "cannot reach" in done.stderr


@pytest.mark.parametrize("version", ["--help", "-", "1.4\nyes", "'; touch oops; '"])
def test_ansible__of_a_hostile_version(kitchen: Kitchen, version: str) -> None:
    """It is text, whatever it looks like."""
    _, _, tell, tell_failure = calls((kitchen.home / "roll-out.yml").read_text(), version)
    for words in (tell, tell_failure):
        done = kitchen._run(words, kitchen.env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kitchen.said() == [f"ansible: {version} is rolled out", f"ansible: {version} FAILED: Your tasks"]


def test_ansible__reads_the_playbook(kitchen: Kitchen) -> None:
    need("ansible-playbook")
    done = kitchen.run("ansible-playbook --syntax-check -i localhost, -e version=1.4 roll-out.yml")
    assert done.returncode == 0, done.stderr

"""Recipes of docs/cookbook.md for jobs: what they print, what the room shows, and what happens when it is away."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time

from tests.support.environment import DEADLINE
from tests.support.stub import closed_port
from tests.system.cookbook.book import crontab
from tests.system.cookbook.ingredients import append, executable, watched
from tests.system.cookbook.kitchen import Kitchen, answering


def test_before_you_start(empty_kitchen: Kitchen) -> None:
    empty_kitchen.serve(empty_kitchen.recipe.take("sh").text)
    empty_kitchen.show()


def test_cron_report(kitchen: Kitchen) -> None:
    """Cron mails what is printed: nothing, if all is well. Both times with the same figures: a real disk fills."""
    executable(kitchen.home / "bin" / "df", "#!/bin/sh\necho 'Use% Size Mounted on'; echo ' 42%  40G /'\n")
    tab = kitchen.recipe.take("crontab")
    for _ in "twice":
        done = kitchen.cron(tab)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_cron_report__when_the_server_is_away(kitchen: Kitchen) -> None:
    """Cron's mail is the one line, and cron's log has the exit code."""
    kitchen.stop(kitchen.processes[0])
    done = kitchen.cron(kitchen.recipe.take("crontab"), PATIENCE="300ms")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("chatctl: cannot reach 127.0.0.1")
    assert done.stderr.count("\n") == 1


def test_nightly_job(kitchen: Kitchen) -> None:
    tab = kitchen.recipe.take("crontab")
    assert kitchen.cron(tab, RESULT="0").returncode == 0
    assert kitchen.said() == []
    done = kitchen.cron(tab)
    assert done.returncode == 1
    assert done.stdout == "dumping the database\ncompressing\n"
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_nightly_job__while_the_server_starts_anew(kitchen: Kitchen) -> None:
    """What went wrong is told when it is back."""
    _, (job,) = crontab(kitchen.recipe.take("crontab").text)
    kitchen.stop(kitchen.processes[0], signal.SIGKILL)
    run = kitchen.start(job)
    assert run.stderr is not None
    assert run.stderr.readline().startswith(b"gzip")
    kitchen.serve()
    assert run.wait(DEADLINE) == 1
    assert run.stderr.read() == b""
    assert [line.split(" after ")[0] for line in kitchen.said()][:1] == ["cron: failed with 1"]


def test_ci_job(kitchen: Kitchen) -> None:
    for name in ("build", "tests"):
        executable(kitchen.home / name, "#!/bin/sh\n")
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_ci_job__when_the_first_step_fails(kitchen: Kitchen) -> None:
    """The steps behind it don't run."""
    executable(kitchen.home / "build", "#!/bin/sh\nexit 4\n")
    executable(kitchen.home / "tests", "#!/bin/sh\ntouch tested\n")
    assert kitchen.run("ci-job", CI_COMMIT_REF_NAME="next").returncode == 4
    (said,) = kitchen.said("builds")
    assert said.startswith("ci: next FAILED with 4 in build after ")
    assert not (kitchen.home / "tested").exists()


def test_deploy_gate(kitchen: Kitchen) -> None:
    nadia = kitchen.person("nadia")
    with answering(nadia, "deploy 1.4", "yes"):
        kitchen.show()
    with answering(nadia, "deploy 1.5", "no"):
        kitchen.show()
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_deploy_gate__when_a_stranger_says_yes(kitchen: Kitchen) -> None:
    with answering(kitchen.person("eve"), "deploy 2.0", "yes"):
        done = kitchen.run("deploy 2.0", PATIENCE="5s")  # a busy machine needs a second to ask
    assert done.returncode == 1
    assert "nobody answered" in done.stderr
    assert "eve: yes" in kitchen.said()
    assert not (kitchen.home / "in-production").exists()


def commit(kitchen: Kitchen, *subjects: str) -> None:
    """Commit as Nadia."""
    who = "-c user.name=Nadia -c user.email=nadia@example.org -c commit.gpgsign=false"
    for subject in subjects:
        done = kitchen.run(f"git -C shop {who} commit -q --allow-empty -m '{subject}'")
        assert done.returncode == 0, done.stderr


def test_git_hook(kitchen: Kitchen) -> None:
    """A real repository, and real pushes."""
    hooks = kitchen.home / "shop.git" / "hooks"
    assert kitchen.run("git init -q --bare -b main shop.git && git clone -q shop.git shop").returncode == 0
    assert (hooks / "post-receive").exists()
    commit(kitchen, "Say what a basket costs", "Round the sum, not the items")
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_git_hook__on_each_kind_of_push(kitchen: Kitchen) -> None:
    """A new branch tells its last ten commits at most, a push what is new, and deleting one that it is gone."""
    kitchen.run("git init -q --bare -b main shop.git && git clone -q shop.git shop; git -C shop checkout -q -b main")
    commit(kitchen, *(f"change {number}" for number in range(1, 13)))
    kitchen.run("git -C shop push -q origin main")
    commit(kitchen, "one more " + 300 * "é")
    kitchen.run("git -C shop push -q origin main; git -C shop push -q origin main:old; git -C shop push -q origin :old")
    new, more, old, gone = [text.split("\n") for text in kitchen.said("builds")]
    assert [line.rpartition(" ")[2] for line in new[1:]] == [str(number) for number in range(12, 2, -1)]
    assert "one more é" in more[1]
    assert len(more) == 2
    assert old[0].startswith("shop.git: old, by ")
    assert gone[1] == "deleted"


def test_log_watch(kitchen: Kitchen) -> None:
    nadia = kitchen.person("nadia")
    log, _ = watched(kitchen)
    append(log, "INFO fine\n2026 ERROR cannot open /srv/app/cart.db")
    nadia.frame("msg")
    append(log, "FATAL giving up")
    nadia.frame("msg")
    kitchen.show()


def test_log_watch__over_a_restart_of_the_server(kitchen: Kitchen) -> None:
    """Also what is written while it is down, once; and a line that no message can hold is cut."""
    log, _ = watched(kitchen)
    nadia = kitchen.person("nadia")
    append(log, "ERROR one")
    nadia.frame("msg")
    kitchen.stop(kitchen.processes[0])
    append(log, "ERROR two")
    append(log, "ERROR " + 5000 * "é")
    kitchen.serve()
    abel = kitchen.person("abel")
    append(log, "ERROR last")
    abel.frame("msg", where=lambda frame: frame["text"] == "ERROR last")
    cut = f"app: ERROR {(4096 - len('ERROR …'.encode())) // 2 * 'é'}…"
    assert kitchen.said() == ["app: ERROR one", "app: ERROR two", cut, "app: ERROR last"]


def test_log_watch__when_the_server_stays_away(kitchen: Kitchen) -> None:
    """It ends with 3, so a service manager sees that it failed."""
    log, watch = watched(kitchen, PATIENCE="100ms")
    kitchen.stop(kitchen.processes[0])
    end = time.monotonic() + DEADLINE
    while watch.poll() is None and time.monotonic() < end:
        append(log, "ERROR unheard")
        with contextlib.suppress(subprocess.TimeoutExpired):
            watch.wait(0.05)
    assert watch.returncode == 3
    assert kitchen.log_of(watch).startswith("chatctl: ")


def test_start_script(empty_kitchen: Kitchen) -> None:
    empty_kitchen.env["CHATCTL_PORT"] = str(closed_port())
    empty_kitchen.show()
    empty_kitchen.run("while chatctl probe; do :; done")  # or the next one finds this server
    empty_kitchen.show()


def test_start_script__where_a_room_is_open_already(kitchen: Kitchen) -> None:
    """It would answer for the one that can't have the port."""
    done = kitchen.run("start-room")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "a room is open there already\n")


def test_power_off(kitchen: Kitchen) -> None:
    executable(kitchen.home / "bin" / "sudo", '#!/bin/sh\necho "$@" >>~/sudo.log\n')
    assert kitchen.run("command -v sudo").stdout == f"{kitchen.home}/bin/sudo\n", "or this machine goes off"
    nadia = kitchen.person("nadia")
    kitchen.show()
    nadia.close()
    assert kitchen.run("chatctl who --watch nadia & until ! chatctl who nadia; do :; done; kill $!").returncode == 0
    kitchen.show()
    log = kitchen.home / "sudo.log"
    assert not log.exists(), "nobody told it to"
    assert kitchen.run("good-night --now").returncode == 0
    assert log.read_text() == "poweroff\n"

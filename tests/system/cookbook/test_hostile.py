"""Recipes of docs/cookbook.md that pass on what others wrote: no text, colours, progress bars, megabytes."""

from __future__ import annotations

import pytest

from chatctl.common.plain_text import CUT
from tests.system.cookbook.ingredients import executable, watched
from tests.system.cookbook.kitchen import Kitchen

MOST = 4096
LOCALES = pytest.mark.parametrize("locale", ["C", "C.UTF-8"])

HOSTILE = {
    b"ERROR caf\xe9 is closed": "ERROR caf\ufffd is closed",
    b"\x1b[31mERROR\x1b[0m red": "ERROR red",
    b"ERROR 10%\rERROR 50%\rERROR 100%": "ERROR 100%",
    b"\xef\xbb\xbfERROR from Windows\r": "ERROR from Windows",
    b"ERROR \xc3": "ERROR \ufffd",
    "ERROR in Zürich 🎉".encode(): "ERROR in Zürich 🎉",
    b"ERROR " + 1_000_000 * b"x": "ERROR " + (MOST - len("ERROR ") - len(CUT.encode())) * "x" + CUT,
}
"""What a program may write, and what the room is to read of it."""


@LOCALES
def test_log_watch__of_hostile_lines(kitchen: Kitchen, locale: str) -> None:
    """Each is said, and the watch continues."""
    log, watch = watched(kitchen, LC_ALL=locale)
    nadia = kitchen.person("nadia")
    with log.open("ab") as out:
        out.write(b"".join(line + b"\n" for line in (*HOSTILE, b"ERROR last")))
    assert nadia.texts(last="ERROR last") == [*HOSTILE.values(), "ERROR last"]
    assert watch.poll() is None


def pushed(kitchen: Kitchen, subject: bytes, locale: str) -> tuple[str, list[str]]:
    """Push a commit with that subject; return what git told and what the room heard of it."""
    kitchen.run("git init -q --bare -b main shop.git && git clone -q shop.git shop; git -C shop checkout -q -b main")
    message = kitchen.home / "message"
    message.write_bytes(subject)
    who = "-c user.name=Nadia -c user.email=nadia@example.org -c commit.gpgsign=false"
    done = kitchen.run(
        f"git -C shop {who} commit -q --allow-empty -F {message}; git -C shop push -q origin main", LC_ALL=locale
    )
    assert done.returncode == 0, done.stderr
    (said,) = kitchen.said("builds")
    return done.stderr, said.split("\n")


@LOCALES
@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ((280 // 2) * "ä".encode(), 118 * "ä" + ".."),
        ("ä".encode() + 300 * "ö".encode(), "ä" + 117 * "ö" + ".."),
        (b"\x1b[31mred\x1b[0m and \x1b]0;title\x07plain", "red and plain"),
        (b"over\rwritten", "written"),
        (1_000_000 * b"x", 118 * "x" + ".."),
    ],
    ids=["umlauts", "odd", "colours", "CR", "megabyte"],
)
def test_git_hook__of_a_hostile_subject(kitchen: Kitchen, subject: bytes, wanted: str, locale: str) -> None:
    told, lines = pushed(kitchen, subject, locale)
    assert "chatctl" not in told
    assert lines[0].startswith("shop.git: main, by ")
    (commit,) = lines[1:]
    assert commit.rpartition("Nadia: ")[2] == wanted


@LOCALES
def test_git_hook__of_a_branch_that_is_no_text(kitchen: Kitchen, locale: str) -> None:
    """A subject git takes for Latin-1 and makes text of it; the name of a branch it leaves as it is."""
    pushed(kitchen, b"fine", locale)
    done = kitchen.run("git -C shop push -q origin main:caf$(printf '\\351')", LC_ALL=locale)
    assert (done.returncode, done.stderr) == (0, "")
    assert kitchen.said("builds")[1].startswith("shop.git: caf\ufffd, by ")


@LOCALES
def test_cron_report__of_a_hostile_mount(kitchen: Kitchen, locale: str) -> None:
    """More than a message holds, and not UTF-8."""
    executable(
        kitchen.home / "bin" / "df", "#!/bin/sh\nprintf '42%% 40G /caf\\351\\n'; yes ' 1% 1G /mnt' | head -n 1000\n"
    )
    done = kitchen.run("disk-report", LC_ALL=locale)
    assert (done.returncode, done.stderr) == (0, "")
    (said,) = kitchen.said()
    assert said.startswith("disks: 42% 40G /caf\ufffd\n 1% 1G /mnt\n")
    assert said.endswith(CUT)


@pytest.mark.parametrize("name", ["--help", "-", "@all", "$(touch oops)", "a\nb", 5000 * "x"])
def test_ci_job__of_a_hostile_branch(kitchen: Kitchen, name: str) -> None:
    """It is text, whatever it looks like."""
    for step in ("build", "tests"):
        executable(kitchen.home / step, "#!/bin/sh\n")
    done = kitchen.run("ci-job", CI_COMMIT_REF_NAME=name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (said,) = kitchen.said("builds")
    assert said.startswith(f"ci: {name} passed"[:4000])
    assert not (kitchen.home / "oops").exists()


def test_nightly_job__with_hostile_output(kitchen: Kitchen) -> None:
    """Its own output is passed on byte by byte; the room is shown text."""
    output = b"\xff\xfe\n\x1b[2Jcleared\n10%\r100%\n"
    (kitchen.home / "output").write_bytes(output)
    executable(kitchen.home / "bin" / "nightly", "#!/bin/sh\ncat output\nexit 1\n")
    done = kitchen.run("chatctl run --nick cron --tail 3 --quiet-success -- nightly >passed-on")
    assert done.returncode == 1
    assert (kitchen.home / "passed-on").read_bytes() == output
    (said,) = kitchen.said()
    assert "\x1b" not in said
    assert said.count("\n") == 3

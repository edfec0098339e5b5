"""Answers that count by a key: who else may say what, under which name, before and after."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from chatctl.client.io.blocking_transport import drive
from chatctl.client.io.clock import deadline_in
from chatctl.protocol import Say
from tests.support.environment import CHATCTL, DEADLINE
from tests.support.forked import popen
from tests.support.server_process import Server
from tests.system.security.conftest import Chatctl, Person

Serve = Callable[..., Server]
Make = Callable[[str], Person]


@pytest.fixture
def ask(env: dict[str, str]) -> Callable[..., subprocess.Popen[bytes]]:
    def start(server: Server, *options: str) -> subprocess.Popen[bytes]:
        words = ("ask", "go?", "--nick", "deploy", "--timeout", "60s", "--port", str(server.port), *options)
        return popen([*CHATCTL, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return start


def test_an_answer_counts_with_the_key_that_is_asked_alone(
    serve: Serve, person: Make, chatctl: Chatctl, ask: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Rajat is away at first; Mallory has a key, too, and omar none."""
    server, rajat, mallory = serve(journal=True), person("rajat"), person("mallory")
    for one, nick in ((rajat, "Rajat"), (mallory, "Mallory")):
        one.join(server.port, nick).close()
    omar = server.member("omar")
    process = ask(server, "--from-key", rajat.fingerprint)
    assert rajat.fingerprint in omar.frame("msg")["text"]
    assert chatctl("send", "--nick", "Rajat", "yes", port=server.port).returncode == 5
    omar.say("yes")
    omar.frame("msg", where=lambda msg: msg["nick"] == "omar")
    for one, nick, said in ((mallory, "Mallory", "yes"), (rajat, "Rajat", "no")):
        assert chatctl("send", "--key", str(one.path), "--nick", nick, said, port=server.port).returncode == 0
    out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (11, b"no\n"), err
    assert err.decode().splitlines() == [
        "(ignored omar: the name is not bound to a key: omar has to 'chatctl join' once with one)",
        "(ignored Mallory: its key is not one of those that may answer)",
        "Rajat chose no",
    ]


def test_one_who_is_in_the_room_answers(
    serve: Serve, person: Make, ask: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """By a name, too, if that is asked for."""
    server, rajat = serve(journal=True), person("rajat")
    omar = server.member("omar")
    with rajat.join(server.port, "Rajat"), rajat.join(server.port, "Raj2") as second:
        process = ask(server, "--from-key", rajat.fingerprint, "--from", "raj2")
        omar.frame("msg")
        assert second.welcome.claimed
        drive(second.send(Say("1"), deadline_in(DEADLINE)))
        out, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out) == (0, b"yes\n"), err


def test_what_is_no_fingerprint_is_refused(chatctl: Chatctl) -> None:
    done = chatctl("ask", "go?", "--from-key", "SHA256:xx")
    assert done.returncode == 2
    assert b"is not a fingerprint" in done.stderr

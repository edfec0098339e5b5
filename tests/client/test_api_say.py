"""Saying from a program, in both forms: once, whatever breaks, or the truth about it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from chatctl.client import connect
from chatctl.errors import NickInvalid, NickTaken, OutcomeUnknown, PeerBroke, RoomInvalid, TooLong, Unreachable
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.fixture_types import Lossy, PutStub, Serve
from tests.support.scripted_peer import Peer, acknowledge, one_after_another, swallow
from tests.support.server_process import Server
from tests.support.stub import closed_port
from tests.support.wire import log_of


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def test_it_is_said_and_acknowledged(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        ack = here.say("two\nlines ", action=True)
        said = nadia.frame("msg")
        assert (said["nick"], said["text"], said["action"]) == ("ci", "two\nlines ", True)
        assert (ack.seq, ack.time, ack.duplicate) == (said["seq"], said["time"], False)
        assert here.welcome.room == room


def test_the_same_under_one_id_is_said_once(form: Form, house: Server, room: str) -> None:
    """Also by a second run: the token that makes an id ours is kept."""
    acks = []
    for _ in range(2):
        with form.connect(at(house.port), nick="ci", room=room) as here:
            acks += [here.say("hi", id="x"), here.say("hi", id="x")]
    assert [(ack.seq, ack.duplicate) for ack in acks] == [(1, False), (1, True), (1, True), (1, True)]
    assert log_of(house.member("nadia", room)) == ["hi"]


def test_an_acknowledgement_that_got_lost(form: Form, house: Server, lossy: Lossy, room: str) -> None:
    """The connection breaks with the message said: the retry has the same id, so everybody saw it once."""
    proxy = lossy(house.port)
    with form.connect(at(proxy.port), nick="ci", room=room) as here:
        assert here.say("deploy done").duplicate is True
        assert proxy.cuts == 1
        assert here.say("next").seq == 2
    assert log_of(house.member("nadia", room)) == ["deploy done", "next"]


def test_a_restart_of_the_server_is_outlived(form: Form, serve: Serve, tmp_path: Path) -> None:
    """It is away when we speak, and comes back while we try."""
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve(*journal)
    with form.connect(at(server.port), nick="ci") as here:
        here.say("before")
        server.stop()
        again: list[Server] = []
        back = threading.Thread(target=lambda: again.append(serve(*journal, port=server.port)))
        back.start()
        ack = here.say("after", retry_for=2 * DEADLINE)
        back.join()
    assert (ack.seq, ack.duplicate) == (2, False)
    assert log_of(again[0].member("nadia")) == ["before", "after"]


def test_a_connection_that_was_idle_too_long_is_made_anew(form: Form, stub: PutStub) -> None:
    """The server hung up meanwhile: nothing was under way, so nothing is unknown, even with one try."""

    def leave(peer: Peer) -> None:
        peer.let_in()
        peer.send(type="bye", why="no answer to our pings")
        peer.close()
        gone.set()

    gone = threading.Event()
    with form.connect(at(stub(one_after_another(leave, acknowledge)).port), nick="ci") as here:
        assert gone.wait(DEADLINE)
        assert here.say("hi", retry_for=0).seq == 1


def test_no_answer_is_an_outcome_unknown(form: Form, stub: PutStub) -> None:
    with (
        form.connect(at(stub(one_after_another(swallow)).port), nick="ci") as here,
        pytest.raises(OutcomeUnknown, match="may or may not have been stored"),
    ):
        here.say("hi", retry_for=0)


def test_a_server_that_says_nothing_is_an_outcome_unknown(form: Form, stub: PutStub) -> None:
    def deaf(peer: Peer) -> None:
        peer.let_in()
        peer.frame("say")

    with (
        form.connect(at(stub(one_after_another(deaf)).port), nick="ci", timeout=1) as here,
        pytest.raises(OutcomeUnknown, match="the deadline passed"),
    ):
        here.say("hi", retry_for=0)


def test_a_server_that_stays_away_is_unreachable(form: Form, serve: Serve) -> None:
    """Nothing was sent: that is no unknown outcome."""
    server = serve()
    with form.connect(at(server.port), nick="ci") as here:
        server.stop()
        with pytest.raises(Unreachable, match="connection refused"):
            here.say("hi", retry_for=0)


def test_too_long_is_told_before_anything_is_sent(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here:
        with pytest.raises(TooLong, match="5000 bytes, and the server takes at most 4096"):
            here.say("x" * 5000)
        assert here.say("short").seq == 1


def test_a_storm_of_words_waits_for_the_server(form: Form, stub: PutStub) -> None:
    """Too fast is no end: it is said again when the server says that it may."""

    def limited(peer: Peer) -> None:
        peer.let_in()
        first = peer.frame("say")
        peer.send(type="error", code="rate_limited", text="too fast", id=first["id"], retry_after=0.01)
        acknowledge(peer)

    def again(peer: Peer) -> None:
        acknowledge(peer)

    with form.connect(at(stub(one_after_another(limited, again)).port), nick="ci") as here:
        assert here.say("hi").seq == 1


# --- who is not let in


def test_nobody_there(form: Form) -> None:
    with pytest.raises(Unreachable, match=r"cannot reach 127.0.0.1:\d+: connection refused"):
        form.connect(at(closed_port()), nick="ci")


def test_somebody_who_says_nothing(form: Form, stub: PutStub) -> None:
    with pytest.raises(Unreachable, match="cannot reach"):
        form.connect(at(stub(lambda sock: sock.recv(1)).port), nick="ci", timeout=0.2)


def test_a_name_that_is_taken(form: Form, house: Server, room: str) -> None:
    house.member("nadia", room)
    with pytest.raises(NickTaken):
        form.connect(at(house.port), nick="nadia", room=room)


def test_what_can_not_be_a_name_a_room_or_a_server(form: Form, house: Server) -> None:
    with pytest.raises(NickInvalid):
        form.connect(at(house.port), nick="a\nb")
    with pytest.raises(RoomInvalid):
        form.connect(at(house.port), nick="ci", room="No Room")
    with pytest.raises(ValueError, match="'a b' is not a server"):
        form.connect("a b", nick="ci")


def test_a_web_server(form: Form, stub: PutStub) -> None:
    def web(peer: Peer) -> None:
        peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.close()

    with pytest.raises(PeerBroke, match="a web server answered"):
        form.connect(at(stub(one_after_another(web)).port), nick="ci")


def test_a_server_that_breaks_the_protocol_later(form: Form, stub: PutStub) -> None:
    """No retry helps, and no promise holds: it is told as what it is."""

    def nonsense(peer: Peer) -> None:
        peer.let_in()
        peer.frame("say")
        peer.sock.sendall(b"nonsense\n")

    with (
        form.connect(at(stub(one_after_another(nonsense)).port), nick="ci") as here,
        pytest.raises(PeerBroke, match="not JSON"),
    ):
        here.say("hi")


@pytest.mark.parametrize("server", ["unix", "ipv6"])
def test_other_places_of_a_server(form: Form, serve: Serve, tmp_path: Path, server: str) -> None:
    path = str(tmp_path / "chat.sock")
    if server == "unix":
        serve("--unix", path)
        with form.connect(path, nick="ci") as here:
            assert here.say("hi").seq == 1
    else:
        port = serve("--host", "::1").port
        with form.connect(f"[::1]:{port}", nick="ci") as here:
            assert here.say("hi").seq == 1


# --- cut short


def test_cut_short_it_hangs_up_and_says_it_no_more(form: Form, stub: PutStub) -> None:
    """A cancelled task, a signal handler that raises: the next message must not bring the last one with it."""
    hung_up = threading.Event()

    def deaf(peer: Peer) -> None:
        peer.let_in()
        peer.frame("say")
        os.kill(os.getpid(), signal.SIGUSR1)
        with pytest.raises(ConnectionResetError):
            peer.frame("say")
        hung_up.set()

    said: list[Any] = []

    def good(peer: Peer) -> None:
        peer.let_in()
        say = peer.frame("say")
        said.append(say["text"])
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=1)

    with form.connect(at(stub(one_after_another(deaf, good)).port), nick="ci") as here:
        with form.cut_short():
            here.say("first")
        assert here.say("second").seq == 1
        assert hung_up.wait(DEADLINE)
    assert said == ["second"]


def test_threads_may_share_a_room(house: Server, room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATCTL_STATE_DIR", str(tmp_path))
    with connect(at(house.port), nick="ci", room=room) as here:
        threads = [threading.Thread(target=lambda: [here.say(str(n)) for n in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert here.say("last").seq == 201

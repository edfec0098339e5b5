"""Closing what another task or thread uses, in both forms: at once, and for good."""

from __future__ import annotations

import threading

import pytest

from chatctl.errors import Closed, OutcomeUnknown
from tests.client.conftest import Form
from tests.support.environment import DEADLINE
from tests.support.fixture_types import PutStub, Serve
from tests.support.scripted_peer import Peer, acknowledge, one_after_another
from tests.support.server_process import Server
from tests.support.wire import log_of


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


def idle(peer: Peer) -> None:
    peer.let_in()


class Scene:
    """What the second connection of a room meets; ``reached`` is set once it stands there."""

    def __init__(self) -> None:
        self.reached = threading.Event()

    def waiting(self, peer: Peer) -> None:
        peer.let_in()
        self._stay(peer)

    def greeting(self, peer: Peer) -> None:
        self._stay(peer)

    def halfway(self, peer: Peer) -> None:
        peer.sock.sendall(b"NAME")
        peer.frame("hello")
        self._stay(peer)

    def full(self, peer: Peer) -> None:
        """Let us in and send us away for a minute."""
        peer.let_in()
        peer.send(type="bye", why="restart", retry_after=60)
        peer.close()
        self.reached.set()

    def _stay(self, peer: Peer) -> None:
        self.reached.set()
        with pytest.raises((ConnectionError, AssertionError)):
            peer.frame("never")


@pytest.mark.parametrize("whom", ["room", "following"])
@pytest.mark.parametrize("state", ["waiting", "greeting", "halfway", "full"])
def test_who_waits_for_an_entry_gets_none(form: Form, stub: PutStub, state: str, whom: str) -> None:
    """Whatever is waited for: an entry, a greeting, a welcome, or that the server is back."""
    scene = Scene()
    port = stub(one_after_another(idle, getattr(scene, state))).port
    with form.connect(at(port), nick="ci", timeout=10 * DEADLINE) as here:
        entries = here.follow()
        closing = here if whom == "room" else entries
        end = form.meanwhile(lambda: form.next(form.raw(entries)), scene.reached, lambda: form.raw(closing).close())
        assert isinstance(end, (StopIteration, StopAsyncIteration))
        assert list(entries) == []
        assert here.closed is (whom == "room")


def test_what_is_said_after_the_close_is_not_delivered(form: Form, house: Server, room: str) -> None:
    nadia = house.member("nadia", room)
    with form.connect(at(house.port), nick="ci", room=room) as here:
        entries = here.follow(history=1)
        here.say("one")
        assert next(entries).text == "one"
        nadia.say("two")
        here.close()
        nadia.say("three")
        assert list(entries) == []


def test_who_is_saying_something_learns_that_it_is_unknown(form: Form, stub: PutStub) -> None:
    heard = threading.Event()

    def deaf(peer: Peer) -> None:
        peer.let_in()
        peer.frame("say")
        heard.set()
        with pytest.raises((ConnectionError, AssertionError)):
            peer.frame("say")

    with form.connect(at(stub(one_after_another(deaf)).port), nick="ci", timeout=10 * DEADLINE) as here:
        end = form.meanwhile(lambda: form.raw(here).say("hi"), heard, lambda: form.raw(here).close())
    assert isinstance(end, OutcomeUnknown)


def test_who_waits_for_a_server_to_say_something_learns_that_it_is_not_said(form: Form, stub: PutStub) -> None:
    scene, gone = Scene(), threading.Event()

    def leave(peer: Peer) -> None:
        peer.let_in()
        peer.close()
        gone.set()

    port = stub(one_after_another(leave, scene.greeting)).port
    with form.connect(at(port), nick="ci", timeout=10 * DEADLINE) as here:
        assert gone.wait(DEADLINE)
        end = form.meanwhile(lambda: form.raw(here).say("hi"), scene.reached, lambda: form.raw(here).close())
    assert isinstance(end, Closed)


def test_who_asks_learns_it_and_the_room_that_nobody_waits(form: Form, house: Server, room: str) -> None:
    nadia, asked = house.member("nadia", room), threading.Event()

    def listen() -> None:
        nadia.frame("msg", where=lambda frame: "go?" in frame["text"])
        asked.set()

    thread = threading.Thread(target=listen)
    thread.start()
    with form.connect(at(house.port), nick="ci", room=room) as here:
        end = form.meanwhile(lambda: form.raw(here).ask("go?"), asked, lambda: form.raw(here).close())
    thread.join(DEADLINE)
    assert isinstance(end, (Closed, OutcomeUnknown)), (
        "the latter, if the room was closed before its acknowledgement came"
    )
    assert "withdrawn" in nadia.frame("notice")["text"]


def test_a_closed_room_says_follows_and_asks_nothing(form: Form, house: Server, room: str) -> None:
    with form.connect(at(house.port), nick="ci", room=room) as here:
        here.close()
        for call in (lambda: here.say("hi"), here.follow, lambda: here.ask("go?"), lambda: here.search("hi")):
            with pytest.raises(Closed, match="the room is closed"):
                call()
        here.close()  # once more is nothing
    assert log_of(house.member("nadia", room)) == []


def test_draining_ends_once_all_is_said(form: Form, stub: PutStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way has its outcome; what comes later is refused."""
    heard, go_on = threading.Event(), threading.Event()

    def slow(peer: Peer) -> None:
        peer.let_in()
        say = peer.frame("say")
        heard.set()
        assert go_on.wait(DEADLINE)
        peer.send(type="ack", id=say["id"], time=1.0, duplicate=False, seq=7)

    with form.connect(at(stub(one_after_another(slow)).port), nick="ci") as here:
        raw = form.raw(here)

        wait_turn = raw._core._speaker.wait_turn

        def waiting() -> object:
            go_on.set()  # now the drain waits for what is being said
            return wait_turn()

        monkeypatch.setattr(raw._core._speaker, "wait_turn", waiting)
        assert form.meanwhile(lambda: raw.say("hi"), heard, raw.drain).seq == 7
        assert here.closed
        with pytest.raises(Closed):
            here.say("more")


def test_a_server_that_comes_back_finds_nobody(form: Form, serve: Serve) -> None:
    """A room that was closed while its server was away does not come back by itself."""
    server = serve()
    with form.connect(at(server.port), nick="ci") as here:
        entries = here.follow()
        here.say("hi")
        here.close()
        nadia = server.member("nadia")
        nadia.say_frame(type="who")
        assert nadia.frame("roster")["watchers"] == 0
        assert list(entries) == []


def test_a_block_that_ends_by_an_exception_closes_too(form: Form, stub: PutStub) -> None:
    port = stub(one_after_another(acknowledge)).port
    with pytest.raises(KeyError), form.connect(at(port), nick="ci") as here:
        raise KeyError
    assert here.closed

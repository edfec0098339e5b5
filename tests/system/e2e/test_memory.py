"""Each use of memory is driven to its bound in a real server, whose resident memory is measured from outside."""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.server_process import Server
from tests.support.wire import Wire

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")

BOUND = 32 << 20
MOST = 1.25 * BOUND
"""With what is not counted: fragments of the heap, what is under way for a moment."""

FREE = ("--memory", "32M", "--rate", "off", "--quiet")
CONTROL = "\x01" * 2500
"""Six times as long in JSON."""

HANG = """
import pathlib, time
from chatctl.journal.store import Store
_commit, _hangs = Store.commit, pathlib.Path(__file__).with_name("hangs")
def commit(self, batches):
    while _hangs.exists():
        time.sleep(0.01)
    return _commit(self, batches)
Store.commit = commit
"""

Serve = Callable[..., Server]


def peak(server: Server) -> int:
    """Return the most bytes that were resident at once."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


class Measured:
    """What a server takes beyond what it had when it was made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = peak(server)

    def grew(self) -> int:
        """Return the bytes."""
        return peak(self._server) - self._before


def reader(server: Server, nick: str, **more: object) -> Wire:
    """Let somebody in whose kernel takes little."""
    wire = Wire(("127.0.0.1", server.port), receive_buffer=4096).greeted()
    wire.say_frame(type="hello", v=1, nick=nick, **more)
    return wire


def post(server: Server, room: str, texts: Iterable[str]) -> None:
    """Say all this, and wait until it is said."""
    poster = server.member("poster", room, mode="post")
    for text in texts:
        poster.say(text)
    poster.say("last", id="last").frame("ack")
    poster.close()


def test_rooms_share_what_is_kept_of_the_past(serve: Serve) -> None:
    """Each alone is within ``--ring-bytes``: 60 of them held 90 MB."""
    server = serve(*FREE, "--open-rooms", "--journal", "none")
    measured = Measured(server)
    for number in range(60):
        post(server, f"room{number}", [f"{each:4}" * 1000 for each in range(300)])
    assert measured.grew() < MOST
    member = server.member("late", "room59", history=10)
    assert member.texts("last")[-2] == " 299" * 1000, "the newest is still there"
    assert server.member("other", "room0").welcome["first"] > 200, "the oldest is not"


def test_who_catches_up_and_does_not_read_takes_little(serve: Serve, tmp_path: Path) -> None:
    """Thirty of them took 450 MiB: a page of 500 entries each."""
    options = (*FREE, "--journal", str(tmp_path / "rooms.db"), "--durability", "os")
    server = serve(*options, "--ring-entries", "10", "--page", "10", "--stall", "1h")
    post(server, "lobby", [CONTROL] * 700)
    measured = Measured(server)
    resume = {"epoch": server.member("one").welcome["epoch"], "after": 0}
    idle = [reader(server, f"idle{number}", resume=resume) for number in range(100)]
    good = reader(server, "good", resume=resume)
    assert good.texts("last") == [CONTROL] * 700 + ["last"], "who reads gets it all"
    assert measured.grew() < MOST
    assert idle[-1].texts("last") == [CONTROL] * 700 + ["last"], "and who reads at last, too"


def test_members_who_do_not_read_take_little(serve: Serve) -> None:
    """Each may have 64 KiB and a batch of as much: a thousand of them 128 MB."""
    server = serve(*FREE, "--journal", "none", "--stall", "1h")
    idle = [reader(server, f"idle{number}", mode="watch") for number in range(250)]
    for wire in idle:
        wire.frame("welcome")
    good = server.member("good", mode="watch")
    measured = Measured(server)
    poster = server.member("poster", mode="post")
    for number in range(300):
        poster.say(f"{number:4}" * 1000)
        assert good.frame("msg")["seq"] == number + 1, "nobody who reads is held up"
    assert measured.grew() < MOST


def test_pages_that_nobody_reads_take_little(serve: Serve, tmp_path: Path) -> None:
    """A page may have 8 MiB."""
    server = serve(*FREE, "--journal", str(tmp_path / "rooms.db"), "--durability", "os", "--stall", "1s")
    post(server, "lobby", [CONTROL] * 500)
    measured = Measured(server)
    idle = [reader(server, f"idle{number}", mode="watch") for number in range(75)]
    for number, wire in enumerate(idle):
        wire.say_frame(type="history", limit=1000, **({"after": 0} if number % 2 else {"before": 1000}))
    good = server.member("good", mode="watch")
    entries = good.say_frame(type="history", before=1000, limit=1000).frame("page")["entries"]
    assert [entry["text"] for entry in entries[-2:]] == [CONTROL, "last"]
    assert measured.grew() < MOST


def test_a_disk_that_hangs_does_not_queue_what_everybody_says(env: dict[str, str], tmp_path: Path) -> None:
    """1,024 messages of 4 KiB each of them: 120 MB. Nothing of it is lost."""
    (tmp_path / "sitecustomize.py").write_text(HANG)
    hangs = tmp_path / "hangs"
    env = env | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    server = Server(*FREE, "--journal", str(tmp_path / "rooms.db"), "--durability", "os", env=env)
    try:
        posters = [server.member(f"poster{number}", mode="post") for number in range(30)]
        measured = Measured(server)
        hangs.touch()
        left = dict.fromkeys(posters, b"".join(b'{"type":"say","text":"%04000d"}\n' % n for n in range(1000)))
        while writable := select.select([], [wire.sock for wire in left], [], 1)[1]:
            for wire in [wire for wire in left if wire.sock in writable]:
                left[wire] = left[wire][wire.sock.send(left[wire][:65536]) :]
                if not left[wire]:
                    del left[wire]
        assert len(left) == 30, "none was taken all of"
        assert measured.grew() < MOST
        hangs.unlink()
        for wire, rest in left.items():
            wire.send(rest).say("last", id="last")
        for wire in left:
            wire.frame("ack")
        assert server.member("last").welcome["last"] == 30 * 1001
        assert measured.grew() < MOST
    finally:
        hangs.unlink(missing_ok=True)
        server.stop()


def test_newcomers_are_refused_before_connections_take_too_much(serve: Serve) -> None:
    """In their own dialect, and told to come back; those who are in notice nothing."""
    server = serve(*FREE, "--journal", "none")
    member, measured = server.member("first"), Measured(server)
    inside: list[Wire] = []
    while len(inside) < 2000:
        wire = server.wire()
        wire.say_frame(type="hello", v=1, nick=f"guest{len(inside)}", mode="watch")
        answer = wire.next_frame()
        if answer["type"] != "welcome":
            break
        inside.append(wire)
        wire.send(b'{"type":"say","text":"' + b"x" * 16_000)  # and never ends the line
    assert (answer["code"], answer["retry_after"] > 0) == ("server_full", True)
    assert 300 < len(inside) < 400
    assert member.say("still here", id="1").frame("ack")["id"] == "1"
    assert measured.grew() < MOST
    inside.pop().close()
    member.say_frame(type="who")
    while member.frame("roster")["watchers"] > len(inside):
        member.say_frame(type="who")
    assert server.member("next", mode="watch").welcome

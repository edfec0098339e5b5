"""Requests and WebSockets over real sockets, in the limits of every port."""

from __future__ import annotations

import pytest

from chatctl.core.limits import ServerLimits
from chatctl.errors import StorageFailed
from chatctl.journal.memory import MemoryJournal
from tests.support.fakes import SlowJournal
from tests.support.in_process_server import in_process_server
from tests.support.web import (
    TOKEN,
    WEB,
    Answer,
    WebWire,
    exchange,
    request,
    request_bytes,
    say,
    upgrade_bytes,
)

# --- saying and reading


def test_what_is_posted_is_said_and_read_again() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        page = WebWire(port).enter("nadia")
        ack = say(port, "deploy done")
        assert (ack.status, ack.json["seq"], ack.json["duplicate"]) == (200, 1, False)
        said = page.frame("msg")
        assert (said["nick"], said["text"]) == ("ci", "deploy done")
        read = request(port)
        assert read.json == said
        assert request(port, accept="text/plain").body == b"ci: deploy done\n"
        page.say_frame(type="who")
        assert page.frame("roster")["count"] == 1, "who posts is in no list"


@pytest.mark.parametrize(
    ("body", "text"),
    [("one\n", "one"), ("one\r\n", "one"), ("one\n\n", "one\n"), ("two\nlines", "two\nlines"), ("\\u0000", "\\u0000")],
)
def test_the_body_is_the_message_and_a_last_line_end_is_none_of_it(body: str, text: str) -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        assert say(port, body, content_type="application/x-www-form-urlencoded").status == 200
        assert request(port).json["text"] == text


def test_parts_of_the_log() -> None:
    with in_process_server(ServerLimits(page=3), web=WEB) as port:
        for number in range(1, 6):
            say(port, str(number))

        def seqs(query: str) -> list[int]:
            body = request(port, target=f"/rooms/lobby?{query}").body
            return [number for number in range(1, 6) if b'"seq":%d,' % number in body]

        assert seqs("") == [3, 4, 5], "the end, and no more than a page"
        assert seqs("limit=1") == [5]
        assert seqs("after=0") == [1, 2, 3]
        assert seqs("after=3&limit=1") == [4]
        assert seqs("after=5") == seqs("limit=0") == []


def test_a_message_with_a_key_is_said_once() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        key = {"authorization": f"Bearer {TOKEN}", "idempotency_key": "build 7"}
        first, again = say(port, "done", **key), say(port, "done", **key)
        assert (first.json["seq"], again.json["seq"], again.json["duplicate"]) == (1, 1, True)
        assert first.json["id"] == "build 7"
        assert say(port, "other", **key).refusal == (409, "id_reused")
        other = {"authorization": f"Bearer {TOKEN[::-1]}", "idempotency_key": "build 7"}
        assert say(port, "done", **other).json["seq"] == 2


def test_chunks_and_a_body_that_waits_to_be_asked_for() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        chunks = request(port, "POST", "/rooms/lobby?nick=ci", b"3\r\none\r\n0\r\n\r\n", transfer_encoding="chunked")
        assert chunks.status == 200
        asks = request_bytes("POST", "/rooms/lobby?nick=ci", content_length="3", expect="100-continue")
        wire = exchange(port, asks)
        wire.until(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert Answer.of(wire.send(b"two").rest()).status == 200
        too_much = request_bytes("POST", "/rooms/lobby?nick=ci", content_length="5000", expect="100-continue")
        assert exchange(port, too_much).rest().startswith(b"HTTP/1.1 413 "), "it is not asked for"


# --- what is refused


def test_each_refusal_has_its_status_and_the_code_of_the_wire() -> None:
    with in_process_server(ServerLimits(text=20), web=WEB) as port:
        WebWire(port).enter("nadia", token=TOKEN)
        refusals = {
            "nothing": say(port, ""),
            "no UTF-8": say(port, b"\xff"),
            "no name": request(port, "POST", "/rooms/lobby", b"x"),
            "a bad name": say(port, "x", nick="a%07b"),
            "a name that is taken": say(port, "x", nick="nadia"),
            "too long": say(port, "x" * 23),
            "longer than a text, with its line end": say(port, "x" * 21),
            "a bad room": say(port, "x", room="%20"),
            "reading a bad room": request(port, target="/rooms/%07"),
            "no such path": request(port, target="/nothing"),
            "a method": request(port, "PUT", body=b"x"),
            "a form": say(port, "x", content_type="multipart/form-data; boundary=y"),
            "compressed": say(port, "x", content_encoding="gzip"),
            "an unknown Host": request(port, host="evil.example"),
            "an unknown host in the target": request(port, target="http://evil.example/rooms/lobby"),
            "a foreign page": say(port, "x", origin="http://evil.example"),
            "a page without origin": say(port, "x", origin="null"),
            "a socket without Origin": Answer.of(exchange(port, upgrade_bytes(origin="")).rest()),
            "a socket of a foreign page": Answer.of(exchange(port, upgrade_bytes(origin="http://evil.example")).rest()),
            "no socket": request(port, target="/ws", origin="http://127.0.0.1"),
            "two lengths": request(port, "POST", body=b"x", transfer_encoding="chunked", content_length="1"),
            "a long head": request(port, x="y" * 9000),
        }
        assert {why: answer.refusal for why, answer in refusals.items()} == {
            "nothing": (400, "bad_frame"),
            "no UTF-8": (400, "bad_frame"),
            "no name": (400, "nick_invalid"),
            "a bad name": (400, "nick_invalid"),
            "a name that is taken": (409, "nick_taken"),
            "too long": (413, "too_long"),
            "longer than a text, with its line end": (413, "too_long"),
            "a bad room": (404, "room_invalid"),
            "reading a bad room": (404, "room_invalid"),
            "no such path": (404, "forbidden"),
            "a method": (405, "forbidden"),
            "a form": (415, "bad_frame"),
            "compressed": (415, "bad_frame"),
            "an unknown Host": (421, "forbidden"),
            "an unknown host in the target": (421, "forbidden"),
            "a foreign page": (403, "forbidden"),
            "a page without origin": (403, "forbidden"),
            "a socket without Origin": (403, "forbidden"),
            "a socket of a foreign page": (403, "forbidden"),
            "no socket": (426, "bad_frame"),
            "two lengths": (400, "bad_frame"),
            "a long head": (431, "too_long"),
        }
        assert request(port).body == b"", "none of them was said"


def test_an_absolute_target_is_answered_as_its_path_is() -> None:
    """Also where the Host header, which does not count then, is another one; and for a WebSocket."""
    with in_process_server(ServerLimits(), web=WEB) as port:
        here = f"http://127.0.0.1:{port}"
        assert request(port, "POST", f"{here}/rooms/lobby?nick=ci", b"x", host="evil.example").status == 200
        assert request(port, target=f"{here}/rooms/lobby", host="127.0.0.1:").json["text"] == "x"
        upgrade = upgrade_bytes(origin=here).replace(b"GET /ws", f"GET {here}/ws".encode())
        assert exchange(port, upgrade).until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")


def test_our_own_pages_may_post() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        assert say(port, "x", host=f"127.0.0.1:{port}", origin=f"http://127.0.0.1:{port}").status == 200
        assert say(port, "x", host="chat.example.org", origin="https://chat.example.org").status == 200


def test_an_owner_of_the_name_posts_under_it() -> None:
    with in_process_server(ServerLimits(), web=WEB) as port:
        WebWire(port).enter("nadia", token=TOKEN)
        assert say(port, "x", nick="nadia", authorization=f"Bearer {TOKEN}").status == 200


def test_a_second_request_on_a_connection_is_never_read() -> None:
    """So no two readers of one stream can disagree where it begins."""
    with in_process_server(ServerLimits(), web=WEB) as port:
        one = request_bytes("POST", "/rooms/lobby?nick=ci", b"one")
        assert exchange(port, one + one.replace(b"one", b"two")).rest().count(b"HTTP/1.1 ") == 1
        assert exchange(port, request_bytes("GET", "/nothing") + one).rest().count(b"HTTP/1.1 ") == 1
        assert request(port).json["text"] == "one"


def test_an_answer_reaches_a_client_that_still_sends() -> None:
    """To close with unread input resets a connection, and the client sees no answer."""
    with in_process_server(ServerLimits(), web=WEB) as port:
        wire = exchange(port, request_bytes("POST", "/rooms/lobby?nick=ci", content_length=str(1 << 30)))
        for _ in range(100):
            wire.push(b"x" * 65536)
        assert Answer.of(wire.rest()).refusal == (413, "too_long")


def test_a_head_that_never_ends_has_its_time() -> None:
    """Slow-loris: the time is for the whole request, whatever comes meanwhile."""
    with in_process_server(ServerLimits(hello_seconds=0.3), web=WEB) as port:
        silent, slow = exchange(port, b""), exchange(port, b"GET / HTTP/1.1\r\n")
        body = exchange(port, request_bytes("POST", "/rooms/lobby?nick=ci", content_length="5"))
        idle = WebWire(port)
        assert Answer.of(body.push(b"hel").rest()).refusal == (408, "not_joined")
        assert Answer.of(silent.rest()).status == 408
        assert slow.push(b"Host: x\r\n").rest().startswith(b"HTTP/1.1 408 ")
        assert idle.frames_to_the_end()[0]["code"] == "not_joined"
        assert idle.close_code == 1000


class Broken(MemoryJournal):
    """Fails."""

    def append(self, batch: object, done: object) -> None:
        """Call back with the failure."""
        done(StorageFailed("the disk is full"))  # type: ignore[operator]


def test_a_disk_that_does_not_answer_leaves_the_outcome_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatctl.server.web.connection.ANSWER_SECONDS", 0.2)
    with in_process_server(ServerLimits(), web=WEB, journal=SlowJournal(), within=0.1) as port:
        answer = Answer.of(exchange(port, request_bytes("POST", "/rooms/lobby?nick=ci", b"x")).until(b"}\n"))
        assert answer.refusal == (504, "internal")
        assert "repeat it with the same Idempotency-Key" in answer.json["text"]


def test_a_disk_that_fails_is_said() -> None:
    with in_process_server(ServerLimits(), web=WEB, journal=Broken()) as port:
        assert say(port, "x").refusal == (503, "storage")

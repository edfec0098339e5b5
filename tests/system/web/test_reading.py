"""The page in a browser: a long log, and what moves while somebody reads."""

from __future__ import annotations

from tests.support.fixture_types import Serve
from tests.support.web import port_of
from tests.support.wire import Wire
from tests.system.web.tabs import Browse, RoomServer, Tab, post_many, url


def reading(room_server: RoomServer, browse: Browse, count: int) -> tuple[Wire, Tab]:
    """Return who has said so many messages, "0" first, and a page on a phone that shows the last of them."""
    server, port = room_server
    poster = server.member("poster", mode="post")
    post_many(poster, [f"{number}" for number in range(count)])
    nadia = browse(url(port), viewport={"width": 360, "height": 640}).enter("nadia")
    return poster, nadia.hears(f"{count - 1}")


def test_a_long_log_and_reading_upwards_in_a_flood(room_server: RoomServer, browse: Browse) -> None:
    poster, nadia = reading(room_server, browse, 10_000)
    for _ in range(8):
        oldest = nadia.ask("() => app.current.oldest")
        nadia.ask("() => { document.querySelector('#log').scrollTop = 0; }")
        nadia.wait("([oldest]) => app.current.oldest < oldest && !app.current.asking", oldest)
        assert nadia.count(".row") <= 1000
    at = (
        "() => [...document.querySelectorAll('.row')].find(row => row.getBoundingClientRect().bottom > 100).textContent"
    )
    seen = nadia.ask(at)
    post_many(poster, [f"flood {number}" for number in range(500)])
    nadia.wait("() => app.current.after === 10500")
    nadia.drawn()
    assert nadia.ask(at) == seen, "what is being read does not move"
    assert nadia.count(".row") <= 1000
    nadia.page.click("#newest")
    nadia.hears("flood 499")
    assert nadia.count(".row") <= 1000
    shown = nadia.ask("() => app.current.rows.filter(row => row.seq).map(row => row.seq)")
    assert shown == list(range(shown[0], 10_501)), "no hole, nothing twice"


def test_a_flood_while_somebody_reads_a_little_further_up(room_server: RoomServer, browse: Browse) -> None:
    poster, nadia = reading(room_server, browse, 100)
    nadia.ask("() => { document.querySelector('#log').scrollTop = 800; }")
    for number in range(2500):
        poster.say(f"flood {number}")
    nadia.wait("() => app.current.after === 2600")
    nadia.drawn()
    assert nadia.ask("() => document.querySelector('#log').scrollTop") == 800
    assert nadia.count(".row") <= 1000
    nadia.sees("#newest", "2500 new: to the newest")
    while nadia.page.is_visible("#newest"):
        last = nadia.said()[-1]
        nadia.ask("() => { document.querySelector('#log').scrollTop = 1e9; }")
        nadia.drawn()
        assert last in nadia.said(), "to read on leaves nothing out"
        assert nadia.count(".row") <= 1000
    assert nadia.said() == [f"flood {number}" for number in range(1500, 2500)]


def test_a_message_that_comes_twice_is_shown_once(room_server: RoomServer, browse: Browse) -> None:
    """No server of ours sends it twice; the promise is the page's all the same."""
    nadia = browse(url(room_server[1])).enter("nadia").say("once").hears("once")
    nadia.ask("() => app.current.frame({ type: 'msg', seq: 1, time: 1, nick: 'nadia', text: 'once' })")
    nadia.say("then").hears("then")
    assert nadia.said() == ["once", "then"]


PASSING = """([from, to]) => {
    for (let seq = from; seq <= to; seq += 1)
        app.current.frame({ type: "msg", seq, time: 1, nick: "lena", text: `${seq}` });
}"""
"""Messages as the server would send them, in the time of a call."""


def up(nadia: Tab) -> None:
    nadia.ask("() => { document.querySelector('#log').scrollTop = 0; }")
    nadia.drawn()


def test_what_has_passed_by_is_read_upwards_without_a_hole(room_server: RoomServer, browse: Browse) -> None:
    """Of what came while somebody was here the screen has the last thousand, the page's memory five times as many."""
    nadia = browse(url(room_server[1]), viewport={"width": 360, "height": 640}).enter("nadia")
    nadia.ask(PASSING, 1, 2500)
    nadia.drawn()
    assert nadia.said() == [str(seq) for seq in range(1501, 2501)]
    shown = set(nadia.said())
    for _ in range(8):
        up(nadia)
        said = [int(text) for text in nadia.said()]
        assert said == list(range(said[0], said[-1] + 1))
        shown.update(nadia.said())
    assert shown == {str(seq) for seq in range(1, 2501)}
    nadia.ask(PASSING, 2501, 9000)
    nadia.drawn()
    assert nadia.said()[0] == "1", "what somebody reads is not forgotten"
    nadia.page.click("#newest")
    nadia.hears("9000")
    nadia.ask(PASSING, 9001, 9300)
    nadia.drawn()
    assert nadia.ask("() => app.current.rows.length") <= 5200


def test_a_redaction_a_keyboard_and_a_long_draft_do_not_move_what_is_read(
    room_server: RoomServer, browse: Browse
) -> None:
    nadia = browse(url(room_server[1]), viewport={"width": 360, "height": 640}).enter("nadia")
    nadia.ask(PASSING, 1, 100)
    nadia.drawn()
    nadia.page.fill("#text", "one\ntwo\nthree\nfour")
    nadia.page.set_viewport_size({"width": 360, "height": 300})
    nadia.drawn()
    assert nadia.ask("() => app.log.leftBelow") < 2, "who was at the end still is"
    nadia.ask("() => { document.querySelector('#log').scrollTop = 900; }")
    nadia.drawn()
    nadia.ask("() => app.current.frame({ type: 'redacted', seqs: [3, 60] })")
    nadia.drawn()
    assert nadia.ask("() => document.querySelector('#log').scrollTop") == 900
    assert "60" not in nadia.said()
    nadia.sees(".row.info .said", "(redacted)")


def test_an_answer_that_was_lost_with_its_connection_is_asked_for_again(
    room_server: RoomServer, browse: Browse
) -> None:
    server, port = room_server
    post_many(server.member("poster", mode="post"), [f"{number}" for number in range(150)])
    nadia = browse(url(port)).enter("nadia").hears("149")
    nadia.ask("() => { app.current.askOlder(); app.current.connection.drop(); }")
    nadia.sees("#status", "Connected")
    up(nadia)
    nadia.hears("0")
    assert sorted(nadia.said(), key=int) == nadia.said() == [f"{number}" for number in range(150)]


def test_what_is_not_sent_on_entering_is_asked_for(serve: Serve, browse: Browse) -> None:
    server = serve("--web", "0", "--backlog", "0", "--rate", "off")
    post_many(server.member("poster", mode="post"), [f"{number}" for number in range(30)])
    nadia = browse(url(port_of(server))).enter("nadia").hears("29")
    assert nadia.said() == [f"{number}" for number in range(30)]

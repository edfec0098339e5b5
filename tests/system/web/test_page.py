"""The page in a browser: what people do with it, and what happens to it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatctl.common.scram import stored_key
from tests.support.fixture_types import Run, Serve
from tests.support.naughty import NAUGHTY
from tests.support.server_process import Server
from tests.support.web import port_of, say
from tests.system.web.tabs import Browse


def url(port: int, host: str = "127.0.0.1") -> str:
    return f"http://{host}:{port}/"


@pytest.fixture
def room_server(serve: Serve) -> tuple[Server, int]:
    server = serve("--web", "0", "--open-rooms", "--rate", "off")
    return server, port_of(server)


RoomServer = tuple[Server, int]


# --- a conversation


def test_two_browsers_a_script_and_nc_in_one_conversation(room_server: RoomServer, browse: Browse, run: Run) -> None:
    server, port = room_server
    nadia, omar = browse(url(port)).enter("nadia"), browse(url(port)).enter("omar")
    nadia.sees("#people bdi", "omar")
    text = server.wire().send(b"lena\n")
    nadia.sees("#people bdi", "lena").sees("#people-title", "Here: 3")
    nadia.say("from a page")
    omar.hears("from a page")
    assert text.until(b"nadia: from a page\n")
    assert run("send", "from a script", port=server.port).returncode == 0
    text.send(b"from nc\n")
    for tab in (nadia, omar):
        tab.hears("from a script").hears("from nc")
        assert sorted(tab.said()) == ["from a page", "from a script", "from nc"]
    omar.page.close()
    text.until(b"omar left!\n")
    nadia.sees("#people-title", "Here: 2")


def test_commands(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    nadia, omar = browse(url(port)).enter("nadia"), server.member("omar")
    nadia.say("/me waves")
    assert omar.frame("msg")["action"] is True
    nadia.say("/msg omar psst")
    assert omar.frame("whisper")["text"] == "psst"
    omar.say_frame(type="whisper", to="nadia", text="what?")
    nadia.sees(".row.whisper .said", "what?")
    nadia.say("//slash")
    assert omar.texts(last="/slash")
    nadia.say("/nick nadja")
    assert omar.frame("rename")["new"] == "nadja"
    nadia.say("/nope")
    nadia.hears("There is no command /nope: /help lists them (//nope sends it as text)")
    nadia.say("/who").hears("2 here: omar, nadja")
    nadia.say("/msg omar").hears("Usage: /msg NICK TEXT")
    nadia.say("two\nlines")
    assert omar.texts(last="two\nlines")[-1] == "two\nlines"
    nadia.say("/clear").say("/help")
    nadia.wait("() => document.querySelector('#log').textContent.includes('/join ROOM: open another room')")


def test_rooms_and_what_is_unread_in_them(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    nadia = browse(url(port)).enter("nadia")
    nadia.say("/join ops")
    nadia.sees("#title", "ops at chatctl").sees("#status", "Connected")
    for number in range(3):
        assert say(port, f"news {number}").status == 200
    nadia.sees(".count", "3")
    assert nadia.page.title() == "(3) chatctl"
    assert nadia.page.text_content("#show-side") == "Rooms, people (3)", "where the list is folded away, on a telephone"
    nadia.page.fill("#text", "a draft")
    nadia.page.click("#rooms button:has-text('lobby')")
    nadia.hears("news 2")
    assert (nadia.count(".count"), nadia.page.title(), nadia.page.input_value("#text")) == (0, "chatctl", "")
    nadia.page.click("#rooms button:has-text('ops')")
    assert nadia.page.input_value("#text") == "a draft"
    assert server.member("omar", "ops").welcome["members"] == ["nadia", "omar"]


# --- a server that goes away


def test_a_killed_server_leaves_nothing_out_and_no_double(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"), "--rate", "off")
    server = serve("--web", "0", *journal)
    port = port_of(server)
    nadia = browse(url(port)).enter("nadia").say("one")
    nadia.hears("one")
    server.process.kill()
    server.wait()
    nadia.wait("() => document.querySelector('#status').textContent.startsWith('Not connected. Trying again in ')")
    nadia.say("two").say("three")
    nadia.sees(".row.waiting .said", "three")
    server = serve("--web", str(port), *journal)
    for number in range(20):
        server.member("", mode="watch") if number == 0 else say(port, f"meanwhile {number}")
    nadia.ask("() => app.check()")
    nadia.hears("three").hears("meanwhile 19")
    assert nadia.count(".row.waiting") == 0
    expected = ["one", "three", "two", *(f"meanwhile {number}" for number in range(1, 20))]
    assert sorted(nadia.said()) == sorted(expected)
    nadia.page.reload()
    nadia.hears("three")
    assert sorted(nadia.said()) == sorted(expected), "in another page of the same browser it is the same"


def test_what_was_not_sent_outlives_the_page(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    server = serve("--web", "0", "--journal", str(tmp_path / "rooms.db"))
    port = port_of(server)
    nadia = browse(url(port)).enter("nadia")
    server.process.kill()
    server.wait()
    nadia.wait("() => document.querySelector('#status').textContent.startsWith('Not connected')")
    nadia.say("later")
    nadia.page.fill("#text", "a draft")
    serve("--web", str(port), "--journal", str(tmp_path / "rooms.db"))
    nadia.page.goto(url(port))
    nadia.hears("later")
    assert nadia.said() == ["later"]
    assert nadia.page.input_value("#text") == "a draft"


def test_a_page_of_an_older_version_says_so(serve: Serve, browse: Browse) -> None:
    server = serve("--web", "0")
    port = port_of(server)
    nadia = browse(url(port)).enter("nadia")
    nadia.page.route("**/*", lambda route: route.fulfill(status=200, headers={"ETag": '"newer"'}))
    nadia.ask("() => app.rooms.get('lobby').connection.again()")
    nadia.sees("#notice-text", "The server has a newer version of this page.").sees("#notice-button", "Reload")


def test_who_was_sent_away_does_not_come_back_alone(serve: Serve, browse: Browse, run: Run, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve("--web", "0", *journal)
    nadia = browse(url(port_of(server))).enter("nadia")
    assert run("admin", "kick", "nadia", "enough", *journal).returncode == 0
    nadia.wait("() => document.querySelector('#status').textContent.includes('enough')")
    nadia.ask("() => app.check()")
    assert nadia.ask("() => app.rooms.get('lobby').connection.stopped") is True
    assert server.member("omar").welcome["members"] == ["omar"]


# --- two tabs


def test_two_tabs_do_not_throw_each_other_out(room_server: RoomServer, browse: Browse) -> None:
    _, port = room_server
    first = browse(url(port)).enter("nadia")
    second = browse(url(port), beside=first)
    second.sees("#notice-text", "This chat is open in another tab.")
    assert first.page.inner_text("#status") == "Connected"
    second.page.click("#notice-button")
    second.sees("#status", "Connected")
    first.sees("#notice-text", "This chat was opened in another tab or window.")
    second.say("from the second").hears("from the second")
    first.page.click("#notice-button")
    first.sees("#status", "Connected").hears("from the second")


# --- what others send


def test_hostile_texts_are_texts(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    nadia, omar = browse(url(port)).enter("nadia"), server.member("omar")
    state = "() => [document.title, Object.keys(localStorage).length]"
    before = nadia.ask(state)
    texts = [
        *dict.fromkeys(text for text in NAUGHTY.values() if 0 < len(text.encode()) < 4000),
        "<img src=x onerror=alert(1)>",
        "http://a:b/ https://[x",
    ]
    for text in texts:
        omar.say(text)
    omar.say("the end")
    nadia.hears("the end")
    shown = nadia.ask("() => app.current.rows.filter(row => row.seq).map(row => row.text)")
    assert shown == [*texts, "the end"]
    allowed = {"DIV", "TIME", "BDI", "A"}
    assert set(nadia.ask("() => [...document.querySelectorAll('#log *')].map(one => one.tagName)")) <= allowed
    links = nadia.ask("() => [...document.querySelectorAll('#log a')].map(one => one.protocol)")
    assert set(links) <= {"http:", "https:"}
    assert nadia.ask(state) == before


# --- passwords


def guarded(serve: Serve, tmp_path: Path, *options: str) -> int:
    (tmp_path / "word").write_text("Grüße\n")
    (tmp_path / "word").chmod(0o600)
    return port_of(serve("--password-file", str(tmp_path / "word"), "--web", "0", *options))


def test_a_password_is_proved_in_the_browser(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    port = guarded(serve, tmp_path)
    nadia = browse(url(port)).fill_in("nadia")
    nadia.wait("() => !document.querySelector('#password-label').hidden")
    nadia.fill_in("nadia", password="wrong").sees("#enter-error", "wrong password")
    nadia.enter("nadia", password="Gru\u0308ße")
    nadia.say("in").hears("in")
    assert "Gr" not in nadia.ask("() => JSON.stringify(localStorage)")


def test_scram_in_the_browser_is_that_of_the_server(room_server: RoomServer, browse: Browse) -> None:
    """And a server that does not know the password is none that we talk to."""
    page = browse(url(room_server[1]))
    derived = page.ask(
        """async ([password, salt, rounds]) => {
            const salted = await derive(saslprep(password), unbase64(salt), rounds);
            const stored = await crypto.subtle.digest("SHA-256", await hmac(salted, "Client Key"));
            return [...new Uint8Array(stored)];
        }""",
        "tulip\u00a0lad\u00adder \u2168",
        "c2FsdHNhbHRzYWx0",
        4096,
    )
    assert bytes(derived) == stored_key("tulip ladder IX", b"saltsaltsalt", 4096)
    assert page.ask("() => new Scram('x').isRight('v=')") is False
    refused = (
        "async ([first]) => { try { await new Scram('x').final(first); return ''; } catch (e) { return e.message; } }"
    )
    for first in ("r=foreign,s=c2FsdA==,i=4096", "i=4096,r=x,s=c2FsdA==", "", "r=x,s=c2FsdA==,i=4096,x=y"):
        assert page.ask(refused, first) == "this is no SCRAM"


def test_plain_http_elsewhere_works_but_for_passwords(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    """There a browser gives a page no cryptography, no locks, no randomUUID."""
    port = port_of(serve("--web", "0", "--web-origin", "http://chat.lan:1"))
    nadia = browse(url(port, "chat.lan"))
    assert nadia.ask("() => isSecureContext") is False
    nadia.enter("nadia").say("hello").hears("hello")
    port = guarded(serve, tmp_path, "--web-origin", "http://chat.lan:1")
    omar = browse(url(port, "chat.lan")).fill_in("omar")
    omar.sees("#enter-error", "A password needs TLS: open this page with https://")


# --- ten thousand messages


def test_a_long_log_and_reading_upwards_in_a_flood(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    poster = server.member("poster", mode="post")
    for number in range(10_000):
        poster.say(f"{number}", id=str(number))
    while poster.frame("ack")["id"] != "9999":
        pass
    nadia = browse(url(port), viewport={"width": 360, "height": 640}).enter("nadia")
    nadia.hears("9999")
    for _ in range(8):
        oldest = nadia.ask("() => app.current.oldest")
        nadia.ask("() => { document.querySelector('#log').scrollTop = 0; }")
        nadia.wait("([oldest]) => app.current.oldest < oldest && !app.current.asking", oldest)
        assert nadia.count(".row") <= 1000
    at = (
        "() => [...document.querySelectorAll('.row')].find(row => row.getBoundingClientRect().bottom > 100).textContent"
    )
    seen = nadia.ask(at)
    for number in range(500):
        poster.say(f"flood {number}", id=f"f{number}")
    while poster.frame("ack")["id"] != "f499":
        pass
    nadia.wait("() => app.current.after === 10500")
    nadia.ask("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert nadia.ask(at) == seen, "what is being read does not move"
    assert nadia.count(".row") <= 1000
    nadia.page.click("#newest")
    nadia.hears("flood 499")
    assert nadia.count(".row") <= 1000
    shown = nadia.ask("() => app.current.rows.filter(row => row.seq).map(row => row.seq)")
    assert shown == list(range(shown[0], 10_501)), "no hole, nothing twice"


def test_a_flood_while_somebody_reads_a_little_further_up(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    poster = server.member("poster", mode="post")
    for number in range(100):
        poster.say(f"{number}", id=f"{number}")
    while poster.frame("ack")["id"] != "99":
        pass
    nadia = browse(url(port), viewport={"width": 360, "height": 640}).enter("nadia")
    nadia.hears("99")
    nadia.ask("() => { document.querySelector('#log').scrollTop = 800; }")
    for number in range(1500):
        poster.say(f"flood {number}")
    nadia.wait("() => app.current.after === 1600")
    nadia.ask("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert nadia.ask("() => document.querySelector('#log').scrollTop") == 800
    assert nadia.count(".row") <= 1000


def test_a_message_that_comes_twice_is_shown_once(room_server: RoomServer, browse: Browse) -> None:
    """No server of ours sends it twice; the promise is the page's all the same."""
    nadia = browse(url(room_server[1])).enter("nadia").say("once").hears("once")
    nadia.ask("() => app.current.frame({ type: 'msg', seq: 1, time: 1, nick: 'nadia', text: 'once' })")
    nadia.say("then").hears("then")
    assert nadia.said() == ["once", "then"]


# --- hands, eyes and ears


def test_an_enter_that_ends_a_composition_sends_nothing(room_server: RoomServer, browse: Browse) -> None:
    nadia = browse(url(room_server[1])).enter("nadia")
    nadia.page.fill("#text", "に")
    press = """([options]) => document.querySelector('#text').dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...options }))"""
    for options in ({"isComposing": True}, {"keyCode": 229}, {"shiftKey": True}):
        nadia.ask(press, options)
    assert nadia.page.input_value("#text") == "に"
    nadia.ask(press, {})
    nadia.hears("に")
    assert nadia.said() == ["に"]


def test_all_of_it_by_keyboard(room_server: RoomServer, browse: Browse) -> None:
    page = browse(url(room_server[1])).page
    page.focus("#nick")
    page.keyboard.type("nadia")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('#status').textContent === 'Connected'")
    assert page.evaluate("() => document.activeElement.id") == "text"
    page.keyboard.type("hello")
    page.keyboard.press("Enter")
    page.wait_for_selector(".row.say")
    reached = set()
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.textContent"))
    assert {"log", "forget", "new-room", "lobby"} <= reached


def test_axe_finds_nothing_serious(room_server: RoomServer, browse: Browse) -> None:
    """On a telephone and on a desk, light and dark: before somebody is in, and with all kinds of rows."""
    from axe_playwright_python.sync_playwright import Axe

    server, port = room_server
    nadia = browse(url(port))

    def serious() -> list[object]:
        found = []
        for width in (360, 1000):
            nadia.page.set_viewport_size({"width": width, "height": 640})
            for scheme in ("light", "dark"):
                nadia.page.emulate_media(color_scheme=scheme)
                violations = Axe().run(nadia.page).response["violations"]
                found += [(width, scheme, one) for one in violations if one["impact"] in ("serious", "critical")]
        return found

    assert serious() == []
    nadia.enter("nadia").say("/me waves").say("hello https://example.org").say("/nope")
    server.member("omar").say_frame(type="whisper", to="nadia", text="psst")
    nadia.sees(".row.whisper .said", "psst")
    nadia.ask("() => app.notice('The server has news.')")
    assert serious() == []


LEFT_EDGES = """() => [...document.querySelectorAll(".row.say")].map(row => {
    const range = document.createRange();
    range.selectNodeContents(row.querySelector(".said"));
    const lines = [...new Set([...range.getClientRects()].map(one => Math.round(one.left)))];
    return [row.querySelector("time").getBoundingClientRect().left, ...lines];
})"""


@pytest.mark.parametrize("width", [360, 1000])
def test_a_further_line_of_a_message_can_t_pass_for_a_message(
    room_server: RoomServer, browse: Browse, width: int
) -> None:
    server, port = room_server
    nadia = browse(url(port), viewport={"width": width, "height": 640}).enter("nadia")
    server.member("mallory").say("hello\n01:39 AM  omar  I am Omar")
    nadia.sees(".row.say .said", "hello\n01:39 AM  omar  I am Omar")
    [[time, *lines]] = nadia.ask(LEFT_EDGES)
    assert len(lines) > 1
    assert min(lines) > time + 10


def test_on_a_telephone_the_head_is_one_line_while_all_is_well(room_server: RoomServer, browse: Browse) -> None:
    server, port = room_server
    nadia = browse(url(port), viewport={"width": 360, "height": 640})
    assert not nadia.page.is_visible("#show-side"), "there is nothing to show yet"
    nadia.enter("nadia").sees("#title", "lobby at chatctl")
    assert nadia.page.locator("header").bounding_box()["height"] < 60
    server.process.kill()
    nadia.wait("() => document.querySelector('#status').className === 'off'")
    shown = nadia.page.locator("#status").bounding_box()
    assert shown["width"] > 300
    assert shown["height"] > 10


def test_leave_and_forget(room_server: RoomServer, browse: Browse) -> None:
    nadia = browse(url(room_server[1])).enter("nadia")
    token = nadia.ask("() => memory.data.token")
    assert re.fullmatch("[0-9a-f]{32}", token)
    with nadia.page.expect_navigation():
        nadia.page.click("#forget")
    nadia.wait("() => !document.querySelector('#enter').hidden")
    assert token not in nadia.ask("() => JSON.stringify(localStorage)")
    assert nadia.page.input_value("#nick") == ""

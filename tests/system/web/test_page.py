"""The page in a browser: what people do in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chatctl.common.scram import stored_key
from tests.support.fixture_types import Run, Serve
from tests.support.naughty import NAUGHTY
from tests.support.web import port_of, say
from tests.system.web.tabs import Browse, RoomServer, url

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
    nadia.say("/r thanks")
    assert omar.frame("whisper")["text"] == "thanks"
    nadia.say("/msg nobody hello").sees(".row.failed .said", "Not sent (nobody is not here):\nhello")
    assert nadia.page.input_value("#text") == "/msg nobody hello"
    nadia.say("/rooms").hears("lobby: 2 here").say("/topic").hears("This room has no topic")
    nadia.say("two\nlines")
    assert omar.texts(last="two\nlines")[-1] == "two\nlines"
    nadia.say("/clear").say("/help")
    nadia.wait("() => document.querySelector('#log').textContent.includes('/join ROOM: open another room')")


def test_what_is_longer_than_the_server_takes_stays_where_it_is_typed(room_server: RoomServer, browse: Browse) -> None:
    """A line over the limit ends the connection: it must not be sent, and not again after each reconnect."""
    nadia = browse(url(room_server[1])).enter("nadia")
    nadia.say("ü" * 3000).hears("a message has at most 4096 bytes, this one has 6000")
    assert nadia.page.input_value("#text") == "ü" * 3000
    nadia.say("\x01" * 4000).hears("there are too many control characters in it")
    nadia.ask(
        "() => memory.data.unsent.push({ room: 'lobby', frame: { type: 'say', id: 'x', text: 'x'.repeat(20000) } })"
    )
    nadia.ask("() => app.current.connection.drop()")
    nadia.page.fill("#text", "")
    nadia.wait("() => document.querySelector('.row.failed') && app.current.isOn")
    nadia.say("short").hears("short")
    assert nadia.said() == ["short"]
    nadia.ask("() => { memory.data.unsent.push({ room: 'lobby', frame: { id: 'x', text: '/slash' } }); }")
    nadia.ask("() => app.current.frame({ type: 'error', id: 'x', code: 'rate_limited', text: 'lobby is slow' })")
    nadia.sees(".row.failed .said", "Not sent (lobby is slow):\n/slash")
    assert nadia.page.input_value("#text") == "//slash", "what the server refuses can be typed again"


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


# --- hands, eyes and ears


def test_an_enter_that_ends_a_composition_sends_nothing(room_server: RoomServer, browse: Browse) -> None:
    nadia = browse(url(room_server[1])).enter("nadia")
    method = nadia.page.context.new_cdp_session(nadia.page)
    nadia.page.focus("#text")
    method.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    nadia.page.keyboard.press("Enter")
    assert nadia.page.input_value("#text").rstrip("\n") == "にほん"
    method.send("Input.insertText", {"text": "日本"})
    press = """([options]) => document.querySelector('#text').dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...options }))"""
    for options in ({"isComposing": True}, {"keyCode": 229}, {"shiftKey": True}):
        nadia.ask(press, options)
    assert "日本" in nadia.page.input_value("#text")
    assert nadia.said() == []
    nadia.page.keyboard.press("Enter")
    nadia.wait("() => document.querySelectorAll('.row.say').length === 1")
    assert "日本" in nadia.said()[0]


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
    nadia.say("/join ops").sees("#title", "ops at chatctl").sees("#status", "Connected")
    nadia.page.click("#rooms button:has-text('lobby')")
    assert say(port, "news", room="ops").status == 200
    nadia.sees(".count", "1").sees(".row.whisper .said", "psst")
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
    nadia.say("/join night-watch-of-the-machines").sees("#status", "Connected")
    assert say(port, "news").status == 200
    nadia.sees("#show-side", "Rooms, people (1)")
    assert nadia.page.locator("header").bounding_box()["height"] < 60, "whatever the room is called"
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

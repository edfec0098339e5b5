"""The page in a browser: servers that go away, tabs that share a name, and what is unread in each room."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.fixture_types import Run, Serve
from tests.support.web import port_of, say
from tests.system.web.tabs import Browse, RoomServer, url


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
    nadia.is_away()
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
    nadia.ask("() => app.rooms.get('lobby').connection.drop()")
    nadia.sees("#notice-text", "The server has a newer version of this page.").sees("#notice-button", "Reload")


def test_who_was_sent_away_does_not_come_back_alone(serve: Serve, browse: Browse, run: Run, tmp_path: Path) -> None:
    journal = ("--journal", str(tmp_path / "rooms.db"))
    server = serve("--web", "0", *journal)
    nadia = browse(url(port_of(server))).enter("nadia")
    assert run("admin", "kick", "nadia", "enough", *journal).returncode == 0
    nadia.wait("() => document.querySelector('#notice-text').textContent.includes('enough')")
    nadia.sees("#status", "Not connected")
    nadia.ask("() => app.check()")
    assert nadia.ask("() => app.rooms.get('lobby').connection.stopped") is True
    assert server.member("omar").welcome["members"] == ["omar"]
    nadia.say("hello?").hears("Not connected: you were kicked: enough")
    assert nadia.page.input_value("#text") == "hello?", "what can't be sent stays where it is typed"
    nadia.page.click("#notice-button")
    nadia.sees("#status", "Connected")
    nadia.page.press("#text", "Enter")
    nadia.hears("hello?")
    assert run("admin", "ban", "nadia", "flood", *journal).returncode == 0
    nadia.sees("#notice-text", "you were banned: flood").page.click("#notice-button")
    nadia.sees("#enter-error", "nadia is banned: flood")
    assert not nadia.page.is_visible("#status"), "nothing is said twice"


def test_a_proxy_that_passes_no_websocket_is_told_apart_from_a_server_that_is_gone(
    serve: Serve, browse: Browse
) -> None:
    server = serve("--web", "0")
    nadia = browse(url(port_of(server)))
    nadia.page.route_web_socket("**/ws", lambda socket: socket.close())
    nadia.fill_in("nadia")
    again = "() => { const it = app.current.connection; if (it.timer) it.open(); }"
    nadia.ask(f"() => {{ setInterval({again}, 20); }}")
    proxy = "The server answers, but no WebSocket comes through: your proxy must pass Upgrade."
    nadia.sees("#notice-text", proxy)
    server.process.kill()
    nadia.ask("() => { app.current.connection.failures = 0; }")
    nadia.sees("#notice-text", "The server can't be reached.")


def test_a_log_that_begins_anew_is_shown_from_its_beginning(serve: Serve, browse: Browse) -> None:
    server = serve("--web", "0")
    port = port_of(server)
    before = "before" + "\nand more" * 50
    nadia = browse(url(port)).enter("nadia").say(before).hears(before)
    server.process.kill()
    server.wait()
    nadia.is_away()
    server = serve("--web", str(port))
    for text in ("one", "two"):
        assert say(port, text).status == 200
    nadia.ask("() => app.check()")
    nadia.hears("The server began a new log").hears("two").say("three").hears("three")
    assert nadia.said() == [before, "one", "two", "three"]
    assert not nadia.page.is_visible("#notice"), "that it was away is no news any more"


def test_a_machine_that_slept_finds_out_by_its_clock(serve: Serve, browse: Browse) -> None:
    """Its connection looks open, and nobody tells the page that the other end is gone."""
    server = serve("--web", "0")
    port = port_of(server)
    tab = browse(url(port))
    tab.page.clock.install()
    tab.page.reload()
    nadia = tab.enter("nadia")
    server.signal(signal.SIGSTOP)
    nadia.page.clock.fast_forward("00:20")  # sooner than any timer of the connection would look
    nadia.wait("() => app.current.connection.socket.readyState === WebSocket.OPEN")
    nadia.page.clock.fast_forward("00:06")
    nadia.is_away()
    server.signal(signal.SIGCONT)
    assert say(port, "while it slept").status == 200
    nadia.page.clock.fast_forward("00:02")
    nadia.sees("#status", "Connected").hears("while it slept")
    assert nadia.said() == ["while it slept"]


def test_a_server_that_says_when_to_come_again_is_left_alone_until_then(serve: Serve, browse: Browse) -> None:
    server = serve("--web", "0")
    nadia = browse(url(port_of(server))).enter("nadia")
    nadia.ask("() => { app.current.connection.take({ type: 'bye', why: 'soon back', retry_after: 60 }); }")
    nadia.ask("() => { app.current.connection.drop(); app.check(); }")
    nadia.sees("#status", "Not connected. Trying again in 60 s").sees("#notice-text", "soon back")


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
    second.say("/join ops").sees("#title", "ops at chatctl").say("/nick nadja").sees("#people bdi", "nadja")
    second.page.fill("#text", "a draft")
    first.say("in the first").hears("Not connected: your nickname joined from elsewhere")
    assert (first.page.input_value("#text"), second.page.input_value("#text")) == ("in the first", "a draft")
    first.page.click("#notice-button")
    first.sees("#status", "Connected").sees("#title", "ops at chatctl").sees("#people bdi", "nadja")
    assert first.page.input_value("#text") == "a draft"
    first.page.click("#rooms button:has-text('lobby')")
    first.hears("from the second").sees("#people bdi", "nadja")
    assert first.page.input_value("#text") == "in the first"


def test_to_be_forgotten_in_one_tab_is_to_be_forgotten_in_all(room_server: RoomServer, browse: Browse) -> None:
    _, port = room_server
    first = browse(url(port)).enter("nadia")
    token = first.ask("() => memory.data.token")
    second = browse(url(port), beside=first).sees("#notice-text", "This chat is open in another tab.")
    second.ask("() => { memory.saveSoon(); app.forget(); }")
    for tab in (first, second):
        tab.wait("() => !document.querySelector('#enter').hidden && !document.querySelector('#nick').value")
        assert token not in tab.ask("() => JSON.stringify(localStorage)")


# --- rooms


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


def test_unread_counts_are_right_after_a_reload_a_restart_a_rename_and_in_another_tab(
    serve: Serve, browse: Browse, tmp_path: Path
) -> None:
    journal = ("--open-rooms", "--journal", str(tmp_path / "rooms.db"))
    server = serve("--web", "0", *journal)
    port = port_of(server)
    nadia = (
        browse(url(port)).enter("nadia").say("/join ops").sees("#title", "ops at chatctl").sees("#status", "Connected")
    )
    assert say(port, "1", room="ops").status == 200
    nadia.hears("1").say("mine").hears("mine")
    nadia.page.click("#rooms button:has-text('lobby')")
    nadia.sees("#title", "lobby at chatctl").sees("#status", "Connected")
    nadia.page.goto("about:blank")
    for text in ("2", "3"):
        assert say(port, text, room="ops").status == 200
    nadia.page.goto(url(port))
    nadia.sees(".count", "2")
    nadia.page.reload()
    nadia.sees(".count", "2")
    server.process.kill()
    server.wait()
    nadia.is_away()
    serve("--web", str(port), *journal)
    assert say(port, "4", room="ops").status == 200
    nadia.ask("() => app.check()")
    nadia.sees(".count", "3").sees("#status", "Connected")
    nadia.say("/nick nadja")
    nadia.wait("() => [...app.rooms.values()].every(room => room.nick === 'nadja')")
    other = browse(url(port), beside=nadia)
    other.page.click("#notice-button")
    other.sees(".count", "3")
    other.page.click("#rooms button:has-text('ops')")
    other.hears("4")
    assert (other.count(".count"), other.said()) == (0, ["1", "mine", "2", "3", "4"])
    nadia.page.click("#notice-button")
    nadia.sees("#status", "Connected").sees("#title", "ops at chatctl")
    assert nadia.count(".count") == 0


def test_five_rooms_in_a_page_come_back_after_a_restart(serve: Serve, browse: Browse, tmp_path: Path) -> None:
    """With the limits as they are where nothing is set."""
    rooms = ["lobby", "ops", "build", "night", "news"]
    options = (*(f"--room={name}" for name in rooms[1:]), "--journal", str(tmp_path / "rooms.db"))
    server = serve("--web", "0", *options)
    port = port_of(server)
    nadia = browse(url(port)).enter("nadia")
    for name in rooms[1:]:
        nadia.say(f"/join {name}").sees("#title", f"{name} at chatctl").sees("#status", "Connected")
    server.stop()
    nadia.is_away()
    serve("--web", str(port), *options)
    for name in rooms:
        assert say(port, f"news of {name}", room=name).status == 200
    nadia.ask("() => app.check()")
    nadia.hears("news of news")
    nadia.wait("() => document.title === '(4) chatctl'")
    assert nadia.page.locator(".count").all_inner_texts() == ["1"] * 4


def test_the_address_names_a_room_and_one_that_is_not_there_is_told_of(serve: Serve, browse: Browse) -> None:
    port = port_of(serve("--web", "0", "--room", "ops", "--room", "build"))
    nadia = browse(f"{url(port)}#ops")
    assert nadia.page.input_value("#room") == "ops"
    nadia.enter("nadia", "ops").sees("#title", "ops at chatctl")
    nadia.page.goto(f"{url(port)}#build")
    nadia.sees("#title", "build at chatctl").sees("#status", "Connected")
    nadia.page.reload()
    nadia.sees("#title", "build at chatctl").sees("#rooms bdi", "ops")
    nadia.say("/join nowhere")
    nadia.sees("#notice-text", "nowhere: there is no room 'nowhere'; rooms: build, lobby, ops")
    nadia.sees("#title", "build at chatctl").say("still here").hears("still here")
    assert nadia.ask("() => memory.data.rooms") == ["lobby", "ops", "build"]

"""What an operator types, what is sent for it, and what everybody sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.common.verbs import VERBS
from chatctl.terminal.help_text import help_lines
from chatctl.terminal.operator_commands import OPERATOR_COMMANDS
from chatctl.terminal.slash_commands import Command, Invalid, parse
from tests.terminal.fakes import Joined


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("/kick rajat", p.Admin(verb="kick", target="rajat")),
        ("/kick rajat 2h of spam", p.Admin(verb="kick", target="rajat", text="2h of spam")),
        ("/ban rajat", p.Admin(verb="ban", target="rajat")),
        ("/ban rajat 2h", p.Admin(verb="ban", target="rajat", seconds=7200)),
        ("/ban rajat  90s  too  much", p.Admin(verb="ban", target="rajat", seconds=90, text="too  much")),
        ("/ban rajat 3 warnings", p.Admin(verb="ban", target="rajat", text="3 warnings")),
        ("/mute rajat 1.5h", p.Admin(verb="mute", target="rajat", seconds=5400)),
        ("/ban rajat 20000d", p.Admin(verb="ban", target="rajat", text="20000d")),
        ("/ban rajat spam 2h", p.Admin(verb="ban", target="rajat", text="spam 2h")),
        ("/BAN-address rajat 1d x", p.Admin(verb="ban", target="rajat", seconds=86400, text="x", address=True)),
        ("/ban-person rajat 1d x", p.Admin(verb="ban", target="rajat", seconds=86400, text="x", person=True)),
        ("/mute-person rajat", p.Admin(verb="mute", target="rajat", person=True)),
        ("/dry-run ban rajat 2h", p.Admin(verb="?ban", target="rajat", seconds=7200)),
        ("/dry-run /Ban-person rajat", p.Admin(verb="?ban", target="rajat", person=True)),
        ("/unban rajat", p.Admin(verb="unban", target="rajat")),
        ("/mute rajat 5m", p.Admin(verb="mute", target="rajat", seconds=300)),
        ("/unmute rajat", p.Admin(verb="unmute", target="rajat")),
        ("/bans", p.Admin(verb="bans")),
        ("/locks", p.Admin(verb="locks")),
        ("/unlock backup", p.Admin(verb="unlock", target="backup")),
        ("/unlock a3 2h is too long", p.Admin(verb="unlock", target="a3", text="2h is too long")),
        ("/dry-run unlock backup", p.Admin(verb="?unlock", target="backup")),
        ("/topic deploy freeze", p.Admin(verb="topic", text="deploy freeze")),
        ("/topic -", p.Admin(verb="topic")),
        ("/slow 30s", p.Admin(verb="slow", seconds=30)),
        ("/slow off", p.Admin(verb="slow")),
        ("/readonly on", p.Admin(verb="read-only", on=True)),
        ("/readonly off", p.Admin(verb="read-only", on=False)),
    ],
)
def test_what_is_asked(line: str, wanted: p.Admin) -> None:
    assert parse(line) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "/dry-run",
        "/dry-run ban",
        "/dry-run bans",
        "/dry-run dry-run ban rajat",
        "/dry-run who",
        "/kick",
        "/ban  ",
        f"/topic {'x' * 401}",
        "/slow",
        "/slow soon",
        "/readonly",
        "/readonly yes",
        "/mute",
        "/unlock",
        "/dry-run locks",
    ],
)
def test_what_is_never_sent(line: str) -> None:
    wrong = parse(line)
    assert isinstance(wrong, Invalid)
    assert wrong.reason.startswith("usage: /")


@given(st.sampled_from(sorted(OPERATOR_COMMANDS)), st.text())
def test_whatever_is_typed_the_server_can_read_it(name: str, rest: str) -> None:
    """A frame that is over a limit would cost the whole line: it is refused here."""
    wanted = parse(f"/{name} {rest}")
    if wanted == Command("topic", ""):  # it asks what the topic is
        assert (name, rest.strip()) == ("topic", "")
    elif not isinstance(wanted, Invalid):
        assert isinstance(wanted, p.Admin)
        assert wanted.verb.removeprefix("?") in VERBS
        assert p.decode_client(p.encode(wanted)[:-1]) == wanted


def test_help_lists_them() -> None:
    assert [name for name in OPERATOR_COMMANDS if not any(f"/{name} " in line for line in help_lines())] == []


def in_a_loop(test: Callable[[], None]) -> None:
    async def run() -> None:
        test()

    asyncio.run(run())


def test_an_order_is_sent_and_its_notice_shown_clean() -> None:
    def test() -> None:
        joined = Joined()
        assert joined.controller.submit("/kick rajat spam")
        assert joined.wire.sent == [p.Admin(verb="kick", target="rajat", text="spam")]
        [line] = joined.receive(p.Notice("rajat was kicked by nadia: \x1b[2J", 0.0, "nadia"))
        assert line.endswith("! rajat was kicked by nadia: ␛[2J")
        assert joined.receive(p.Done("kick", "rajat was kicked by nadia: spam")) == [], "the notice said it"
        [line] = joined.receive(p.Error("forbidden", "kick is for operators"))
        assert line.endswith("! kick is for operators")

    in_a_loop(test)


@pytest.mark.parametrize("line", ["/dry-run ban rajat", "/ban-person rajat"])
def test_a_server_that_is_too_old_is_not_asked(line: str) -> None:
    """It would ban by less than was meant, or do what was only to be tried."""

    def test() -> None:
        joined = Joined()
        assert joined.controller.membership.welcome is not None
        joined.controller.membership.welcome.features[:] = []
        assert not joined.controller.submit(line)
        assert joined.wire.sent == []
        assert "that order takes a newer server: update chatctl where" in joined.screen.lines[-1]
        joined.controller.membership.welcome.features[:] = ["dry_run"]
        assert joined.controller.submit(line)

    in_a_loop(test)


def test_whom_an_order_hit_or_would_hit_is_shown() -> None:
    def test() -> None:
        rows = [{"nick": "rajat", "room": "ops"}]
        for verb in ("kick", "?kick"):
            head, row = Joined().receive(p.Done(verb, "rajat was kicked", rows))
            assert (head, row) == ("rajat was kicked:", "  nick rajat, room ops")
        assert Joined().receive(p.Done("ban", "x was banned; it matches no member that is connected now")) == [
            "x was banned; it matches no member that is connected now"
        ]

    in_a_loop(test)


def test_a_list_is_shown_a_line_each() -> None:
    def test() -> None:
        rows = [{"what": "ban", "since": 0.0, "name": "raj\x1bat"}]
        head, row = Joined().receive(p.Done("bans", "1 ban", rows))
        assert head == "1 ban:"
        assert row.startswith("  what ban, since 1")
        assert row.endswith("name raj␛at")

    in_a_loop(test)


def test_what_holds_in_the_room_is_told_on_entering_and_asked_for() -> None:
    def test() -> None:
        joined = Joined(connected=False)
        joined.controller.membership._connection = joined.wire  # type: ignore[assignment]
        welcome = p.Welcome(1, "s", "lobby", "nadia", "e", 1, 0, ["nadia"], 1, 0, "memory", p.Limits(), topic="freeze")
        joined.controller.membership._enter(welcome)
        assert joined.screen.lines == ["topic: freeze"]
        joined.controller.membership._enter(welcome)
        assert joined.screen.lines == ["topic: freeze"], "not again and again"
        assert joined.receive(p.RoomNow("freeze", 30.0, True)) == []
        joined.controller.submit("/status")
        assert joined.screen.lines[-2:] == [
            "this room is slow: a message every 30 s",
            "this room is read-only: operators alone speak",
        ]

    in_a_loop(test)

"""What ``join`` does with what is typed, without a terminal and without a connection."""

from __future__ import annotations

import asyncio

from chatctl import protocol as p
from chatctl.client.core.retry import QUIET_SECONDS
from chatctl.terminal import member_list
from chatctl.terminal.colors import Palette
from chatctl.terminal.folding import SHOWN_LINES
from chatctl.terminal.member_list import MemberList
from chatctl.terminal.render import FrameRenderer
from tests.support.kept_log import in_loop
from tests.terminal.fakes import Joined


def msg(seq: int, text: str = "x", nick: str = "omar") -> p.Msg:
    return p.Msg(seq=seq, time=0.0, nick=nick, text=text)


@in_loop
async def test_an_entry_is_shown_once() -> None:
    """Whatever the server repeats."""
    joined = Joined()
    assert joined.receive(msg(1), msg(2), msg(2), msg(1), msg(3)) == ["00:00 omar: x"] * 3


@in_loop
async def test_whispers_and_questions_need_a_connection() -> None:
    """What can't be kept stays in the line."""
    joined = Joined(connected=False)
    assert not joined.controller.submit("/msg omar hi")
    assert not joined.controller.submit("/who")
    assert not joined.controller.submit("/history")
    assert joined.controller.submit("a text")
    assert joined.controller.unacknowledged == 1


@in_loop
async def test_bytes_that_are_no_utf_8_are_replaced_in_commands_too() -> None:
    """A terminal's input may hold any byte, which Python turns into a lone surrogate: JSON has no place for it."""
    joined = Joined()
    for line in ("\udcff", "/me \udcff", "/msg omar \udcff", "/nick \udcff", "/whois \udcff", "/topic \udcff"):
        assert joined.controller.submit(line)
    assert [b"?" in p.encode(frame) for frame in joined.wire.sent] == [True] * 6


@in_loop
async def test_a_message_that_is_refused_is_shown_with_its_text() -> None:
    """Nothing that was written vanishes."""
    joined = Joined()
    joined.controller.submit("too bold")
    (say,) = joined.wire.sent
    assert isinstance(say, p.Say)
    assert joined.receive(p.Error("too_long", "too long for this server", id=say.id)) == [
        "! not sent (too long for this server): too bold"
    ]
    assert joined.controller.unacknowledged == 0


@in_loop
async def test_a_full_disk_there_is_no_refusal() -> None:
    """It stays in the outbox and is said again under its own id."""
    joined = Joined()
    joined.controller.submit("patience")
    (say,) = joined.wire.sent
    assert isinstance(say, p.Say)
    assert joined.receive(p.Error("storage", "disk full", id=say.id, retry_after=-5)) == []
    assert joined.controller.unacknowledged == 1
    while len(joined.wire.sent) < 2:
        await asyncio.sleep(0.01)
    assert joined.wire.sent[1] == say


LONG = "\n".join(f"line {number}" for number in range(500))


@in_loop
async def test_a_long_message_is_folded_and_shown_whole_when_asked_for() -> None:
    """4 KiB of line ends were 4,000 rows: all that the reader had in the scrollback was gone."""
    joined = Joined()
    shown = joined.receive(msg(17, LONG))
    assert shown[-1] == f"    … {500 - SHOWN_LINES} more lines: /show 17"
    assert len(shown) == SHOWN_LINES + 1
    assert joined.controller.submit("/show 17")
    assert joined.screen.lines[-501:] == [
        "00:00 omar: line 0",
        *(f"    | line {n}" for n in range(1, 500)),
        "— until here —",
    ]
    assert joined.wire.sent == []


@in_loop
async def test_a_long_whisper_is_shown_whole_too() -> None:
    joined = Joined()
    shown = joined.receive(p.Whispered(from_="omar", text=LONG, time=0.0))
    assert shown[-1].endswith("more lines: /show w1")
    assert joined.controller.submit("/show w1")
    assert "    | line 499" in joined.screen.lines
    assert not joined.controller.submit("/show w2")


@in_loop
async def test_what_an_operator_emptied_is_not_shown_whole() -> None:
    joined = Joined()
    joined.receive(msg(17, LONG), p.Redacted([17]))
    joined.controller.submit("/show 17")
    await joined.rest()
    assert joined.wire.sent == [p.History(limit=1, before=18)]


@in_loop
async def test_the_server_has_what_is_not_at_hand() -> None:
    joined = Joined()
    assert joined.controller.submit("/show 3")
    await joined.rest()
    assert joined.wire.sent == [p.History(limit=1, before=4)]
    shown = await joined.answer(p.Page([msg(3, LONG)], more=True))
    assert "    | line 499" in shown
    joined.controller.submit("/show 9")
    assert await joined.answer(p.Page([msg(3)], more=True)) == ["! there is no message 9 in this room's log"]
    joined.controller.submit("/show 9")
    assert await joined.answer(p.Error("rate_limited", "too fast")) == ["! too fast"]
    joined.controller.submit("/history 1")
    assert (await joined.answer(p.Page([msg(3)], more=True)))[1:] == ["00:00 omar: x", "— until here —"]


@in_loop
async def test_a_whisper_can_be_the_first_that_is_unread() -> None:
    joined = Joined()
    joined.screen.unread = True
    shown = joined.receive(p.Whispered(from_="omar", text="psst", time=0.0), msg(1))
    assert shown == ["— unread —", "00:00 omar -> you (privately): psst", "00:00 omar: x"]


@in_loop
async def test_a_line_that_no_server_takes_is_refused_here() -> None:
    """A control character takes six bytes in JSON: the server hung up, and was sent it again without end."""
    joined = Joined()
    for line in ("\x01" * 4000, f"/me {chr(1) * 4000}", f"/msg omar {chr(1) * 4000}"):
        assert not joined.controller.submit(line)
    assert joined.wire.sent == []
    assert all("bytes as JSON, at most 16384 can be sent" in line for line in joined.screen.lines)


@in_loop
async def test_a_whisper_that_is_refused_for_now_is_told() -> None:
    """It is kept nowhere and not said again; it vanished without a word."""
    for code in ("rate_limited", "storage"):
        joined = Joined()
        joined.controller.submit("/msg omar psst")
        (whisper,) = joined.wire.sent
        assert isinstance(whisper, p.Whisper)
        error = p.Error(code, "a message every 30 s", id=whisper.id, retry_after=30)
        assert joined.receive(error) == ["! not sent (a message every 30 s): psst"]


@in_loop
async def test_a_whisper_whose_answer_does_not_come_is_told() -> None:
    """The connection breaks, or the person leaves: nobody knows."""
    joined = Joined()
    joined.controller.submit("/msg omar psst")
    joined.controller.view.disconnected("the cable")
    assert joined.screen.lines == [
        "! not known whether omar received this (the connection broke before the server had answered): psst",
    ]  # that it is disconnected is told after two seconds
    joined.controller.submit("/msg omar again")
    assert await joined.controller.leave(0) == 2
    assert joined.screen.lines[1:] == ["! not known whether omar received this (the server has not answered): again"]


@in_loop
async def test_lines_that_are_kept_nowhere_are_told() -> None:
    """Another client has the files: what is not acknowledged on leaving is lost."""
    joined = Joined(connected=False)
    joined.controller._saved.why_not = "another chatctl has them"
    joined.controller.submit("a text")
    assert await joined.controller.leave(0) == 1
    assert joined.screen.lines == ["! not acknowledged, and not stored: a text"]


@in_loop
async def test_context_comes_before_what_was_missed() -> None:
    """An earlier run's cursor: its last messages, the line, the new ones."""
    joined = Joined(cursor=p.Resume("e", 5), connected=False)
    joined.welcome(last=7)
    assert joined.receive(msg(6, "missed"), msg(7, "missed, too")) == []
    assert joined.receive(p.Page([msg(5, "seen")], more=True)) == [
        "00:00 omar: seen",
        "— 2 messages while you were away —",
        "00:00 omar: missed",
        "00:00 omar: missed, too",
    ]


@in_loop
async def test_a_loss_that_was_not_shown_is_not_saved() -> None:
    """Killed before, the next run shows it."""
    joined, saved = Joined(cursor=p.Resume("old", 5), connected=False, history=0), list[p.Resume]()
    joined.controller._saved.save_cursor = saved.append  # type: ignore[method-assign]
    joined.welcome(last=3)
    joined.controller.save()
    assert saved == []
    joined.receive(p.Gap(from_=1, to=3, why="lost"), p.Page([msg(3)], more=False))
    joined.controller.save()
    assert saved == [p.Resume("e", 3)]


@in_loop
async def test_a_page_that_never_comes_holds_nothing_back() -> None:
    joined = Joined(cursor=p.Resume("e", 5), connected=False)
    joined.welcome(last=6)
    joined.receive(msg(6, "missed"))
    joined.controller.view.disconnected("the cable")
    assert joined.screen.lines == ["— 1 message while you were away —", "00:00 omar: missed"]


@in_loop
async def test_without_history_the_line_is_there_too() -> None:
    joined = Joined(cursor=p.Resume("e", 5), connected=False, history=0)
    joined.welcome(last=6)
    assert joined.receive(msg(6)) == ["00:00 omar: x"]
    assert joined.screen.lines[0] == "— 1 message while you were away —"


@in_loop
async def test_status_is_empty_when_all_is_well() -> None:
    joined = Joined()
    assert joined.controller.status == ""
    joined.controller.submit("hello")
    assert (joined.controller.status, joined.controller.unsent()) == ("", [])
    joined.controller.membership._waiting_since -= 2.0
    assert joined.controller.status == "1 unsent"
    assert joined.controller.unsent() == ["hello"]
    joined.controller.membership.retry_at = joined.controller.membership.lost_at = asyncio.get_running_loop().time() + 3
    assert joined.controller.status == "1 unsent", "for two seconds nothing is said of it"
    joined.controller.membership.lost_at -= 3 + QUIET_SECONDS
    joined.controller.membership.lag = 2.25
    assert joined.controller.status == "reconnecting in 3 s, 1 unsent, lag 2.2 s"


@in_loop
async def test_lines_and_leaving() -> None:
    joined = Joined()
    assert not joined.controller.submit("  \n ")
    assert joined.controller.submit("/clear")
    assert joined.screen.cleared
    assert joined.controller.submit("/quit")
    assert joined.screen.left
    assert not joined.controller.submit("é" * 2049)
    assert joined.wire.sent == []


@in_loop
async def test_somebody_who_is_gone_and_back_is_no_news() -> None:
    """Within a second; and who speaks was announced before."""
    shown: list[str] = []
    someone = MemberList(FrameRenderer(Palette(0)), shown.extend)
    someone.joined(["a"], 1)
    someone.left(["a"], 0)
    someone.joined(["a"], 1)
    someone.joined(["b", "c"], 3)
    assert shown == ["a joined (1 here)"]
    someone.before_message("a")
    assert len(shown) == 1
    someone.before_message("c")
    assert shown[1:] == ["b, c joined (3 here)"]
    someone.left(["b"], 2)
    someone._timer_over()
    assert shown[2:] == ["b left (2 here)"]
    assert member_list.COALESCE_SECONDS == 1.0


GREETING = "You are nadia in lobby, alone. /help lists commands, Ctrl-D leaves."


@in_loop
async def test_the_greeting_stands_below_what_came_on_entering_and_comes_once() -> None:
    """Above 50 messages of the past nobody would see it."""
    joined = Joined(greets=True, connected=False)
    joined.welcome(last=2)
    assert joined.screen.lines == []
    assert joined.receive(msg(1)) == ["00:00 omar: x"]
    assert joined.receive(msg(2)) == ["00:00 omar: x", GREETING]
    joined.controller.view.disconnected("the cable")
    joined.welcome(last=2)
    assert joined.receive(msg(3)) == ["00:00 omar: x"]


@in_loop
async def test_the_greeting_waits_for_the_messages_of_an_earlier_run() -> None:
    joined = Joined(greets=True, cursor=p.Resume("e", 5), connected=False)
    joined.welcome(last=6)
    assert joined.receive(msg(6, "missed")) == []
    assert joined.receive(p.Page([msg(5)], more=True))[-2:] == ["00:00 omar: missed", GREETING]


@in_loop
async def test_in_an_empty_room_the_greeting_comes_at_once() -> None:
    assert Joined(greets=True).screen.lines == [GREETING]


@in_loop
async def test_what_an_operator_did_comes_below_the_line_of_its_day() -> None:
    joined = Joined()
    assert joined.receive(p.Notice("omar muted bob", 90_000.0)) == [
        "— Friday, 02 January 1970 —",
        "01:00 ! omar muted bob",
    ]


@in_loop
async def test_a_query_sends_what_is_typed_to_one_alone() -> None:
    """Until it ends; /me, which would tell all, is refused. It follows a change of nickname."""
    joined = Joined()
    submit = joined.controller.submit
    assert not joined.controller.is_private("hello")
    assert submit("/query omar")
    assert joined.screen.lines[-1] == "your messages are sent to omar only, until you type /query"
    assert joined.controller.is_private("hello")
    submit("psst")
    submit("//etc")
    assert not submit("/me waves")
    submit("/who")
    joined.receive(p.Rename("omar", "omar2"))
    submit("again")
    submit("/query")
    submit("to all")
    sent = [(frame.to, frame.text) for frame in joined.wire.sent if isinstance(frame, p.Whisper)]
    assert sent == [("omar", "psst"), ("omar", "/etc"), ("omar2", "again")]
    assert [frame.text for frame in joined.wire.sent if isinstance(frame, p.Say)] == ["to all"]
    assert not submit("/query")
    assert not submit("/query a b")


@in_loop
async def test_r_answers_the_last_whisper() -> None:
    joined = Joined()
    assert not joined.controller.submit("/r hi")
    assert joined.screen.lines[-1] == "! no private message in this room yet (/r answers those of the shown room only)"
    joined.receive(p.Whispered("bob", 1.0, "psst"), p.Whispered("omar", 2.0, "and I"), p.Rename("omar", "omar2"))
    assert joined.controller.submit("/r what?")
    assert isinstance(whisper := joined.wire.sent[-1], p.Whisper)
    assert (whisper.to, whisper.text) == ("omar2", "what?")


@in_loop
async def test_topic_alone_shows_it_and_help_knows_topics() -> None:
    joined = Joined()
    joined.controller.submit("/topic")
    assert joined.screen.lines[-1] == "topic: none"
    joined.receive(p.RoomNow("the weather"))
    joined.controller.submit("/topic")
    assert joined.screen.lines[-1] == "topic: the weather"
    assert joined.wire.sent == []
    assert joined.controller.submit("/help show")
    assert not joined.controller.submit("/help nonsense")
    assert joined.screen.lines[-1] == "! there is no help on nonsense: /help lists the commands"

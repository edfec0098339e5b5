"""asking.py: which answers count, with a server; the asker is told of all others."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from chatctl.client.connect_options import address_of
from chatctl.client.core.address import Address
from chatctl.client.core.asking import Answer, Asking
from chatctl.client.core.author_key import AuthorKeys
from chatctl.client.core.cursor import Cursor
from chatctl.client.core.follower import Follower
from chatctl.client.core.held_lease import HeldLease
from chatctl.client.core.question import Question
from chatctl.client.core.speaker import Speaker
from chatctl.client.identity import post_hello
from chatctl.client.io.blocking_transport import BlockingTransport, drive
from chatctl.core.limits import ServerLimits
from chatctl.errors import ConditionNotMet
from tests.support.environment import DEADLINE
from tests.support.in_process_server import in_process_server
from tests.support.wire import Wire

TOKENS = {name: f"{number:032x}" for number, name in enumerate(("ci", "ci2", "nadia", "abel", "omar"), 1)}


class Asked:
    """A question that is asked in a thread; what becomes of it."""

    def __init__(self, port: int, nick: str = "ci", choices: Sequence[str] = ("yes", "no"), **more: object) -> None:
        self.notices: list[str] = []
        self.outcome: Answer | Exception | None = None
        self._told = threading.Condition()
        self.asking = self._asking(
            address_of(f"127.0.0.1:{port}", **NONE), nick, Question("go?", choices, nick, **more)
        )  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _asking(self, address: Address, nick: str, question: Question) -> Asking:
        transport, token = BlockingTransport(), TOKENS[nick]
        speaker = Speaker(transport, address, post_hello(address, "lobby", nick, token), DEADLINE, keep_open=False)
        follower = Follower(transport, address, "lobby", Cursor(), token=token)

        def lease(tag: str) -> HeldLease:
            return HeldLease(transport, address, "lobby", token, "question", tag)

        return Asking(question, follower, speaker, AuthorKeys(transport, address, "lobby"), self._note, lease)

    def _note(self, line: str) -> None:
        with self._told:
            self.notices.append(line)
            self._told.notify_all()

    def _run(self) -> None:
        try:
            self.outcome = drive(self.asking.ask(DEADLINE))
        except Exception as error:  # noqa: BLE001 — the test looks at it
            self.outcome = error

    def notice(self, number: int = 1) -> str:
        """Wait for so many lines; return the last one."""
        with self._told:
            assert self._told.wait_for(lambda: len(self.notices) >= number, DEADLINE), self.notices
            return self.notices[number - 1]

    def answer(self) -> Answer:
        """Wait for the end; return the answer."""
        self.thread.join(DEADLINE)
        assert isinstance(self.outcome, Answer), self.outcome
        return self.outcome


NONE = {"tls": None, "pin": None, "ca": None, "password": None, "key": None}


@pytest.fixture
def port() -> Iterator[int]:
    with in_process_server(ServerLimits(rate=0)) as port:
        yield port


@pytest.fixture
def member(port: int) -> Callable[[str], Wire]:
    """Return what lets one in, with a token of one's own."""

    def member(nick: str, **more: object) -> Wire:
        wire = Wire(("127.0.0.1", port)).greeted().enter(nick, **{"token": TOKENS.get(nick), **more})
        wire.frame("join", where=lambda frame: nick in frame["nicks"])
        return wire

    return member


def tag_in(wire: Wire, with_text: str = "(answer with") -> str:
    """Wait for a question with this text; return its tag."""
    frame = wire.frame("msg", where=lambda frame: with_text in frame["text"])
    found = re.match(r"\[([a-z][2-9]+)\] go\?", frame["text"])
    assert found, frame
    return found[1]


def test_two_questions_are_open_and_only_the_tagged_answer_counts(port: int, member: Callable[[str], Wire]) -> None:
    """Each deployment would take the other's yes."""
    nadia = member("nadia")
    first = Asked(port, "ci")
    tag = tag_in(nadia)
    second = Asked(port, "ci2")
    other = tag_in(nadia)
    nadia.say("yes")
    assert first.notice() == f"(ignored nadia: other questions are open ({other}): type '{tag} yes')"
    assert second.notice() == f"(ignored nadia: other questions are open ({tag}): type '{other} yes')"
    nadia.say(f"{other}: No.")
    assert second.answer().choice == "no"
    nadia.frame("msg", where=lambda frame: frame["text"].startswith(f"[{other}] go?  -> no"))
    nadia.say(f"{tag} y")
    assert first.answer().choice == "yes"


def test_who_may_answer_and_is_not_in_the_room(
    port: int, member: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the welcome does not list all members."""
    monkeypatch.setattr("chatctl.hub.login.MEMBERS_IN_WELCOME", 2)
    assert Asked(port, "ci", nicks=["nadia"]).notice() == "(nadia is not in the room)"
    crowd = [member(f"m{number}") for number in range(3)]
    assert Asked(port, "ci2", nicks=["nadia"]).notice() == "(nadia is not in the room)"
    asked = Asked(port, "omar", nicks=["m2"])
    tag = tag_in(crowd[-1], "only m2 may answer")
    crowd[-1].say(f"{tag} yes")
    assert asked.answer().entry.nick == "m2"
    assert asked.notices == []


def test_an_answer_before_another_question_counts_for_the_first(port: int, member: Callable[[str], Wire]) -> None:
    """However late the asker looks at it: here, when the other question is asked."""
    nadia = member("nadia")
    first = Asked(port, "ci")
    tag_in(nadia)
    hold = threading.Event()
    look = first.asking._lease.look  # type: ignore[union-attr]

    async def late(*arguments: object) -> object:
        assert hold.wait(DEADLINE)
        return await look(*arguments)  # type: ignore[arg-type]

    first.asking._lease.look = late  # type: ignore[union-attr,method-assign,assignment]
    nadia.say("y")
    Asked(port, "ci2")
    tag_in(nadia)
    hold.set()
    assert first.answer().choice == "yes"


def test_approvals_are_owners_and_never_the_asker(port: int, member: Callable[[str], Wire]) -> None:
    nadia = member("nadia")
    asked = Asked(port, approvals=2)
    tag_in(nadia)
    nadia.say("yes")
    assert asked.notice(1) == "(yes: 1 of 2)"
    nadia.say("yes")
    assert asked.notice(2) == "(ignored nadia: the same owner has chosen yes before)"
    assert asked.notice(3) == "(yes: 1 of 2)"
    nadia.say_frame(type="nick", nick="another")
    nadia.say("yes")
    assert asked.notice(4) == "(ignored another: the same owner has chosen yes before)"
    member("me", token=TOKENS["ci"]).say("yes")
    assert asked.notice(6).startswith("(ignored me: it is from whoever asks")
    with Wire(("127.0.0.1", port)).greeted() as stranger:
        stranger.send(b"stranger\nyes\n")
        assert asked.notice(7).startswith("(ignored stranger: its owner is not known")
    member("abel").say("1")
    answer = asked.answer()
    assert (answer.choice, answer.nicks, [one.seq for one in answer.approvals]) == ("yes", ["nadia", "abel"], [2, 7])


@pytest.mark.parametrize("nick", ["nadia", "abel"])
def test_one_no_ends_it(port: int, member: Callable[[str], Wire], nick: str) -> None:
    """Also by one who has said yes."""
    nadia, abel = member("nadia"), member("abel")
    asked = Asked(port, approvals=3)
    tag_in(nadia)
    nadia.say("yes")
    asked.notice()
    {"nadia": nadia, "abel": abel}[nick].say("n")
    answer = asked.answer()
    assert (answer.choice, answer.index, answer.nicks) == ("no", 1, [nick])


def test_what_can_t_be_told_is_told(port: int, member: Callable[[str], Wire]) -> None:
    nadia = member("nadia")
    asked = Asked(port, choices=("now", "never"))
    tag = tag_in(nadia)
    nadia.say("n").say(f"{tag} maybe").say("hello").say("now")
    assert asked.notice(1) == "(ignored nadia: it may mean now or never)"
    assert asked.notice(2) == "(ignored nadia: 'maybe' is not one of the choices)"
    assert asked.answer().choice == "now"
    assert len(asked.notices) == 2


def whispers_to(wire: Wire) -> list[str]:
    """Return what this member has been whispered until now."""
    wire.say_frame(type="ping")
    told = []
    while (frame := wire.next_frame())["type"] != "pong":
        told += [frame["text"]] if frame["type"] == "whisper" else []
    return told


def test_who_is_ignored_is_told_once(port: int, member: Callable[[str], Wire]) -> None:
    """They would wait for what does not come. A second time they know, and what they go on saying is no flood."""
    nadia, omar = member("nadia"), member("omar")
    asked = Asked(port, nicks=("omar",))
    tag = tag_in(nadia)
    nadia.say("yes").say("no")
    with Wire(("127.0.0.1", port)).greeted() as poster:
        poster.say_frame(type="hello", v=1, mode="post", nick="poster")
        poster.say("yes")  # no member: nobody can whisper to it
        asked.notice(3)
    omar.say("yes")
    assert asked.answer().choice == "yes"
    assert whispers_to(nadia) == [f"[{tag}] go?  -> your answer does not count: only omar may answer"]
    assert whispers_to(omar) == []


def test_each_wrong_answer_with_the_tag_is_told_what_is_wrong_with_it(port: int, member: Callable[[str], Wire]) -> None:
    """The first one may have told of another mistake."""
    nadia = member("nadia")
    asked = Asked(port, choices=("now", "never"))
    tag = tag_in(nadia)
    nadia.say("n").say(f"{tag} yes").say(f"{tag} ok").say(f"{tag} ok")
    asked.notice(4)
    nadia.say("now")
    assert asked.answer().choice == "now"
    ignored = f"[{tag}] go?  -> your answer does not count: "
    assert whispers_to(nadia) == [
        f"{ignored}it may mean now or never",
        f"{ignored}'yes' is not one of the choices",
        f"{ignored}'ok' is not one of the choices",
    ]


def test_so_many_are_told_and_no_more(
    port: int, member: Callable[[str], Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can make up nicknames."""
    monkeypatch.setattr("chatctl.client.core.asking.MAX_TOLD", 1)
    nadia, abel, omar = member("nadia"), member("abel"), member("omar")
    asked = Asked(port, nicks=("omar",))
    tag_in(nadia)
    nadia.say("yes")
    asked.notice()
    abel.say("yes")
    asked.notice(2)
    omar.say("yes")
    assert asked.answer().choice == "yes"
    assert len(whispers_to(nadia)) == 1
    assert whispers_to(abel) == []


def test_a_question_that_is_gone_is_withdrawn_and_its_asker_is_told() -> None:
    """It may have slept, or been cut off, for longer than the server waits."""
    with in_process_server(ServerLimits(rate=0, ping_seconds=0.5), grace=0.2) as port:
        nadia = Wire(("127.0.0.1", port)).greeted().enter("nadia")
        asked = Asked(port)
        tag = tag_in(nadia)
        held = threading.Event()
        subscription = asked.asking._follower._subscription
        connect = subscription.connect

        async def late(*arguments: object) -> object:
            assert held.wait(DEADLINE)
            return await connect(*arguments)  # type: ignore[arg-type]

        subscription.connect = late  # type: ignore[method-assign,assignment]
        assert subscription.connection is not None
        subscription.connection._sock.shutdown(2)  # type: ignore[attr-defined]
        assert nadia.frame("notice")["text"] == f"question {tag} is withdrawn: ci is gone"
        nadia.say(f"{tag} yes")
        assert nadia.frame("notice")["text"] == f"question {tag} is closed: your answer does not count"
        held.set()
        asked.thread.join(DEADLINE)
        assert isinstance(asked.outcome, ConditionNotMet), "an answer to it counts no more"
        assert "has withdrawn the question" in str(asked.outcome)

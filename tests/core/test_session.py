"""session.py: one connection as a state machine. Bytes in, effects out."""

import tracemalloc
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatctl import protocol as p
from chatctl.core.dialects import CLASSIC, JSON, TEXT, Stranger
from chatctl.core.effects import Effect, Hangup, Raw, Reply, Says
from chatctl.core.limits import ServerLimits
from chatctl.core.session import ASK_AGAIN, MAX_REFUSALS, Session, State
from chatctl.errors import NickTaken, ServerFull
from chatctl.protocol import encode
from tests.support.client_lines import LINES
from tests.support.strategies import client_frames, splits, two_cuts

HELLO = encode(p.Hello(v=1, nick="Rajat"))
OFF = ServerLimits(rate=0)
TAKEN = NickTaken("that name is taken")


def answer(session: Session, effect: Effect, taken: Iterable[str] = ()) -> None:
    """Do what the hub does with a hello."""
    if isinstance(effect, p.Hello):
        if effect.nick in taken:
            session.refuse_retryable(TAKEN)
        else:
            session.accept(effect.nick)


def steps(session: Session, now: float = 0, taken: Iterable[str] = ()) -> list[Effect]:
    """Take effects until there is none for now."""
    effects: list[Effect] = []
    while True:
        was_idle = session.idle and session.state is State.LIVE  # before that, its time limits give effects
        if (effect := session.step(now)) is None:
            return effects
        assert not was_idle
        effects += flat(effect)
        answer(session, effect, taken)


def flat(effect: Effect | None) -> list[Effect]:
    """Return the effects of a step: a ``Says`` as one message each, a last frame as a reply of its own."""
    match effect:
        case None:
            return []
        case Says(says):
            return list(says)
        case Hangup(why, last) if last is not None:
            return [Reply(last), Hangup(why)]
    return [effect]


def talk(
    *parts: bytes,
    limits: ServerLimits = OFF,
    taken: Iterable[str] = (),
    end: bool = False,
    eager: bool = True,
    session: Session | None = None,
) -> list[Effect]:
    """Feed parts, one read each; give all effects. ``eager``: take them after each read, else after the last."""
    session = session or Session(limits, 0)
    effects: list[Effect] = []
    for part in parts:
        session.receive(part, 0)
        effects += steps(session, 0, taken) if eager else []
    if end:
        session.end(0)
    return effects + steps(session, 0, taken)


def live(wire: bytes = HELLO, limits: ServerLimits = OFF) -> Session:
    """Return a session that is past its hello."""
    session = Session(limits, 0)
    session.receive(wire, 0)
    steps(session)
    if session.state is State.FRESH:  # classic: the time in which an LF could come
        steps(session, 0.2)
    assert session.state is State.LIVE
    return session


def code(effect: Effect) -> str:
    assert isinstance(effect, Reply)
    if isinstance(effect.frame, p.Bye):
        return "bye"
    assert isinstance(effect.frame, p.Error)
    return effect.frame.code


# --- any cut of the same bytes means the same

BYE = encode(p.Bye())

CONVERSATIONS = {
    "json": HELLO + encode(p.Say("hi", id="1")) + b"\r\n" + encode(p.Who()) + encode(p.Ping(t=1)) + BYE + b"rest",
    "json, cut off": HELLO + encode(p.Say("é", id="1")) + b'{"type":"sa',
    "json, bad frames": HELLO + b'[]\n{"type":"shout"}\n{"type":"say","text":5}\n' + HELLO + encode(p.Say("")),
    "json, not json": HELLO + encode(p.Say("a")) + b"oops\n" + encode(p.Say("b")),
    "json, not utf-8": HELLO + b'{"type":"who","x":"\xff"}\n' + encode(p.Say("b")),
    "json, a run": HELLO + b"".join(encode(p.Say(f"m{i}", id=str(i))) for i in range(5)) + encode(p.Who()) + b"rest",
    "json, a run with a bad one": HELLO + encode(p.Say("a")) * 2 + encode(p.Say("")) + encode(p.Say("b")) * 2,
    "json, a run with a bye": HELLO + encode(p.Say("a")) * 2 + BYE + encode(p.Say("b")) * 2,
    "json, halves that are no frames": HELLO + encode(p.Say("a")) * 2 + b'{"type":"say",\n"text":"b"}\n' + BYE,
    "json, refused": encode(p.Hello(v=1, nick="taken")) + encode(p.Say("a")),
    "json, another version": b'{"type":"hello","v":2}\n' + encode(p.Say("a")),
    "json, before hello": encode(p.Say("a")) + b'{"type":"hello"}\n' + HELLO + encode(p.Say("b")),
    "text": b"Rajat\r\nhi\n\n/me waves\n/who\n/nope\n/help\n//x\n/quit\nrest\n",
    "text, asked again": b"\ntaken\n taken \nRajat\nhi\nlast words",
    "text, not utf-8": b"Raj\xff\nRajat\nhi\xff\nho\n",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "http post": b"POST /hook HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\nabc",
}
TAKEN_NAMES = ("", "taken")


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("end", [False, True])
def test_every_cut_in_two_means_the_same(name: str, end: bool) -> None:
    wire = CONVERSATIONS[name]
    whole = talk(wire, taken=TAKEN_NAMES, end=end)
    assert whole
    for parts in two_cuts(wire):
        assert talk(*parts, taken=TAKEN_NAMES, end=end) == whole
        assert talk(*parts, taken=TAKEN_NAMES, end=end, eager=False) == whole


SMALL = ServerLimits(rate=0, line=120, hello_bytes=70, text=40)

json_lines = st.one_of(
    client_frames.map(encode),
    st.sampled_from([HELLO, encode(p.Hello(v=1, nick="taken")), b"\n", b"\r\n", b"[]\n", b"x" * 130, b"\xff\n"]),
    st.integers(60, 130).map(lambda n: b"x" * n + b"\n"),
)
json_wires = st.tuples(st.sampled_from([HELLO, b"{", b"{}\n"]), st.lists(json_lines, max_size=6))
text_lines = st.one_of(
    st.sampled_from(
        [b"\n", b"\r\n", b"taken\n", b"Rajat\n", b"hi\n", b"/who\n", b"/quit\n", b"/x\n", b"\xff\n", b"\n\n"]
    ),
    st.integers(30, 130).map(lambda n: b"x" * n),
    st.text(max_size=20).map(lambda s: s.encode() + b"\n"),
)
text_wires = st.tuples(st.sampled_from([b"Rajat\n", b"taken\n", b"\n"]), st.lists(text_lines, max_size=6))


@given(st.data(), json_wires | text_wires, st.booleans(), st.booleans())
def test_any_split_means_the_same(
    data: st.DataObject, pieces: tuple[bytes, list[bytes]], end: bool, eager: bool
) -> None:
    """TCP may cut anywhere, and the hub may be slow: the meaning must not move."""
    wire = pieces[0] + b"".join(pieces[1])
    whole = talk(wire, limits=SMALL, taken=TAKEN_NAMES, end=end)
    for parts in (data.draw(splits(wire)), [wire[i : i + 1] for i in range(len(wire))]):
        assert talk(*parts, limits=SMALL, taken=TAKEN_NAMES, end=end, eager=eager) == whole


@pytest.mark.parametrize(
    "wire",
    [
        HELLO + b"x" * 121 + b"\n" + encode(p.Say("after the end")),
        HELLO + encode(p.Say("a")) + b"x" * 400,
        b"{" + b"x" * 71,
        b"{" + b"x" * 200 + b"\n",
        b"taken\n" + b"x" * 65,
        b"taken\n" + b"x" * 63 + b"\n",
        b"taken\n" + b"x" * 64 + b"\n",
        b"taken\n" + b"x" * 200 + b"\nRajat\n",
        b"x" * 71 + b"\n",
        encode(p.Say("a")) * 2 + HELLO,
    ],
)
def test_every_cut_of_what_is_too_long_means_the_same(wire: bytes) -> None:
    whole = talk(wire, limits=SMALL, taken=TAKEN_NAMES)
    for parts in two_cuts(wire):
        for eager in (False, True):
            assert talk(*parts, limits=SMALL, taken=TAKEN_NAMES, eager=eager) == whole, parts


def test_a_classic_client_may_be_cut_anywhere_before_its_hello_is_recognised() -> None:
    for parts in two_cuts(b"Rajat"):
        session = Session(OFF, 0)
        for part in parts:
            session.receive(part, 0)
            assert steps(session, 0.1) == []
        assert steps(session, 0.2) == [p.Hello(v=1, nick="Rajat")]


# --- what comes in and what it is answered with


@pytest.mark.parametrize(("line", "raised"), LINES, ids=[repr(line[:50]) for line, _ in LINES])
def test_a_bad_line_after_the_hello_is_answered_and_only_no_json_ends_it(
    line: bytes, raised: type[Exception] | None
) -> None:
    session = live()
    effects = talk(line + b"\n" + encode(p.Who()), session=session)
    if not line.strip():
        assert effects == [p.Who()], "a blank line is nothing"
    elif raised is None:
        assert effects[-1] == p.Who()
        assert len(effects) == 2
    elif raised is p.NotJson:
        assert [code(effects[0]), *effects[1:]] == ["bad_frame", Hangup("bad_frame")]
        assert session.state is State.CLOSED
    else:
        assert [code(effects[0]), *effects[1:]] == ["bad_frame", p.Who()]
        assert session.state is State.LIVE


SAY = p.Say("hi")
OUT_OF_TRIES = ["not_joined", "bad_frame"] * 2 + ["not_joined", "bye", Hangup("refused 5 times")]
FRESH: list[tuple[str, bytes, list[object]]] = [
    ("a frame before the hello", encode(SAY) + HELLO, ["not_joined", p.Hello(v=1, nick="Rajat")]),
    ("a bad hello, then a good one", b'{"type":"hello"}\n' + HELLO, ["bad_frame", p.Hello(v=1, nick="Rajat")]),
    ("an unknown type, then a hello", b'{"type":"x"}\n' + HELLO, ["bad_frame", p.Hello(v=1, nick="Rajat")]),
    ("another version", b'{"type":"hello","v":2}\n' + HELLO, ["version", Hangup("version")]),
    ("no json", b"{oops}\n" + HELLO, ["bad_frame", Hangup("bad_frame")]),
    ("json that is no utf-8", b'{"x":"\xff"}\n' + HELLO, ["bad_frame", Hangup("bad_frame")]),
    ("a hello over 8 KiB", b"{" + b" " * 8192 + b"}\n" + HELLO, ["too_long", Hangup("too_long")]),
    ("a hello over 8 KiB with no end", b"{" + b"x" * 9000, ["too_long", Hangup("too_long")]),
    ("many small frames before the hello", b"{}\n" * 4000, ["bad_frame"] * 5 + ["bye", Hangup("refused 5 times")]),
    ("frames of every sort before it", (encode(p.Who()) + b"{}\n") * 5 + HELLO, OUT_OF_TRIES),
    ("a megabyte without newline", b"{" + b"x" * (1 << 20), ["too_long", Hangup("too_long")]),
    ("a megabyte without newline, as text", b"x" * (1 << 20), ["too_long", Hangup("too_long")]),
    (
        "a line over the limit",
        HELLO + b"x" * 16385 + b"\n",
        [p.Hello(v=1, nick="Rajat"), "too_long", Hangup("too_long")],
    ),
    ("an unending line", HELLO + b"x" * (1 << 20), [p.Hello(v=1, nick="Rajat"), "too_long", Hangup("too_long")]),
    ("http", b"GET / HTTP/1.1\r\n\r\n", [Raw(Stranger.HTTP.answer), Hangup("http")]),
    ("an http post of json", b'POST / HTTP/1.1\r\n\r\n{"type":"hello"}\n', [Raw(Stranger.HTTP.answer), Hangup("http")]),
    ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01", [Raw(Stranger.TLS.answer), Hangup("tls")]),
    ("a second hello", HELLO + HELLO, [p.Hello(v=1, nick="Rajat"), "bad_frame"]),
    ("unknown fields", b'{"type":"hello","v":1,"nick":"a","w":[{}]}\n', [p.Hello(v=1, nick="a")]),
    ("text that is no utf-8", b"Raj\xff\nRajat\n", ["bad_frame", Raw(ASK_AGAIN), p.Hello(v=1, nick="Rajat")]),
    ("an empty message", HELLO + encode(p.Say("")), [p.Hello(v=1, nick="Rajat"), "bad_frame"]),
    ("a text at the limit", HELLO + encode(p.Say("é" * 2048)), [p.Hello(v=1, nick="Rajat"), p.Say("é" * 2048)]),
    ("a text over the limit", HELLO + encode(p.Say("é" * 2048 + "x")), [p.Hello(v=1, nick="Rajat"), "too_long"]),
    ("a whisper over the limit", HELLO + encode(p.Whisper("a", "x" * 4097)), [p.Hello(v=1, nick="Rajat"), "too_long"]),
]


@pytest.mark.parametrize(("wire", "expected"), [case[1:] for case in FRESH], ids=[case[0] for case in FRESH])
def test_each_bad_input_has_its_answer(wire: bytes, expected: list[object]) -> None:
    for parts in ([wire], [wire[:7], wire[7:]]):
        session = Session(OFF, 0)
        effects = talk(*parts, session=session)
        assert [code(effect) if isinstance(effect, Reply) else effect for effect in effects] == expected
        assert (session.state is State.CLOSED) is isinstance(expected[-1], Hangup)


def test_an_error_names_the_frame_it_answers() -> None:
    effects = talk(encode(p.Say("", id="7")), encode(p.Whisper("a", "x" * 5000, id="8")), session=live())
    assert [e.frame.id for e in effects if isinstance(e, Reply) and isinstance(e.frame, p.Error)] == ["7", "8"]


def test_what_follows_a_line_that_ended_the_stream_is_not_obeyed() -> None:
    """A peer whose bytes can't be trusted says nothing more, however slowly they are looked at."""
    session = Session(OFF, 0)
    for part in (HELLO, b"x" * 20_000 + b"\n", encode(p.Say("smuggled"))):
        session.receive(part, 0)
    effects = steps(session)
    assert [type(effect) for effect in effects] == [p.Hello, Reply, Hangup]


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from([b"", HELLO, b"Rajat\n", b"{", b"\x16"]))
@example(b"\xff\n", b"", b"Rajat\n")
def test_no_bytes_break_a_session(one: bytes, two: bytes, start: bytes) -> None:
    session = Session(OFF, 0)
    for part in (start, one, two):
        if part:
            session.receive(part, 0)
            steps(session, 0)
    steps(session, 0.3)
    session.end(1)
    effects = steps(session, 1)
    assert session.state is State.CLOSED
    assert [e for e in effects if isinstance(e, Hangup)] == effects[-1:] or not effects


# --- modes

FRAMES = {
    "say": p.Say("a"),
    "whisper": p.Whisper("a", "b"),
    "nick": p.Nick("a"),
    "who": p.Who(),
    "history": p.History(limit=1, after=0),
    "ping": p.Ping(),
}
ALLOWED = {
    "join": {"say", "whisper", "nick", "who", "history", "ping"},
    "post": {"say", "whisper", "who", "history", "ping"},
    "watch": {"who", "history", "ping"},
    "probe": {"say", "who", "history", "ping"},
}


@pytest.mark.parametrize("mode", ALLOWED)
@pytest.mark.parametrize("name", FRAMES)
def test_each_mode_may_do_what_it_may_do(mode: p.Mode, name: str) -> None:
    session = live(encode(p.Hello(v=1, nick="a", mode=mode)))
    (effect,) = talk(encode(FRAMES[name]), session=session)
    if name in ALLOWED[mode]:
        assert effect == FRAMES[name]
    else:
        assert code(effect) == "forbidden"


# --- the hello


def test_the_hub_answers_a_hello_before_anything_else_is_done() -> None:
    session = Session(OFF, 0)
    session.receive(HELLO + encode(SAY), 0)
    assert session.step(0) == p.Hello(v=1, nick="Rajat")
    assert session.step(0) is None
    session.accept("Rajat")
    assert session.step(0) == Says([SAY])


def test_a_refused_json_client_is_told_and_closed() -> None:
    effects = talk(HELLO, encode(SAY), taken=["Rajat"])
    assert [code(effects[1]), *effects[2:]] == ["nick_taken", Hangup("nick_taken")]


def test_a_text_client_whose_name_is_refused_is_asked_again() -> None:
    effects = talk(b"Rajat\nZoe\nhi\n", taken=["Rajat"])
    assert effects == [
        p.Hello(v=1, nick="Rajat"),
        Reply(p.Error("nick_taken", TAKEN.text)),
        Raw(b"NAME\n"),  # as the greeting asks
        p.Hello(v=1, nick="Zoe"),
        p.Say("hi"),
    ]


@pytest.mark.parametrize("wire", [b"Rajat\n" * 1360, b"Rajat\nR\xff\n" * 700])
def test_a_client_that_asks_for_names_without_end_is_closed(wire: bytes) -> None:
    """Each name is judged, answered and logged: a few thousand of them in one hello kept everybody waiting."""
    effects = talk(wire, taken=["Rajat"])
    replies = [code(effect) for effect in effects if isinstance(effect, Reply)]
    assert len(replies) == MAX_REFUSALS + 1
    assert (replies[-1], effects[-1]) == ("bye", Hangup("refused 5 times"))
    assert effects.count(Raw(ASK_AGAIN)) == MAX_REFUSALS - 1


def test_a_name_that_is_free_is_had_after_some_that_are_not() -> None:
    effects = talk(b"Rajat\n" * (MAX_REFUSALS - 1) + b"Zoe\nhi\n", taken=["Rajat"])
    assert effects[-2:] == [p.Hello(v=1, nick="Zoe"), p.Say("hi")]


def test_frames_before_a_proof_are_counted_too() -> None:
    session = Session(OFF, 0)
    session.receive(HELLO, 0)
    assert session.step(0) == p.Hello(v=1, nick="Rajat")
    session.await_proof()
    session.receive(encode(SAY) * 50, 0)
    effects = steps(session)
    assert [code(effect) for effect in effects[:-1]] == ["not_joined"] * MAX_REFUSALS + ["bye"]
    assert effects[-1] == Hangup("refused 5 times")


def test_an_empty_line_is_nothing_before_the_welcome_either() -> None:
    blank = b"\n \t\r\n\r\n"
    session = Session(OFF, 0)
    session.receive(encode(p.Who()) + blank + HELLO + blank, 0)
    refused = session.step(0)
    assert refused is not None
    assert (code(refused), session.step(0)) == ("not_joined", p.Hello(v=1, nick="Rajat"))
    session.await_proof()
    session.receive(blank + encode(p.Proof()), 0)
    assert session.step(0) == p.Proof()
    assert session.refusals == 1


def test_what_comes_too_early_is_refused_under_its_id() -> None:
    """A client that asks behind its hello finds the answer by it, also where the hello was not taken."""
    session = Session(OFF, 0)
    session.receive(encode(p.Who(id="a")) + encode(p.Say("x", id="b")) + encode(p.Ping()) + HELLO, 0)
    refused = [session.step(0) for _ in range(3)]
    session.step(0)
    session.await_proof()
    session.receive(encode(p.Nick("Zoe", id="c")), 0)
    refused.append(session.step(0))
    frames = [effect.frame for effect in refused if isinstance(effect, Reply) and isinstance(effect.frame, p.Error)]
    assert [(frame.code, frame.id) for frame in frames] == [("not_joined", ident) for ident in ("a", "b", None, "c")]


@pytest.mark.parametrize("said", [b"", b"{", encode(SAY), b"taken\n"])
def test_without_a_hello_in_time_it_is_over(said: bytes) -> None:
    session = Session(ServerLimits(hello_seconds=10), 0)
    if said:
        session.receive(said, 1)
        steps(session, 1, ["taken"])
    assert session.wake_at is not None
    assert steps(session, 9.9, ["taken"]) == []
    assert session.wake_at == 10
    effects = steps(session, 10)
    assert [code(effects[0]), effects[1]] == ["not_joined", Hangup("not_joined")]
    assert session.wake_at is None


def test_dribbling_bytes_do_not_put_the_hello_off() -> None:
    session = Session(ServerLimits(hello_seconds=10), 0)
    effects: list[Effect] = []
    for second in range(11):
        session.receive(b"{" if second == 0 else b" ", second)
        effects += steps(session, second)
    assert effects[-1] == Hangup("not_joined")


def test_after_the_hello_nothing_wakes_it() -> None:
    session = live()
    assert session.wake_at is None
    assert steps(session, 1e6) == []


@pytest.mark.parametrize(("wire", "dialect"), [(HELLO, JSON), (b"Rajat\n", TEXT), (b"Rajat", CLASSIC)])
def test_the_dialect_is_decided_once(wire: bytes, dialect: object) -> None:
    session = live(wire)
    assert session.dialect is dialect
    session.receive(b"{}\nGET / HTTP/1.1\r\n", 1)
    steps(session, 1)
    assert session.dialect is dialect


@pytest.mark.parametrize("wire", [HELLO, b"Rajat\n"])
def test_one_for_whom_there_is_no_place_is_told_in_his_own_dialect(wire: bytes) -> None:
    session = Session(OFF, 0)
    session.refuse_on_hello(ServerFull("full", retry_after=5))
    session.receive(wire, 0)
    assert steps(session) == [Reply(p.Error("server_full", "full", retry_after=5)), Hangup("server_full")]


# --- the end


def test_a_client_that_says_bye_is_let_go() -> None:
    assert talk(encode(p.Bye()) + encode(SAY), session=live()) == [Hangup("bye")]


def test_what_was_asked_before_the_end_is_done_before_it() -> None:
    """``echo hi | nc`` must show hi."""
    assert talk(b"Rajat\nhi\nho", end=True) == [
        p.Hello(v=1, nick="Rajat"),
        p.Say("hi"),
        p.Say("ho"),
        Hangup("closed"),
    ]


def test_a_json_line_without_its_lf_is_none() -> None:
    """It may be half of one."""
    assert talk(HELLO + encode(SAY)[:-1], end=True) == [p.Hello(v=1, nick="Rajat"), Hangup("closed")]


def test_one_that_goes_without_a_word_is_closed() -> None:
    assert talk(end=True) == [Hangup("closed")]


def test_a_classic_client_that_ends_at_once_was_here() -> None:
    assert talk(b"Rajat", end=True) == [p.Hello(v=1, nick="Rajat"), Hangup("closed")]


def test_each_classic_read_is_a_message() -> None:
    session = live(b"Rajat")
    assert talk(b"Rajat: one", b"Rajat: two\n", b"x\ny", session=session) == [p.Say("one"), p.Say("two"), p.Say("x\ny")]


# --- runs


def test_what_came_together_is_given_together() -> None:
    """A message costs a fraction of what it costs alone."""
    session = live()
    session.receive(b"".join(encode(p.Say(f"m{i}")) for i in range(20)), 0)
    assert session.step(0) == Says([p.Say(f"m{i}") for i in range(20)])
    assert session.step(0) is None


@given(st.integers(1, 20), st.lists(st.integers(1, 30), min_size=1))
def test_no_more_are_given_together_than_may_be(count: int, mosts: list[int]) -> None:
    """The hub counts what is under way, and gives what it may be."""
    session, given_ = live(), list[Effect]()
    session.receive(b"".join(encode(p.Say(f"m{i}")) for i in range(count)), 0)
    for most in [*mosts, *[1] * count]:
        effects = flat(session.step(0, most))
        assert len(effects) <= most
        given_ += effects
    assert given_ == [p.Say(f"m{i}") for i in range(count)]


def test_what_waits_behind_the_first_of_a_run_keeps_it_from_being_read() -> None:
    session = live()
    session.receive(encode(p.Who()) * 3, 0)
    assert session.step(0) == p.Who()
    assert session.backlog
    assert steps(session) == [p.Who(), p.Who()]
    assert not session.backlog


# --- the rate


def clocked(session: Session, until: float) -> list[tuple[float, Effect]]:
    """Take effects, waking when the session wants to; give each with its time."""
    now, out = 0.0, list[tuple[float, Effect]]()
    while now <= until:
        while (effect := session.step(now)) is not None:
            out += [(now, one) for one in flat(effect)]
        if session.wake_at is None:
            break
        assert session.wake_at > now, "it would spin"
        now = session.wake_at
    return out


def test_over_the_rate_messages_wait_and_none_is_lost() -> None:
    """The flood limiter must not eat a paste."""
    session = live(limits=ServerLimits(rate=10, burst=5))
    session.receive(b"".join(encode(p.Say(f"m{i}")) for i in range(25)), 0)
    assert steps(session) == [p.Say(f"m{i}") for i in range(5)]
    assert session.backlog
    assert session.wake_at == pytest.approx(0.1)
    rest = clocked(session, 10)
    assert [effect for _, effect in rest] == [p.Say(f"m{i}") for i in range(5, 25)]
    assert rest[-1][0] == pytest.approx(2, abs=0.15)
    assert not session.backlog
    assert session.wake_at is None


def test_many_bytes_wait_even_in_few_messages() -> None:
    session = live(limits=ServerLimits(rate=1000, burst=1000, bytes_per_second=10_000))
    session.receive(encode(p.Say("x" * 4000)) * 10, 0)
    times = [now for now, _ in clocked(session, 100)]
    assert len(times) == 10
    assert times[-1] == pytest.approx(2.6, abs=0.3)


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"type":"shout"}\n', encode(p.Ping())])
def test_no_line_is_free(line: bytes) -> None:
    """What costs the server work and the client nothing is a way to keep the server busy."""
    session = live(limits=ServerLimits(rate=10, burst=5, bytes_per_second=50))
    session.receive(line * 200, 0)
    steps(session)
    assert session.backlog


def test_bad_frames_count_as_messages() -> None:
    session = live(limits=ServerLimits(rate=10, burst=5))
    session.receive(b"{}\n" * 20, 0)
    assert len(steps(session)) == 5


def test_pings_do_not_count_as_messages() -> None:
    session = live(limits=ServerLimits(rate=10, burst=5))
    session.receive(encode(p.Ping()) * 50, 0)
    assert len(steps(session)) == 50


def test_waiting_lines_are_said_before_the_end() -> None:
    session = live(b"Rajat\n", ServerLimits(rate=10, burst=2))
    session.receive(b"1\n2\n3\n4", 0)
    session.end(0)
    effects = [effect for _, effect in clocked(session, 10)]
    assert effects == [p.Say("1"), p.Say("2"), p.Say("3"), p.Say("4"), Hangup("closed")]


@given(st.lists(st.integers(1, 8), min_size=1, max_size=12), st.integers(1, 5), st.floats(1, 100))
def test_whatever_the_bursts_all_comes_in_order(bursts: list[int], burst: int, rate: float) -> None:
    session, said, count = live(limits=ServerLimits(rate=rate, burst=burst)), list[Effect](), 0
    for size in bursts:
        session.receive(b"".join(encode(p.Say(f"m{count + i}")) for i in range(size)), 0)
        count += size
    said = [effect for _, effect in clocked(session, 1e4)]
    assert said == [p.Say(f"m{i}") for i in range(count)]


# --- pings


def test_a_silent_peer_is_pinged_and_gone_after_two_misses() -> None:
    session = live(limits=ServerLimits(ping_seconds=60))
    told: list[tuple[int, Effect]] = []
    for now in range(0, 400, 5):
        session.tick(now)
        told += [(now, effect) for effect in steps(session, now)]
    assert [now for now, _ in told] == [60, 120, 180]
    assert [type(effect) for _, effect in told] == [Reply, Reply, Hangup]
    assert told[-1][1] == Hangup("ping timeout")


def test_after_a_stop_of_our_own_a_peer_has_time_to_answer() -> None:
    """SIGSTOP, or a machine that was frozen: nobody was asked meanwhile."""
    session = live(limits=ServerLimits(ping_seconds=60))
    told: list[int] = []
    for now in range(1000, 1200, 5):
        session.tick(now)
        told += [now for _ in steps(session, now)]
    assert told == [1000, 1030, 1090]


def test_any_byte_is_a_sign_of_life() -> None:
    session = live(limits=ServerLimits(ping_seconds=60))
    for now in range(0, 1000, 50):
        session.receive(b" ", now)
        session.tick(now + 49)
        assert steps(session, now) == []


def test_a_pong_after_a_miss_starts_the_count_anew() -> None:
    session = live(limits=ServerLimits(ping_seconds=60))
    pings = 0
    for now in range(0, 1000, 10):
        session.tick(now)
        if steps(session, now):
            pings += 1
            if pings % 2 == 0:
                session.receive(encode(p.Pong()), now)
                assert steps(session, now) == []
    assert session.state is State.LIVE
    assert pings > 10


def test_who_is_not_listened_to_is_not_called_dead() -> None:
    """Its answer may lie behind the lines that wait."""
    session = live(limits=ServerLimits(rate=0.001, burst=1, ping_seconds=60))
    session.receive(encode(SAY) * 3, 0)
    for now in range(0, 600, 10):
        session.tick(now)
        assert all(effect == SAY for effect in steps(session, now))
    assert session.state is State.LIVE


@pytest.mark.parametrize("wire", [b"Rajat\n", b"Rajat"])
def test_those_who_know_no_ping_are_not_pinged(wire: bytes) -> None:
    session = live(wire)
    session.tick(1e6)
    assert steps(session, 1e6) == []


def test_a_session_that_is_held_gives_nothing_and_pings_nobody_until_it_goes_on() -> None:
    session = live(limits=ServerLimits(rate=0, ping_seconds=10))
    session.hold()
    session.hold()
    session.receive(b'{"type":"who"}\n', 1)
    assert session.step(1) is None
    assert session.backlog
    session.tick(100)
    session.go_on()
    assert session.step(100) is None
    session.go_on()
    assert isinstance(session.step(100), p.Who)
    assert session.step(100) is None
    assert not session.backlog


def test_an_idle_session_holds_little() -> None:
    """Most members are idle most of the time, and there may be ten thousand: 6 KiB each, the kernel's part aside."""
    hello = HELLO + encode(p.Say(text="hi")) * 100
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        idle = [Session(OFF, 0) for _ in range(100)]
        for session in idle:
            talk(hello, session=session)
        each = (tracemalloc.get_traced_memory()[0] - before) / len(idle)
    finally:
        tracemalloc.stop()
    assert each < 2048

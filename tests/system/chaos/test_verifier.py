"""The verifier on hand-made diaries: each fault alone, and what is no fault."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.chaos import verifier
from tests.system.chaos.verifier import Line, Log, Verdict, verify, verify_folder

ABC = Log("e", [(1, "a"), (2, "b"), (3, "c")])


def attempt(text: str) -> Line:
    return {"do": "attempt", "id": f"id {text}", "text": text}


def ack(text: str, seq: int, *, duplicate: bool = False) -> Line:
    return {"do": "ack", "id": f"id {text}", "seq": seq, "duplicate": duplicate}


def enter(after: int = 0, epoch: str = "e") -> Line:
    return {"do": "enter", "epoch": epoch, "after": after}


def show(seq: int, text: str) -> Line:
    return {"do": "show", "seq": seq, "text": text}


def gap(start: int, to: int) -> Line:
    return {"do": "gap", "from": start, "to": to, "why": "slow"}


SENT = [attempt("a"), ack("a", 1), attempt("b"), ack("b", 2), attempt("c"), ack("c", 3)]
ALL_SHOWN = [show(1, "a"), show(2, "b"), show(3, "c")]


def judge(*reader: Line, sender: list[Line] = SENT, log: Log = ABC) -> Verdict:
    return verify(log, {"sender": sender, "reader": reader})


def test_a_sound_run_is_counted_and_has_no_fault() -> None:
    sender = [
        *SENT[:2],
        attempt("b"),
        {"do": "refused", "id": "id b", "code": "storage"},
        {"do": "again", "id": "id b"},
        ack("b", 2),
        attempt("c"),
        {"do": "again", "id": "id c"},
        ack("c", 3),
        ack("c", 3, duplicate=True),
    ]
    verdict = judge(enter(), *ALL_SHOWN, sender=sender)
    assert verdict == Verdict(attempted=3, again=2, acked=3, duplicates=1, refused=1, logged=3, shown=3)
    assert not verdict.broken


def test_what_has_no_answer_may_be_in_the_log_or_not() -> None:
    verdict = judge(enter(), *ALL_SHOWN, sender=[*SENT[:5], attempt("d")])
    assert (verdict.unsettled, verdict.broken) == (2, {})


def test_an_acknowledged_message_that_is_not_in_the_log_is_lost() -> None:
    assert judge(sender=[*SENT, attempt("d"), ack("d", 4)]).broken == {"lost": 1}


def test_an_acknowledged_number_must_carry_that_very_text() -> None:
    assert judge(sender=[attempt("a"), ack("a", 2), attempt("b"), ack("b", 1), *SENT[4:]]).broken == {"lost": 2}


def test_a_repeat_must_be_answered_with_the_first_number() -> None:
    assert judge(sender=[*SENT, ack("c", 2, duplicate=True)]).broken == {"twice": 1}


def test_an_acknowledgement_of_nothing_is_strange() -> None:
    assert judge(sender=[*SENT, ack("d", 4)]).broken == {"strange": 1}


def test_ids_of_two_senders_have_nothing_to_do_with_each_other() -> None:
    other: list[Line] = [
        {"do": "attempt", "id": "id a", "text": "c"},
        {"do": "ack", "id": "id a", "seq": 3, "duplicate": False},
    ]
    assert not verify(ABC, {"one": SENT[:4], "other": other}).broken


def test_an_entry_that_nobody_attempted_is_foreign() -> None:
    assert judge(sender=SENT[:4]).broken == {"foreign": 1}


def test_a_message_that_is_in_the_log_twice() -> None:
    log = Log("e", [*ABC.entries, (4, "c")])
    assert judge(log=log).broken == {"twice": 1}


def test_a_number_that_is_missing_in_the_log() -> None:
    assert judge(log=Log("e", [(1, "a"), (3, "c")]), sender=[*SENT[:2], *SENT[4:]]).broken == {"sparse": 1}


def test_what_the_database_says_of_itself_is_heard() -> None:
    assert judge(log=Log("e", ABC.entries, troubles=["row 3 missing from index"])).broken == {"strange": 1}


@pytest.mark.parametrize(
    ("shown", "broken"),
    [
        ([show(1, "a"), show(3, "c")], {"holes": 1}),
        ([show(1, "a"), show(2, "b")], {"holes": 1}),
        ([], {"holes": 3}),
        ([show(1, "a"), gap(2, 2), show(3, "c")], {}),
        ([gap(1, 3)], {}),
        ([show(1, "a"), gap(2, 3) | {"why": "lost"}], {"strange": 1}),  # type: ignore[operator]
        ([show(1, "a"), gap(3, 3)], {"holes": 1}),
        ([show(1, "a"), show(2, "b"), show(2, "b"), show(3, "c")], {"twice": 1}),
        ([show(1, "a"), show(3, "c"), show(2, "b")], {"reordered": 1}),
        ([show(1, "a"), show(2, "c"), show(3, "b")], {"altered": 2}),
        ([*ALL_SHOWN, show(4, "d")], {"foreign": 1}),
        ([*ALL_SHOWN, enter(2), show(3, "c")], {"twice": 1}),
        ([show(1, "a"), enter(1), show(2, "b"), enter(2), show(3, "c")], {}),
        ([show(1, "a"), enter(2), show(3, "c")], {"holes": 1}),
        ([*ALL_SHOWN, enter(3, epoch="other")], {"strange": 1}),
    ],
)
def test_what_a_reader_is_shown(shown: list[Line], broken: dict[str, int]) -> None:
    assert judge(enter(), *shown).broken == broken


def test_who_comes_later_need_not_be_shown_what_was_before() -> None:
    assert not judge(enter(2), show(3, "c")).broken


def test_something_shown_before_the_welcome_is_strange() -> None:
    assert judge(show(3, "c")).broken == {"strange": 1}


def test_what_is_kept_no_more_is_not_lost_and_was_the_same_for_all() -> None:
    log = Log("e", [(3, "c")], first=3)
    assert judge(enter(), *ALL_SHOWN, log=log).broken == {}
    assert judge(enter(), *ALL_SHOWN, log=log).trimmed == judge(log=log).trimmed == 2
    one, other = [enter(), *ALL_SHOWN], [enter(), show(1, "b"), *ALL_SHOWN[1:]]
    assert verify(log, {"sender": SENT, "one": one, "other": other}).broken == {"altered": 1}
    assert verify(log, {"other": other, "sender": SENT}).broken == {"lost": 1}


def test_faults_are_all_counted_and_the_first_are_told() -> None:
    log = Log("e", [(seq, str(seq)) for seq in range(1, 101)])
    verdict = judge(enter(), sender=[attempt(str(seq)) for seq in range(1, 101)], log=log)
    assert verdict.broken == {"holes": 100}
    assert len(verdict.faults) == 20
    assert "reader was not shown 1," in verdict.faults[0]


# --- several servers


def test_a_line_that_was_cut_off_on_its_way_may_be_in_the_log() -> None:
    said: list[Line] = [{"do": "say", "text": "nc says 1"}, {"do": "say", "text": "nc says 2"}]
    entries = [*ABC.entries, (4, "nc says 1"), (5, "nc sa"), (6, "nc sa")]
    assert not verify(Log("e", entries), {"sender": SENT, "nc": said}).broken
    entries = [*entries, (7, "nc says 1"), (8, "nc says 10")]
    assert verify(Log("e", entries), {"sender": SENT, "nc": said}).broken == {"twice": 1, "foreign": 1}


def test_what_is_said_to_be_stored_is_in_the_log() -> None:
    stored: Line = {"do": "stored", "id": "id c"}
    verdict = judge(sender=[*SENT[:5], stored])
    assert (verdict.acked, verdict.unsettled, verdict.broken) == (3, 0, {})
    assert judge(sender=[*SENT, attempt("d"), {"do": "stored", "id": "id d"}]).broken == {"lost": 1}


def test_any_part_of_what_was_said_without_frames_may_be_in_the_log() -> None:
    said: list[Line] = [{"do": "say", "text": "x says 1.", "unframed": "x: x says 1."}]
    entries = [*ABC.entries, (4, "x: x sa"), (5, "ys 1."), (6, "x says 1.")]
    assert not verify(Log("e", entries), {"sender": SENT, "classic": said}).broken
    entries = [*entries, (7, "x says 1."), (8, "says 1. x")]
    assert verify(Log("e", entries), {"sender": SENT, "classic": said}).broken == {"twice": 1, "foreign": 1}


def listen(*, ascii: bool = False) -> Line:  # noqa: A002 — the diary's word
    return {"do": "listen", "ascii": ascii}


def read(text: str) -> Line:
    return {"do": "read", "text": text}


def missed(count: int, why: str = "slow") -> Line:
    return {"do": "missed", "count": count, "why": why}


ALL_READ = [read("a"), read("b"), read("c")]


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        (ALL_READ, {}),
        ([read("b"), read("c")], {}),
        ([read("a")], {}),
        ([read("a"), read("c")], {"holes": 1}),
        ([read("a"), missed(1), read("c")], {}),
        ([read("a"), missed(2), read("c")], {"twice": 1}),
        ([missed(1), read("c")], {}),
        ([read("a"), listen(), read("c")], {}),
        ([*ALL_READ, listen(), *ALL_READ], {}),
        ([*ALL_READ, read("c")], {"twice": 1}),
        ([read("a"), read("c"), read("b")], {"reordered": 1}),
        ([read("a"), read("x")], {"foreign": 1}),
        ([read("a"), missed(1, "lost")], {"strange": 1}),
        ([read("a"), {"do": "until", "text": "c"}], {"holes": 2}),
        ([read("a"), {"do": "until", "text": "c"}, read("b"), read("c")], {}),
        ([*ALL_READ, {"do": "ended", "code": 1}], {"ended": 1}),
    ],
)
def test_what_is_read_without_numbers(lines: list[Line], broken: dict[str, int]) -> None:
    assert judge(listen(), *lines).broken == broken


def test_who_reads_ascii_alone_is_shown_question_marks() -> None:
    entries, sent = [(1, "ä 1"), (2, "b"), (3, "é 3")], [attempt("ä 1"), attempt("b"), attempt("é 3")]
    lines = [read("? 1"), read("b"), read("? 3")]
    assert not judge(listen(ascii=True), *lines, sender=sent, log=Log("e", entries)).broken
    assert judge(listen(), *lines, sender=sent, log=Log("e", entries)).broken == {"foreign": 2}


def test_lines_that_were_cut_off_to_the_same_text_are_told_apart_by_their_place() -> None:
    said: list[Line] = [{"do": "say", "text": "nc says 1."}, {"do": "say", "text": "nc says 2."}]
    log = Log("e", [*ABC.entries, (4, "nc"), (5, "nc")])
    for lines, broken in (
        ([*ALL_READ, read("nc"), read("nc")], {}),
        ([read("nc"), read("nc")], {}),
        ([*ALL_READ, read("nc"), read("nc"), read("nc")], {"twice": 1}),
    ):
        assert verify(log, {"sender": SENT, "nc": said, "reader": [listen(), *lines]}).broken == broken


@pytest.mark.parametrize(
    ("reader", "sender", "early"),
    [
        ([enter(), *({**one, "at": 9.0} for one in ALL_SHOWN)], SENT, 0),
        ([enter(), ALL_SHOWN[0], {**ALL_SHOWN[1], "at": 10.0}, {**ALL_SHOWN[2], "at": 19.0}], SENT, 1),
        ([enter(), ALL_SHOWN[0], ALL_SHOWN[1], {**ALL_SHOWN[2], "at": 20.0}], SENT, 0),
        ([listen(), ALL_READ[0], {**ALL_READ[1], "at": 10.0}, {**ALL_READ[2], "at": 19.0}], SENT, 1),
        ([], [*SENT[:5], {**SENT[5], "at": 15.0}], 1),
        ([], [*SENT[:5], {**SENT[5], "at": 35.0}], 0),
    ],
)
def test_nothing_is_acknowledged_or_shown_while_no_standby_has_it(
    reader: list[Line], sender: list[Line], early: int
) -> None:
    log = Log("e", ABC.entries, withheld=[(30.0, 40.0, 3), (10.0, 20.0, 2)])
    assert judge(*reader, sender=sender, log=log).broken == ({"early": early} if early else {})


@pytest.mark.parametrize(
    ("acts", "broken"),
    [
        (["came 1", "changed 1", "down 1", "went 1", "came 2", "changed 2", "claimed 2"], {}),
        (["came 1", "came 2", "down 1", "went 1", "changed 2"], {}),
        (["came 1", "down 1", "went 1", "changed 1", "claimed 1"], {"fenced": 2}),
        (["came 1", "went 1"], {"swept": 1}),
        (["came 1", "down 1", "up 1", "went 1"], {"swept": 1}),
    ],
)
def test_what_servers_did(acts: list[str], broken: dict[str, int]) -> None:
    log = Log("e", ABC.entries, acts=[(act.split()[0], act.split()[1]) for act in acts])
    assert judge(log=log).broken == broken


def held(name: str, since: float, until: float) -> list[Line]:
    return [{"do": "hold", "name": name, "at": since}, {"do": "held", "name": name, "at": until}]


@pytest.mark.parametrize(
    ("one", "other", "broken"),
    [
        ([*held("x", 0, 10), *held("x", 30, 40)], held("X", 11, 29), {}),
        (held("x", 0, 10 + verifier.GRACE), held("X", 10, 20), {}),
        (held("x", 0, 11 + verifier.GRACE), held("X", 10, 20), {"owners": 1}),
        (held("x", 0, 100), held("X", 10, 20), {"owners": 1}),
        (held("x", 0, 100), held("y", 10, 20), {}),
        ([*held("x", 0, 9), *held("x", 2, 12)], [], {}),
    ],
)
def test_a_name_has_one_owner(one: list[Line], other: list[Line], broken: dict[str, int]) -> None:
    assert verify(ABC, {"sender": SENT, "one": one, "other": other}).broken == broken
    assert verify(ABC, {"sender": SENT, "other": other, "one": one}).broken == broken


def test_who_is_shown_when_all_have_left_is_a_ghost() -> None:
    rosters: list[Line] = [{"do": "roster", "nicks": []}, {"do": "roster", "nicks": ["x"]}]
    assert verify(ABC, {"sender": SENT, "rosters": rosters}).broken == {"ghosts": 1}


# --- as a program, on a folder


def leave_behind(folder: Path, entries: list[tuple[int, str]], *acts: str) -> None:
    db = sqlite3.connect(folder / "rooms.db")
    db.execute("CREATE TABLE rooms (id, name, epoch, first)")
    db.execute("INSERT INTO rooms VALUES (7, 'lobby', 'e', 1), (8, 'other', 'o', 1)")
    db.execute("CREATE TABLE messages (room, seq, text)")
    db.executemany("INSERT INTO messages VALUES (7, ?, ?)", entries)
    db.execute("INSERT INTO messages VALUES (8, 1, 'elsewhere')")
    if acts:
        db.execute("CREATE TABLE acts (number, what, sid)")
        db.executemany("INSERT INTO acts VALUES (?, ?, 'x')", enumerate(acts))
        db.execute("CREATE TABLE withheld (since, until, last)")
        db.execute("INSERT INTO withheld VALUES (0, 1, 2)")
    db.commit()
    db.close()
    diaries: dict[str, list[Any]] = {"sender": SENT, "reader": [enter(), *ALL_SHOWN]}
    for name, lines in diaries.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_folder_is_verified(tmp_path: Path) -> None:
    leave_behind(tmp_path, ABC.entries)
    assert verify_folder(tmp_path) == judge(enter(), *ALL_SHOWN)


def test_a_folder_of_several_servers_is_verified(tmp_path: Path) -> None:
    leave_behind(tmp_path, ABC.entries, "came", "down", "went", "changed")
    assert verify_folder(tmp_path).broken == {"fenced": 1}
    lines = [{"do": "enter", "epoch": "e", "after": 2}, {"do": "show", "seq": 3, "text": "c", "at": 0.5}]
    (tmp_path / "late.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verify_folder(tmp_path).broken == {"fenced": 1, "early": 1}


@pytest.mark.parametrize(
    ("entries", "code", "said"), [(ABC.entries, 0, "every promise was kept"), (ABC.entries[:2], 1, "\nBROKEN\n")]
)
def test_it_is_a_program_that_needs_nothing_else(
    tmp_path: Path, entries: list[tuple[int, str]], code: int, said: str
) -> None:
    """-I: not even the folder it lies in is looked at for something to import."""
    leave_behind(tmp_path, entries)
    command = [sys.executable, "-I", str(verifier.__file__), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert said in done.stdout


def test_it_shares_no_code_with_what_it_judges() -> None:
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if 'chat' in m])"
    command = [sys.executable, "-I", "-c", code, str(verifier.__file__)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"

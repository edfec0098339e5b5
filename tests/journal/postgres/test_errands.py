"""Errands as notes of the engine: short enough, and whole again at the other end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.directory import Errand, Kick, Place, Whispering
from chatctl.journal.postgres import errands
from chatctl.journal.postgres.errands import Inbox, Received, answer_of, pieces_of, read_answer

TO = Place("b" * 16, 12)
NOTE_BYTES = 8000
"""What NOTIFY takes, its end included."""


def rest(payload: str) -> str:
    """Return a payload as the watcher hands it on: without its first word and the server."""
    return payload.split(" ", 2)[2]


def take(inbox: Inbox, payloads: list[str]) -> list[Received]:
    return [got for payload in payloads if (got := inbox.take(TO.server, rest(payload))) is not None]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200), st.integers(1, 60))
def test_every_text_arrives(text: str, times: int) -> None:
    errand = Whispering("nadia", text * times, 1.5)
    payloads = pieces_of("a" * 16, 7, TO, errand)
    assert all(len(payload.encode()) < NOTE_BYTES for payload in payloads)
    assert take(Inbox(), payloads) == [Received("a" * 16, 7, TO, errand)]


def test_the_longest_are_of_many_pieces_and_those_of_two_senders_are_apart() -> None:
    sent: dict[str, Errand] = {"a": Whispering("n", "𝄞" * 9000, 1.5), "c": Kick("x" * 4096, "nick_taken")}
    one, other = (pieces_of(sender, 7, TO, errand) for sender, errand in sent.items())
    assert len(one) > len(other) > 1
    mixed = [payload for pair in zip(one, other, strict=False) for payload in pair] + one[len(other) :]
    assert {got.sender: got.errand for got in take(Inbox(), mixed)} == sent


def test_one_of_which_a_piece_was_not_heard_is_dropped() -> None:
    inbox, payloads = Inbox(), pieces_of("a", 7, TO, Kick("x" * 8000))
    assert take(inbox, [payloads[0], *payloads[2:]]) == []
    assert take(inbox, payloads) != []


def test_only_so_many_wait_for_their_pieces() -> None:
    inbox, most = Inbox(), errands.MAX_OPEN
    firsts = [pieces_of("a", number, TO, Kick("x" * 4000)) for number in range(most + 2)]
    take(inbox, [payloads[0] for payloads in firsts])
    assert take(inbox, firsts[0][1:]) == []
    assert len(take(inbox, firsts[-1][1:])) == 1


def test_an_answer_says_which_errand_it_is_of() -> None:
    received = Received("a", 7, TO, Kick("x"))
    assert answer_of(received, "slow") == "a a 7 slow"
    assert read_answer(rest(answer_of(received, "slow"))) == (7, "slow")
    assert read_answer("8 what a later version says") == (8, "unknown")
    assert read_answer(rest(answer_of(received, "not_known"))) == (7, "not_known")


@pytest.mark.parametrize(
    "text", ['{"type":"later","to":1}', '{"type":"whisper"}', "[]", "", '{"type":"kick","why":"x"']
)
def test_an_errand_of_another_kind_is_received_to_be_answered(text: str) -> None:
    """Its sender is a newer server."""
    assert Inbox().take("b", f"a 7 12 0 1 {text}") == Received("a", 7, Place("b", 12), None)


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    errand = Kick("x")
    assert Inbox().take("b", 'a 7 12 0 1 {"type":"kick","why":"x","later":{}}') == Received(
        "a", 7, Place("b", 12), errand
    )


@pytest.mark.parametrize("what", ["", "a", "a 7", "a 7 12 0 1", "a seven 12 0 1 {}", "a 7 -12 0 1 {}", "a 7 12 0 ² {}"])
def test_a_note_that_is_no_errand_is_dropped(what: str) -> None:
    """Whoever may connect to the database can notify."""
    assert Inbox().take("b", what) is None
    assert read_answer("seven done") is read_answer("") is None

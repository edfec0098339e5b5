"""lease.py: what a journal has of a lease."""

from __future__ import annotations

import msgspec

from chatctl.core.lease import Lease, LeaseKey, changes_of, leases_of
from chatctl.core.name_ownership import Owner

QUESTION = Lease("lobby", "question", "a3", "1" * 32, token="ab" * 32, nick="ci", since=5.0, asked=7)
LEASE, ASKED = ("lease", "lobby question a3"), ("asked", "lobby a3")


def test_there_and_back() -> None:
    facts = {key: value for key, value in changes_of(QUESTION.place, QUESTION).items() if value is not None}
    assert list(facts) == [LEASE, ASKED]
    assert leases_of(facts) == ([QUESTION], {})
    assert LeaseKey.of_asked_fact(QUESTION.place.asked_fact) == QUESTION.place
    assert changes_of(QUESTION.place, None) == {LEASE: None, ASKED: None}


def test_only_what_is_other_than_before_is_kept() -> None:
    """Writing the number again could undo what the journal has by now."""
    lost = msgspec.structs.replace(QUESTION, until=65.0)
    assert list(changes_of(QUESTION.place, lost, QUESTION)) == [LEASE]
    unasked = msgspec.structs.replace(QUESTION, asked=None)
    assert changes_of(QUESTION.place, QUESTION, unasked) == {ASKED: "7"}


def test_a_lock_has_no_number() -> None:
    lock = Lease("lobby", "lock", "a3", "1" * 32)
    assert list(changes_of(lock.place, lock)) == [("lease", "lobby lock a3")]


def test_what_an_older_journal_has_is_read_and_kept_as_it_is_now() -> None:
    kept = {LEASE: msgspec.json.encode(QUESTION).decode(), ("asked", "lobby b4"): "3", ("topic", "lobby"): "x"}
    assert leases_of(kept) == ([QUESTION], {("asked", "lobby b4"): None}), "nobody asks b4"


def test_a_kind_that_only_a_newer_server_knows_is_left_alone() -> None:
    """Or a server beside that one could not start."""
    assert LeaseKey.of_fact("lobby semaphore a") is LeaseKey.of_fact("x") is None
    assert LeaseKey.of_fact(LEASE[1]) == QUESTION.place
    assert leases_of({("lease", "lobby semaphore a"): '{"kind":"semaphore"}'}) == ([], {})


def test_whose_it_is() -> None:
    """By the token or the key, whichever they have in common."""
    both = msgspec.structs.replace(QUESTION, key="SHA256:k")
    for owner, owns in ((Owner(bytes.fromhex("ab" * 32)), True), (Owner(None, "SHA256:k"), True), (Owner(), False)):
        assert both.is_owned_by(owner) is owns
    assert (both.owner, both.owner_name) == (Owner(bytes.fromhex("ab" * 32), "SHA256:k"), "SHA256:k")

"""core/name_claims.py: which names are bound to which key."""

import pytest

from chatctl.common import names
from chatctl.core import name_claims
from chatctl.core.name_claims import MAX_PER_HOUR, UNUSED_SECONDS, NameClaim, NameClaims, fact


def kept(*claims: NameClaim) -> dict[tuple[str, str], str]:
    return {NameClaims().fact_key(claim): fact(claim) for claim in claims}


def test_a_claim_is_found_however_the_name_is_cased() -> None:
    book = NameClaims()
    book.add(NameClaim("Zoë", "k1", 5.0))
    assert book.find("zoë") == book.find("ZOË") == NameClaim("Zoë", "k1", 5.0)
    assert book.find("Zoe") is None


def test_claims_come_back_as_they_were_kept() -> None:
    """The journal has them as text."""
    claims = [NameClaim("Zoë", "k1", 5.0), NameClaim("b", "k2", 6.5, 7.0)]
    again = NameClaims({**kept(*claims), ("ban", "x"): "not json"})
    assert list(again) == claims
    assert list(kept(*claims)) == [("claim", "zoë"), ("claim", "b")]


def test_without_binding_no_name_is_anybodys() -> None:
    """Even those that were bound before: the operator said so."""
    book = NameClaims(kept(NameClaim("a", "k1", 1.0)), binding=False)
    assert book.find("a") is None


def test_names_that_look_like_a_bound_one_are_found_with_it() -> None:
    book = NameClaims()
    claim = NameClaim("dbl", "k1", 1.0)
    book.add(claim)
    assert list(book.alike("db1")) == list(book.alike("DBL")) == [claim]
    book.drop(claim)
    assert list(book.alike("db1")) == []


def test_a_claim_is_the_one_that_was_added_until_it_is_replaced() -> None:
    book = NameClaims()
    first = NameClaim("a", "k1", 1.0)
    book.add(first)
    assert book.has(first)
    book.add(NameClaim("A", "k2", 2.0))
    assert not book.has(first)
    assert len(book) == 1


def test_a_name_that_nobody_could_have_today_can_still_be_loaded_and_dropped() -> None:
    """It was bound under looser rules: the server starts, and its operator can set it free."""
    old = NameClaim("Nadia\u1039", "k1", 1.0)
    book = NameClaims({("claim", "nadia\u1039"): fact(old)})
    assert book.find_kept("nadia\u1039") == book.find_kept("Nadia\u1039") == old
    assert book.fact_key(old) == ("claim", "nadia\u1039")
    assert [why for _, why in book.suspects()] == ["it is not a valid nickname any more"]
    book.drop(old)
    assert len(book) == 0


# --- how many


def test_a_key_binds_only_so_many_names_and_a_server_has_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    book = NameClaims()
    for number in range(name_claims.MAX_PER_KEY):
        book.add(NameClaim(f"n{number}", "k1", 1.0))
    assert "8 names" in book.objection("k1", "", 2.0)
    assert book.objection("k2", "", 2.0) == ""
    book.drop(NameClaim("n0", "k1", 1.0))
    assert book.objection("k1", "", 2.0) == ""
    monkeypatch.setattr(name_claims, "MAX_CLAIMS", len(book))
    assert "no room" in book.objection("k2", "", 2.0)


def test_an_address_binds_only_so_many_names_an_hour() -> None:
    book = NameClaims()
    for number in range(MAX_PER_HOUR):
        assert book.objection(f"k{number}", "192.0.2.7", 100.0 + number) == ""
        book.count("192.0.2.7", 100.0 + number)
    assert "within an hour" in book.objection("k", "192.0.2.7", 3699.0)
    assert book.objection("k", "192.0.2.8", 3699.0) == ""
    assert book.objection("k", "192.0.2.7", 3700.0) == ""
    book.count("192.0.2.7", 3700.0)
    assert book.objection("k", "192.0.2.7", 3701.0) == ""


def test_counting_addresses_takes_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_claims, "MAX_NETWORKS", 3)
    book = NameClaims()
    for number in range(9):
        book.count(f"192.0.2.{number}", 1.0)
    assert len(book._hours) == 3


# --- names that were never used again


def test_what_was_never_used_again_expires() -> None:
    old, used, unknown = (
        NameClaim("old", "k1", 1.0, 1.0),
        NameClaim("used", "k2", 1.0, 99_999.0),
        NameClaim("unknown", "k3", 1.0),  # bound before uses were counted
    )
    newer = NameClaim("newer", "k4", 2.0, 2.0)
    book = NameClaims(kept(newer, unknown, used, old))
    assert book.expired(UNUSED_SECONDS) == []
    assert book.expired(UNUSED_SECONDS + 1) == [old]
    assert book.expired(UNUSED_SECONDS + 2) == [old, newer]
    book.add(NameClaim("old", "k1", 1.0, UNUSED_SECONDS))
    assert book.expired(UNUSED_SECONDS + 2) == [newer]


def test_names_expire_some_at_a_time() -> None:
    """A login pays for it."""
    book = NameClaims()
    for number in range(150):
        book.add(NameClaim(f"n{number}", f"k{number}", 1.0, 1.0))
    assert len(book.expired(1e9)) == 100


# --- what an operator should look at


def test_a_start_keeps_claims_that_look_alike_and_lists_the_later_one() -> None:
    first, second = NameClaim("nadia", "k1", 1.0), NameClaim("nаdia", "k2", 2.0)
    book = NameClaims(kept(second, first, NameClaim("omar", "k3", 3.0), NameClaim("NADIА", "k1", 4.0)))
    assert len(book) == 4
    assert [(claim.nick, why) for claim, why in book.suspects()] == [
        ("nаdia", "looks like nadia, which was bound before"),
        ("NADIА", "looks like nаdia, which was bound before"),
    ]


def test_a_start_folds_no_name_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand names would take a minute: their folded form is the key of the fact."""
    facts = kept(*(NameClaim(f"nаdia{number}", f"k{number}", 1.0) for number in range(99)))

    def slow(profile: str, nick: str) -> str:
        raise AssertionError(f"{nick} is folded")

    monkeypatch.setattr(names, "_precis", slow)
    assert len(NameClaims(facts)) == 99


def test_what_another_server_has_bound_or_set_free_is_learnt() -> None:
    claims, kept = NameClaims(), NameClaim("Ana", "K1", 1.0)
    claims.learn("ana", kept)
    assert claims.find("ANA") is kept
    claims.learn("ana", NameClaim("Ana", "K1", 1.0))
    assert claims.has(kept)
    claims.learn("ana", NameClaim("Ana", "K2", 2.0))
    assert [one.key for one in claims.alike("Аna")] == ["K2"]
    assert claims.of_key("K1") == []
    claims.learn("ana", None)
    claims.learn("ana", None)
    assert len(claims) == 0
    nobody = NameClaims(binding=False)
    nobody.learn("ana", kept)
    assert len(nobody) == 0

"""core/name_claims.py: whose name it is."""

import pytest

from chatctl.core import name_claims
from chatctl.core.name_claims import NameClaim, NameClaims, fact


def test_a_claim_is_found_however_the_name_is_cased() -> None:
    book = NameClaims()
    book.add(NameClaim("Zoë", "k1", 5.0))
    assert book.find("zoë") == book.find("ZOË") == NameClaim("Zoë", "k1", 5.0)
    assert book.find("Zoe") is None


def test_claims_come_back_as_they_were_kept() -> None:
    """The journal has them as text."""
    kept = dict(fact(claim) for claim in (NameClaim("Zoë", "k1", 5.0), NameClaim("b", "k2", 6.5)))
    again = NameClaims({**kept, ("ban", "x"): "not json"})
    assert sorted(again, key=lambda claim: claim.nick) == [NameClaim("Zoë", "k1", 5.0), NameClaim("b", "k2", 6.5)]


def test_without_binding_no_name_is_anybodys() -> None:
    """Even those that were bound before: the operator said so."""
    book = NameClaims(dict([fact(NameClaim("a", "k1", 1.0))]), binding=False)
    assert book.find("a") is None
    assert book.propose("b", "k1", 2.0) is None


def test_a_bound_name_is_not_bound_again() -> None:
    book = NameClaims()
    book.add(NameClaim("a", "k1", 1.0))
    assert book.propose("A", "k2", 2.0) is None
    assert book.propose("b", "k2", 2.0) == NameClaim("b", "k2", 2.0)


def test_a_key_binds_only_so_many_names_and_a_server_has_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    book = NameClaims()
    for number in range(name_claims.MAX_PER_KEY):
        book.add(NameClaim(f"n{number}", "k1", 1.0))
    assert book.propose("more", "k1", 2.0) is None
    assert book.propose("more", "k2", 2.0) is not None
    book.drop("n0")
    assert book.propose("more", "k1", 2.0) is not None
    monkeypatch.setattr(name_claims, "MAX_CLAIMS", len(book))
    assert book.propose("more", "k2", 2.0) is None


def test_names_that_look_like_a_bound_one_are_told_from_itself() -> None:
    book = NameClaims()
    book.add(NameClaim("dbl", "k1", 1.0))
    assert [claim.nick for claim in book.like("db1")] == ["dbl"]
    assert list(book.like("DBL")) == []
    book.drop("dbl")
    assert list(book.like("db1")) == []

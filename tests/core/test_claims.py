"""claims.py: whose name it is."""

import pytest

from chatctl.core import name_claims
from chatctl.core.name_claims import Claim, Claims, fact


def test_a_claim_is_found_however_the_name_is_cased() -> None:
    book = Claims()
    book.add(Claim("Zoë", "k1", 5.0))
    assert book.find("zoë") == book.find("ZOË") == Claim("Zoë", "k1", 5.0)
    assert book.find("Zoe") is None


def test_claims_come_back_as_they_were_kept() -> None:
    """The journal has them as text."""
    kept = dict(fact(claim) for claim in (Claim("Zoë", "k1", 5.0), Claim("b", "k2", 6.5)))
    again = Claims({**kept, ("ban", "x"): "not json"})
    assert sorted(again, key=lambda claim: claim.nick) == [Claim("Zoë", "k1", 5.0), Claim("b", "k2", 6.5)]


def test_without_binding_no_name_is_anybodys() -> None:
    """Even those that were bound before: the operator said so."""
    book = Claims(dict([fact(Claim("a", "k1", 1.0))]), binding=False)
    assert book.find("a") is None
    assert book.propose("b", "k1", 2.0) is None


def test_a_bound_name_is_not_bound_again() -> None:
    book = Claims()
    book.add(Claim("a", "k1", 1.0))
    assert book.propose("A", "k2", 2.0) is None
    assert book.propose("b", "k2", 2.0) == Claim("b", "k2", 2.0)


def test_a_key_binds_only_so_many_names_and_a_server_has_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Claims()
    for number in range(name_claims.MOST_OF_A_KEY):
        book.add(Claim(f"n{number}", "k1", 1.0))
    assert book.propose("more", "k1", 2.0) is None
    assert book.propose("more", "k2", 2.0) is not None
    book.drop("n0")
    assert book.propose("more", "k1", 2.0) is not None
    monkeypatch.setattr(name_claims, "MOST", len(book))
    assert book.propose("more", "k2", 2.0) is None


def test_names_that_look_like_a_bound_one_are_told_from_itself() -> None:
    book = Claims()
    book.add(Claim("dbl", "k1", 1.0))
    assert [claim.nick for claim in book.like("db1")] == ["dbl"]
    assert list(book.like("DBL")) == []
    book.drop("dbl")
    assert list(book.like("db1")) == []

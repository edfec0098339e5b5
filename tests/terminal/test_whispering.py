"""Whom whispers go to, across changes of nickname."""

from __future__ import annotations

from chatctl.terminal.whispering import Whispering


def test_both_follow_a_change_of_nickname() -> None:
    """However the name is spelt."""
    whispering = Whispering()
    whispering.addressee, whispering.last_from = "Omar", "bob"
    whispering.renamed("omar", "omar2")
    whispering.renamed("bob", "rob")
    whispering.renamed("eve", "bob")
    assert (whispering.addressee, whispering.last_from) == ("omar2", "rob")

"""client/core/features.py: nothing is asked of a server that does not offer it."""

from __future__ import annotations

import pytest

from chatctl.client.core.features import require_feature
from chatctl.errors import Unsupported
from chatctl.protocol import Limits, Welcome


def welcome(*features: str) -> Welcome:
    return Welcome(1, "den", "lobby", "amy", "e", 1, 0, [], 0, 0, "memory", Limits(), features=list(features))


def test_what_is_listed_may_be_asked() -> None:
    require_feature(welcome("later", "search"), "search", "a search")


@pytest.mark.parametrize("features", [(), ("searching", "later")])
def test_what_is_not_listed_is_refused_here_and_names_the_side_to_update(features: tuple[str, ...]) -> None:
    """An older server would answer ``bad_frame``, which tells nobody what to do."""
    with pytest.raises(Unsupported, match=r"^a search takes a newer server: update chatctl where 'den' runs$") as error:
        require_feature(welcome(*features), "search", "a search")
    assert error.value.exit_code == 6

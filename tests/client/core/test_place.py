"""A place as text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatctl.client.core.place import Place


@given(st.text().filter(lambda text: text == text.lstrip()), st.integers(0, 2**53 - 1))
def test_a_place_survives_its_text(epoch: str, after: int) -> None:
    assert Place.parse(str(Place(epoch, after))) == Place(epoch, after)


@pytest.mark.parametrize("text", ["", "4bc7", "4bc7:", "4bc7:x", "4bc7:-1", "4bc7:²"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="not a place in a log"):
        Place.parse(text)

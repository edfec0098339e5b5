"""docs/protocol.md against protocol.py: what the page lists is what the wire has."""

from __future__ import annotations

import re

from chatctl import protocol
from docs.generate import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text()


def test_each_feature_is_explained() -> None:
    """Somebody who meets a name in ``welcome.features`` looks it up here."""
    _, _, after = PAGE.partition("\n### Features\n")
    section = after.partition("\n### ")[0]
    assert section
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(protocol.FEATURES)

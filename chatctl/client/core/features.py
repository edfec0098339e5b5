"""Features: what a server offers beyond version 1, and what to say where it does not.

Source: docs/protocol.md, "Features".
"""

from __future__ import annotations

from chatctl.errors import Unsupported
from chatctl.protocol import Welcome


def require_feature(welcome: Welcome, feature: str, what: str) -> None:
    """Return if the server offers a feature; call it before any frame or field of the feature is sent.

    Args:
        welcome: of the connection.
        feature: a name of ``protocol.FEATURES``.
        what: what the user asked for, as the subject of a sentence, such as ``a search``.

    Raises:
        Unsupported: the server does not offer it; the text says which side to update.
    """
    if feature not in welcome.features:
        raise Unsupported(f"{what} takes a newer server: update chatctl where {welcome.server!r} runs")

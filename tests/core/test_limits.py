"""What a server is configured with, and what it tells of it."""

import msgspec

from chatctl.core.limits import ServerLimits, advertised
from chatctl.protocol import Limits


def test_all_that_a_welcome_carries_is_what_the_server_is_configured_with() -> None:
    """Each field has a value of its own here: none is left at its default, or taken from another."""
    ours = ServerLimits(*range(1_000_001, 1_000_001 + len(ServerLimits.__struct_fields__)))
    told = advertised(ours)
    assert msgspec.to_builtins(told) == {name: getattr(ours, name) for name in Limits.__struct_fields__}


def test_the_defaults_of_both_are_the_same() -> None:
    """A client that is told nothing of a limit takes it to be the default one."""
    assert advertised(ServerLimits()) == Limits()

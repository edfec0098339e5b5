"""What a start costs: ``--help`` and completion load nothing heavy."""

import pytest

from tests.support.loaded_modules import HEAVY, loaded_by


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["--version"]], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """41 ms with light imports, 221 with everything: it is what completion costs on every Tab."""
    shown, names = loaded_by(*arguments)
    assert "chatctl" in shown
    assert "chatctl.main" in names
    assert not names & set(HEAVY)


def test_completion_loads_nothing_heavy() -> None:
    shown, names = loaded_by(_CHATCTL_COMPLETE="bash_complete", COMP_WORDS="chatctl se", COMP_CWORD="1")
    assert "serve" in shown
    assert not names & set(HEAVY)

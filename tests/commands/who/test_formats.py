"""The table of ``who``, without a server."""

from __future__ import annotations

from chatctl.commands.who.formats import table
from chatctl.protocol import RosterRow


def test_the_table_s_columns_stand_under_each_other() -> None:
    """Names of two columns a character as well."""
    lines = table([RosterRow("nadia", 0.0, 5.0), RosterRow("田中", 0.0, 3600.0)])
    assert lines[1].startswith("nadia  19")
    assert lines[2].startswith("田中   19")
    assert table([]) == []


def test_idle_times_have_two_units_from_an_hour_on() -> None:
    """Nobody needs the seconds of a quarter of an hour."""
    lines = table([RosterRow("nadia", 0.0, 3599.0), RosterRow("omar", 0.0, 3660.0)])
    assert [line.split("  ")[-1] for line in lines] == ["IDLE", "59 min", "1 h 1 min"]

"""Recipes of docs/cookbook.md in which people answer, or read what was said."""

from __future__ import annotations

from tests.system.cookbook.kitchen import Kitchen, answering


def test_on_call(kitchen: Kitchen) -> None:
    abel = kitchen.person("abel", "ops")
    with answering(abel, "@abel: db1", "mine, looking"):
        kitchen.show()
    kitchen.show()
    pages = [line for line in kitchen.said("ops") if line.startswith("pager: ")]
    assert [page.split()[1] for page in pages] == ["@nadia:", "@abel:", "@nadia:", "@abel:"]


def test_on_call__when_the_first_one_answers(kitchen: Kitchen) -> None:
    """The second one sleeps on, and what a stranger says counts for nothing."""
    with answering(kitchen.person("eve", "ops"), "@nadia", "mine"):
        assert kitchen.run("page 'db1 is down'", PATIENCE="1s").returncode == 1
    with answering(kitchen.person("nadia", "ops"), "db2 is down", "Mine."):
        done = kitchen.run("page 'db2 is down'")
    assert (done.stdout[20:], done.stderr, done.returncode) == ("nadia: Mine.\n", "", 0)
    assert not [line for line in kitchen.said("ops") if "@abel: db2" in line]


def test_hand_over(kitchen: Kitchen) -> None:
    kitchen.run("chatctl send --room ops --nick pager 'db1 is down'; chatctl send --room ops --nick abel 'db1: mine'")
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_last_time(kitchen: Kitchen) -> None:
    fixed = "the disk was full: I removed the old dumps"
    kitchen.run(
        f"chatctl send --room ops --nick pager '@abel: db1 is down'; chatctl send --room ops --nick abel '{fixed}'"
    )
    kitchen.show()
    kitchen.stop(kitchen.processes[0])
    kitchen.show()


def test_one_machine(empty_kitchen: Kitchen) -> None:
    server = empty_kitchen.serve(empty_kitchen.recipe.take("sh").text)
    folder, socket = empty_kitchen.home / "room", empty_kitchen.home / "room" / "chat.sock"
    assert [path.stat().st_mode & 0o7777 for path in (folder, socket)] == [0o2770, 0o770]
    empty_kitchen.show()
    empty_kitchen.stop(server)
    empty_kitchen.show()

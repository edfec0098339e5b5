"""admin_log.py: the newest orders, as facts that a journal keeps."""

from __future__ import annotations

import pytest

from chatctl.core import admin_log
from chatctl.core.admin_log import KIND, AdminLog, Order


def kept(log: AdminLog) -> list[str]:
    return [order.verb for order in log]


def test_orders_come_back_in_their_order_after_a_restart() -> None:
    facts: dict[tuple[str, str], str | None] = {("ban", "name:x"): "of another kind"}
    log = AdminLog({})
    for verb in "abcdefghijkl":  # twelve: 10 must not come before 9
        facts |= log.add(Order(1.0, verb, why=verb))
    again = AdminLog({key: value for key, value in facts.items() if value is not None})
    assert kept(again) == list("abcdefghijkl")
    assert [order.why for order in again] == list("abcdefghijkl")
    assert set(again.add(Order(1.0, "m"))).isdisjoint(facts)


def test_the_oldest_goes_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_log, "MAX_ROWS", 3)
    log = AdminLog({})
    first = log.add(Order(1.0, "a"))
    for verb in "bc":
        assert None not in log.add(Order(1.0, verb)).values()
    changes = log.add(Order(1.0, "d"))
    assert kept(log) == ["b", "c", "d"]
    assert [key for key, value in changes.items() if value is None] == list(first)


def test_what_was_not_committed_is_taken_back() -> None:
    log = AdminLog({})
    log.add(Order(1.0, "a"))
    log.drop(log.add(Order(1.0, "b")))
    log.drop({("ban", "x"): "y"})
    assert kept(log) == ["a"]


def test_a_row_that_no_version_of_ours_wrote_is_left_out() -> None:
    """A newer chatctl may have written it: that is no reason not to start."""
    good = AdminLog({}).add(Order(1.0, "a"))
    facts = {key: value or "" for key, value in good.items()} | {(KIND, "000000000009"): "{", (KIND, "x"): '{"verb":1}'}
    log = AdminLog(facts)
    assert kept(log) == ["a"]
    assert list(log.add(Order(1.0, "b"))) == [(KIND, "000000000010")]


def test_rows_of_another_server_are_learnt_once_and_numbers_go_on_behind_them() -> None:
    log, other = AdminLog({}), AdminLog({})
    [((_, key), value)] = other.add(Order(1.0, "kick")).items()
    assert log.learn(key, value) == Order(1.0, "kick")
    assert log.learn(key, value) is None
    assert list(log.add(Order(2.0, "ban"))) == [(KIND, "000000000002")]
    assert log.learn(key, None) is None
    assert [order.verb for order in log] == ["ban"]
    with pytest.raises(ValueError):
        log.learn("000000000003", "not an order")


def test_a_row_of_another_server_that_has_the_number_by_now_stays() -> None:
    log, other = AdminLog({}), AdminLog({})
    mine = log.add(Order(1.0, "a"))
    [((_, key), value)] = other.add(Order(1.0, "b")).items()
    log.learn(key, value)
    log.drop(mine)
    assert kept(log) == ["b"]


def test_the_newest_order_of_a_verb_is_found_unless_it_is_too_old() -> None:
    log = AdminLog({})
    for time, verb, why in ((1.0, "unlock", "old"), (2.0, "unlock", "new"), (3.0, "kick", "")):
        log.add(Order(time, verb, target="backup", room="lobby", why=why))
    found = log.newest("unlock", "lobby", "backup", 2.0)
    assert found is not None
    assert found.why == "new"
    assert log.newest("unlock", "lobby", "backup", 2.1) is None
    assert log.newest("unlock", "ops", "backup", 0.0) is log.newest("unlock", "lobby", "x", 0.0) is None

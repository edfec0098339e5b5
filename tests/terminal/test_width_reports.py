"""Which report answers which question."""

from __future__ import annotations

import pytest

from chatctl.terminal.width_reports import MAX_KNOWN, WidthReports

HINDI = "हिन्दी"


@pytest.fixture
def reports() -> WidthReports:
    return WidthReports()


def test_answers_come_in_order(reports: WidthReports) -> None:
    assert reports.ask_width(HINDI)
    assert not reports.ask_width(HINDI), "it is asked already"
    assert not reports.ask_width("ASCII"), "that is known everywhere"
    reports.ask_columns()
    reports.reported(6)
    assert reports.due
    assert reports.columns == 0
    assert reports.width(HINDI) == 5
    reports.reported(80)
    assert not reports.due
    assert reports.columns == 80
    assert not reports.ask_width(HINDI)


def test_only_the_answer_to_the_last_paint_counts(reports: WidthReports) -> None:
    reports.ask_columns()
    reports.ask_columns()
    reports.reported(80)
    assert reports.columns == 0
    reports.reported(60)
    assert reports.columns == 60
    reports.ask_columns()
    assert reports.columns == 0


def test_another_program_may_have_taken_the_answers(reports: WidthReports) -> None:
    reports.ask_width(HINDI)
    reports.ask_columns()
    reports.forget()
    assert not reports.due
    assert reports.ask_width(HINDI)
    reports.reported(6)
    assert reports.width(HINDI) == 5


def test_an_answer_that_nobody_asked_for_is_no_text(reports: WidthReports) -> None:
    reports.reported(6)
    assert reports.width(HINDI) is None


def test_not_all_texts_are_remembered(reports: WidthReports) -> None:
    for number in range(MAX_KNOWN + 1):
        reports.ask_width(f"é{number}")
        reports.reported(9)
    assert reports.width("é0") is None
    assert reports.width(f"é{MAX_KNOWN}") == 8


def test_the_cursor_is_where_the_last_answer_says(reports: WidthReports) -> None:
    reports.ask_place()
    reports.ask_place()
    reports.reported(3)
    assert reports.place == 0
    reports.reported(9)
    assert reports.place == 9
    assert reports.columns == 0, "nobody asked for it"

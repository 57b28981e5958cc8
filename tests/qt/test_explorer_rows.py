"""What the explorer's rows, dates and figures are made from."""

from __future__ import annotations

import math
import time
from typing import Optional, Tuple

import pytest

from nuke_ai_panel.messages import Conversation
from nuke_ai_panel.store import Count, Hit, Statistics
from nuke_ai_panel_qt.core.explorer_actions import file_name
from nuke_ai_panel_qt.core.explorer_rows import (
    Days,
    conversation_rows,
    date_range,
    hit_rows,
    use_page,
    visible_marks,
    wanted_of,
)
from nuke_ai_panel_qt.qt import QtGui, QtWidgets
from nuke_ai_panel_qt.ui.explorer_list import visible_part
from nuke_ai_panel_qt.ui.explorer_values import Filters

NOON = time.mktime((2026, 3, 10, 12, 0, 0, 0, 0, -1))
DAY_S = 86_400


@pytest.mark.parametrize(("age_s", "heading"), [
    (0, "Today"), (12 * 3600, "Today"), (12 * 3600 + 1, "Yesterday"), (2 * DAY_S, "Sunday, 8 March"),
    (400 * DAY_S, "3 February 2025"), (-3 * DAY_S, "Friday, 13 March"),
])
def test_a_moment_stands_under_its_calendar_day(age_s: float, heading: str) -> None:
    assert Days(NOON).heading(NOON - age_s) == heading


@pytest.mark.parametrize("moment", [math.inf, -math.inf, math.nan, 1e300])
def test_a_damaged_clock_hides_nothing(moment: float) -> None:
    (row,) = conversation_rows(
        [Conversation("a", "t", updated_at=moment)], running=frozenset(), unread=frozenset(), now=NOON
    )
    assert (row.title, row.group, row.when) == ("t", "Another time", "")


@pytest.mark.parametrize(("date", "days"), [
    ("today", (0, None)), ("yesterday", (-1, 0)), ("7 days", (-6, None)), ("2026-03-08", (-2, -1)), ("", (None, None)),
    ("nonsense", (None, None)),
])
def test_a_date_asks_for_whole_days(date: str, days: Tuple[Optional[int], Optional[int]]) -> None:
    midnight = NOON - 12 * 3600
    assert date_range(date, now=NOON) == tuple(None if one is None else midnight + one * DAY_S for one in days)


def test_the_bin_shows_what_was_archived_too() -> None:
    assert wanted_of(Filters(deleted=True), now=NOON).archived is None
    assert wanted_of(Filters(), now=NOON).archived is False
    assert wanted_of(Filters(kind="all"), now=NOON).kinds == ()


def test_marks_move_along_with_what_is_written_out() -> None:
    text, marks = visible_marks("a\u202eb needle", ((4, 10),))
    assert text == "a\\u202eb needle" and text[slice(*marks[0])] == "needle"


def test_hits_of_titles_stand_before_the_days() -> None:
    hits = [Hit("c", None, "", "Keylight", NOON, "Keylight", ((0, 8),)),
            Hit("c", "m", "user", "Keylight", NOON, "a keylight", ((2, 10),))]
    rows = hit_rows(hits, running=frozenset(), unread=frozenset(), now=NOON)
    assert [(row.id, row.group, row.speaker) for row in rows] == [
        ("title:c", "In the title", ""), ("m", "Today", "You"),
    ]


def test_items_of_a_batch_stay_together_under_their_run() -> None:
    found = [Conversation(str(n), "t", kind="batch", run_id=f"r{n % 2}", updated_at=NOON) for n in range(4)]
    rows = conversation_rows(found, running=frozenset(), unread=frozenset(), now=NOON)
    assert [row.group for row in rows] == ["Run r0", "Run r0", "Run r1", "Run r1"]


def test_days_without_use_are_there_and_what_nobody_stated_is_a_dash() -> None:
    days = (Count("2026-03-08", 2, 1, 10, None, None), Count("2026-03-10", 4, 2, None, None, 0.02, True))
    page = use_page(Statistics(Count("total", 6, 3, 10, None, 0.02, True), days, (), (), ()))
    assert [(day.name, day.words["messages"]) for day in page.days] == [
        ("2026-03-08", "2"), ("2026-03-09", "0"), ("2026-03-10", "4"),
    ]
    assert (page.days[0].words["cost"], page.days[2].words["cost"]) == ("–", "~$0.0200")
    assert (page.days[0].words["tokens"], page.days[2].words["tokens"]) == ("10", "–")


@pytest.mark.parametrize(("title", "name"), [
    ("Same/name: 1?", "Same name 1"), ("...", "chat"), ("", "chat"), ("CON", "chat CON"), ("Köln 影", "Köln 影"),
    ("x" * 200, "x" * 60),
])
def test_a_title_becomes_a_name_of_a_file_anywhere(title: str, name: str) -> None:
    assert file_name(title) == name


def test_the_first_mark_is_always_in_sight(qapp: QtWidgets.QApplication) -> None:
    metrics = QtGui.QFontMetrics(qapp.font())
    text = "word " * 40 + "needle" + " word" * 40
    for width in (60, 120, 300):
        line, marks = visible_part(text, ((200, 206),), metrics, width)
        assert metrics.horizontalAdvance(line) <= width
        assert marks and "needle".startswith(line[slice(*marks[0])])

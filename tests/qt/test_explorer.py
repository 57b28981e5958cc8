"""The memory explorer over the panel: found, opened at the hit, filtered, put in order, by mouse and by keyboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import pytest

from nuke_ai_panel.messages import ErrorInfo, Usage
from nuke_ai_panel.settings import history_path
from nuke_ai_panel.store import Store, reader
from nuke_ai_panel_qt.qt import QtCore, QtWidgets, flag_value
from nuke_ai_panel_qt.ui.explorer_values import ExplorerRow, Filters
from nuke_ai_panel_qt.ui.line_edit import LineEdit

from .explorer_kit import CONTROL, SHIFT, WAIT_S, chat, open_explorer, pick, search, settle, titles
from .panel_kit import Desk, close_desk

Qt = QtCore.Qt


@pytest.fixture
def desk(qtbot: Any) -> Iterator[Desk]:  # pytest-qt has no types
    opened = Desk(qtbot, {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"})
    yield opened
    close_desk(opened)


def test_chats_stand_under_their_day_with_a_snippet(desk: Desk) -> None:
    chat(desk.session.app.store, "Keying", "Why is the edge grey?", "The matte is clipped.")
    view = open_explorer(desk)
    (row,) = view.list.rows.shown
    assert (row.title, row.group, row.snippet) == ("Keying", "Today", "The matte is clipped.")
    assert view.count.text() == "1 chat"


def test_a_hit_is_opened_and_highlighted(desk: Desk) -> None:
    store = desk.session.app.store
    texts = [f"line {number}" for number in range(120)]
    texts[5] = "the Xylophone of the comp, twice: xylophone"
    target, messages = chat(store, "Long", *texts)
    chat(store, "Other", "nothing here")
    open_explorer(desk)
    (row,) = search(desk, "xylo")
    assert row.snippet[slice(*row.highlights[0])] == "Xylophone"
    assert row.message_id == messages[5].id
    desk.press(Qt.Key.Key_Return, on=desk.manager.explorer.view.query)  # type: ignore[union-attr]  # it is open
    desk.until(lambda: desk.manager.shown.id == target and desk.panel.find_bar.isVisible())
    desk.until(lambda: desk.panel.transcript.find_position() == (1, 2))
    found = desk.panel.transcript.view_of(messages[5].id)
    assert found is not None and desk.panel.transcript.viewport().rect().intersects(found.geometry())
    assert desk.panel.overlay.content() is None


def test_a_click_opens_a_chat(desk: Desk) -> None:
    target, _ = chat(desk.session.app.store, "Keying", "Why?", "Because.")
    view = open_explorer(desk)
    rect = view.list.visualRect(view.list.rows.index(1))
    desk.bot.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    desk.until(lambda: desk.texts() == ["Why?", "Because."])
    assert desk.manager.shown.id == target


def test_a_hit_in_another_branch_is_brought_to_light(desk: Desk) -> None:
    desk.ask_and_wait("first answer please")
    hidden = desk.answer().id
    desk.panel.command.emit("regenerate")
    desk.until(lambda: desk.answer().branch == (2, 2) and desk.is_idle())
    desk.session.app.store.build_index().result(WAIT_S)
    open_explorer(desk)
    rows = search(desk, "please")
    assert hidden in [row.message_id for row in rows]
    desk.manager.explorer.view.list.opened.emit(  # type: ignore[union-attr]  # it is open
        next(row for row in rows if row.message_id == hidden)
    )
    desk.until(lambda: desk.answer().id == hidden and desk.answer().branch == (1, 2))


def test_deleting_twenty_can_be_undone_with_their_tags(desk: Desk) -> None:
    store = desk.session.app.store
    for number in range(20):
        chat(store, f"Chat {number}", "hello", tags=("comp", f"t{number}"))
    view = open_explorer(desk)
    view.list.setFocus()
    desk.press(Qt.Key.Key_A, CONTROL, on=view.list)
    assert view.selection.label.text() == "20 selected"
    desk.press(Qt.Key.Key_Delete, on=view.list)
    desk.until(lambda: not view.list.rows.shown)
    assert view.toast.label.text() == "Deleted 20 chats"
    desk.press(Qt.Key.Key_Z, CONTROL, on=view.list)
    desk.until(lambda: len(view.list.rows.shown) == 20)
    assert {row.tags for row in view.list.rows.shown} == {("comp", f"t{number}") for number in range(20)}


def test_every_filter_narrows_and_its_chip_widens_again(desk: Desk) -> None:
    store = desk.session.app.store
    chat(store, "Plain", "hello", "world")
    chat(store, "Code", "gizmo?", "```python\nprint(1)\n```", provider="other", model="big", tags=("tools",),
         script="/shows/a.nk")
    chat(store, "Failed", "hello?", "", error=ErrorInfo("network", "", "No network."), status="failed")
    chat(store, "Script run", "api says hello", kind="api")
    chat(store, "Batch item", "batch says hello", kind="batch", run_id="run-7")
    view = open_explorer(desk)
    assert sorted(titles(view)) == ["Code", "Failed", "Plain"]
    for filters, expected in (
        (Filters(provider="other"), ["Code"]), (Filters(model="big"), ["Code"]), (Filters(tags=("tools",)), ["Code"]),
        (Filters(script="/shows/a.nk"), ["Code"]), (Filters(has_code=True), ["Code"]),
        (Filters(has_error=True), ["Failed"]), (Filters(kind="api"), ["Script run"]),
        (Filters(kind="batch"), ["Batch item"]), (Filters(date="yesterday"), []),
        (Filters(date="today", provider="demo"), ["Failed", "Plain"]), (Filters(pinned=True), []),
        (Filters(archived=True), []), (Filters(deleted=True), []),
        (Filters(kind="all"), ["Batch item", "Code", "Failed", "Plain", "Script run"]),
    ):
        view.filters.choose(filters)
        settle(desk)
        assert sorted(titles(view)) == expected, filters
    assert [chip.text() for chip in view.filters.chips.buttons()] == ["Everything"]
    view.filters.choose(Filters(provider="other", has_code=True))
    settle(desk)
    chip = view.filters.chips.buttons()[0]
    desk.press(Qt.Key.Key_Delete, on=chip)
    settle(desk)
    assert view.filters.filters == Filters(has_code=True)


def test_the_menu_offers_what_there_is_to_filter_by(desk: Desk) -> None:
    chat(desk.session.app.store, "One", "hello", tags=("a & b",), provider="other", model="big", script="/shows/x.nk")
    view = open_explorer(desk)
    desk.until(lambda: view.filters.choices.models == (("big", "big"),))
    menu = view.filters.menu()
    entries = {action.text(): action for action in menu.actions() if action.text()}
    assert [action.text() for action in entries["Tag"].menu().actions()] == ["a && b (1)"]
    assert [action.text() for action in entries["Script"].menu().actions()] == ["Any", "x.nk"]
    entries["Tag"].menu().actions()[0].trigger()
    settle(desk)
    assert view.filters.filters.tags == ("a & b",) and titles(view) == ["One"]
    menu.deleteLater()


def test_runs_of_scripts_and_batches_stay_out_of_searches_until_they_are_asked_for(desk: Desk) -> None:
    store = desk.session.app.store
    chat(store, "Mine", "the keylight question")
    chat(store, "Run", "the keylight batch", kind="batch", run_id="run-7")
    view = open_explorer(desk)
    assert [row.title for row in search(desk, "keylight")] == ["Mine"]
    view.filters.choose(Filters(kind="batch"))
    settle(desk)
    assert titles(view) == ["Run"]
    view.query.clear()
    settle(desk)
    assert [row.group for row in view.list.rows.shown] == ["Run run-7"]


def test_typing_is_never_overtaken_by_an_older_answer(desk: Desk) -> None:
    store = desk.session.app.store
    for number in range(30):
        chat(store, f"Chat {number}", f"common word{number}")
    view = open_explorer(desk)
    rows = search(desk, "common word17")
    assert [row.title for row in rows] == ["Chat 17"]
    assert view.count.text() == "1 hit"


def test_nothing_found_says_what_to_try(desk: Desk) -> None:
    chat(desk.session.app.store, "One", "hello")
    view = open_explorer(desk)
    assert search(desk, "nosuchword") == ()
    assert "nosuchword" in view.empty.text() and "fewer" in view.empty.text()
    assert view.empty.isVisible()


def test_a_sqlite_without_full_text_search_is_slower_and_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "has_full_text", lambda: False)
    chat(desk.session.app.store, "One", "the keylight")
    view = open_explorer(desk)
    assert [row.title for row in search(desk, "keyl")] == ["One"]
    assert "no full-text search" in view.note.text() and view.note.isVisible()


def test_text_of_a_model_stays_text(desk: Desk) -> None:
    chat(desk.session.app.store, "<b>Bold</b> \u202eexe", "q", "<img src=file:///etc/passwd> needle \u202ereversed")
    view = open_explorer(desk)
    (row,) = view.list.rows.shown
    assert row.title == "<b>Bold</b> \\u202eexe"
    (row,) = search(desk, "needle")
    assert row.snippet[slice(*row.highlights[0])] == "needle" and "\\u202e" in row.snippet
    tip = view.list.rows.data(view.list.rows.index(1), int(Qt.ItemDataRole.ToolTipRole))
    assert isinstance(tip, str) and "<\u200bimg" in tip


def test_tag_pin_and_archive_many_with_undo(desk: Desk) -> None:
    store = desk.session.app.store
    for title in ("A", "B", "C"):
        chat(store, title, "hello")
    view = open_explorer(desk)
    pick(view, "A", "B")
    view.selection.start_tagging()
    desk.bot.keyClicks(view.selection.tag_edit, "#hair  sh0140")
    desk.press(Qt.Key.Key_Return, on=view.selection.tag_edit)
    desk.until(lambda: {row.title: row.tags for row in view.list.rows.shown}
               == {"A": ("hair sh0140",), "B": ("hair sh0140",), "C": ()})
    assert [row.title for row in view.list.chosen()] == ["B", "A"]
    desk.click(view.selection.pin)
    desk.until(lambda: [row.title for row in view.list.rows.shown if row.is_pinned] == ["B", "A"])
    desk.click(view.selection.archive)
    desk.until(lambda: titles(view) == ["C"])
    desk.click(view.toast.action)
    desk.until(lambda: len(titles(view)) == 3)
    assert {row.tags for row in view.list.rows.shown} == {("hair sh0140",), ()}


def test_the_bin_gives_back_and_forgets(desk: Desk) -> None:
    store = desk.session.app.store
    for title in ("A", "B"):
        chat(store, title, "hello")
    view = open_explorer(desk)
    pick(view, "A", "B")
    desk.click(view.selection.delete)
    desk.until(lambda: not view.list.rows.shown)
    view.filters.choose(Filters(deleted=True))
    settle(desk)
    assert sorted(titles(view)) == ["A", "B"]
    pick(view, "A")
    desk.click(view.selection.restore)
    desk.until(lambda: titles(view) == ["B"])
    pick(view, "B")
    desk.click(view.selection.delete)
    assert titles(view) == ["B"]
    desk.click(view.toast.action)
    desk.until(lambda: not view.list.rows.shown)
    assert "for good" in view.toast.label.text()
    view.filters.choose(Filters())
    settle(desk)
    assert titles(view) == ["A"]


def test_deleting_the_open_chat_leaves_an_empty_one(desk: Desk) -> None:
    desk.ask_and_wait("hello there")
    shown = desk.manager.shown.id
    view = open_explorer(desk)
    pick(view, "hello there")
    desk.click(view.selection.delete)
    desk.until(lambda: desk.manager.shown.id != shown)
    assert desk.items() == ()


def test_rename_by_key_keeps_a_manual_title(desk: Desk) -> None:
    target, _ = chat(desk.session.app.store, "Old", "hello")
    view = open_explorer(desk)
    view.list.setFocus()
    view.list.step(1)
    desk.press(Qt.Key.Key_F2, on=view.list)
    editor = view.list.findChild(LineEdit)
    editor.setText("Hair on sh0140")
    desk.press(Qt.Key.Key_Return, on=editor)
    desk.until(lambda: titles(view) == ["Hair on sh0140"])
    stored = desk.session.app.store.conversation(target).result(WAIT_S)
    assert stored is not None and stored.title_is_manual


def test_exports_are_written_and_nothing_is_written_over(desk: Desk, tmp_path: Path) -> None:
    store = desk.session.app.store
    ids = [chat(store, title, "hello", "world")[0] for title in ("Same/name", "Same/name")]
    view = open_explorer(desk)
    pick(view, "Same/name")
    actions = desk.manager.explorer.desk.actions  # type: ignore[union-attr]  # it is open
    (tmp_path / "Same name.md").write_text("mine")
    actions.export(ids, "markdown", str(tmp_path))
    desk.until(lambda: view.toast.label.text().startswith("Exported 2 chats"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Same name 2.md", "Same name 3.md", "Same name.md"]
    assert (tmp_path / "Same name.md").read_text() == "mine"
    actions.export(ids, "json", str(tmp_path / "all.json"))
    desk.until(lambda: (tmp_path / "all.json").exists())
    actions.export(ids, "json", str(tmp_path / "no folder" / "all.json"))
    desk.until(lambda: "could not be written" in view.toast.label.text())


def test_another_nukes_chat_appears_within_a_second_and_the_selection_stays(desk: Desk) -> None:
    chat(desk.session.app.store, "Mine", "hello")
    view = open_explorer(desk)
    pick(view, "Mine")
    other = Store(history_path(desk.session.app.settings.home))
    chat(other, "From the other Nuke", "hello")
    began = time.monotonic()
    desk.until(lambda: "From the other Nuke" in titles(view))
    assert time.monotonic() - began < 2.0  # promised: one second
    assert [row.title for row in view.list.chosen()] == ["Mine"]
    other.close(WAIT_S)


def test_a_running_answer_and_an_unread_one_are_marked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask_and_wait("hello there")
    shown = desk.manager.shown.id
    view = open_explorer(desk)
    desk.session.app.store.mark_unread(shown).result(WAIT_S)
    desk.session.refresh_conversations()
    desk.until(lambda: view.list.rows.shown[0].is_unread)
    monkeypatch.setattr(desk.session, "running_ids", lambda: frozenset({shown}))
    desk.manager.explorer.desk.refresh()  # type: ignore[union-attr]  # it is open
    desk.until(lambda: view.list.rows.shown[0].is_running)
    assert "running" in view.list.rows.shown[0].spoken


def test_the_whole_of_it_by_keyboard(desk: Desk) -> None:
    store = desk.session.app.store
    chat(store, "First", "alpha question")
    target, _ = chat(store, "Second", "beta question")
    view = open_explorer(desk)
    assert desk.widget.focusWidget() is view.query
    desk.press(Qt.Key.Key_Down)
    assert desk.widget.focusWidget() is view.list
    assert view.list.current().title == "Second"  # type: ignore[union-attr]  # a row has the keyboard
    desk.press(Qt.Key.Key_Down, SHIFT)
    assert view.selection.label.text() == "2 selected"
    desk.press(Qt.Key.Key_Up)
    desk.press(Qt.Key.Key_B)  # a letter goes on in the search field
    assert desk.widget.focusWidget() is view.query and view.query.text() == "b"
    desk.bot.keyClicks(view.query, "eta")
    settle(desk)
    desk.press(Qt.Key.Key_Return)
    desk.until(lambda: desk.manager.shown.id == target)
    desk.press(Qt.Key.Key_K, CONTROL)
    assert view.query.text() == "beta"  # as it was left
    desk.press(Qt.Key.Key_Escape)
    assert desk.panel.overlay.content() is None
    for widget in view.findChildren(QtWidgets.QWidget):
        is_stop = bool(flag_value(widget.focusPolicy()) & flag_value(Qt.FocusPolicy.TabFocus))
        if is_stop and isinstance(widget, (QtWidgets.QAbstractButton, QtWidgets.QLineEdit, QtWidgets.QListView)):
            assert widget.accessibleName(), widget


def test_recent_messages_come_page_by_page(desk: Desk) -> None:
    chat(desk.session.app.store, "Long", *(f"line {number}" for number in range(130)))
    view = open_explorer(desk)
    desk.click(view.pages["recent"])
    settle(desk)
    assert view.list.rows.shown[0].snippet == "line 129"
    bar = view.list.verticalScrollBar()
    while len(view.list.rows.shown) < 130:
        before = len(view.list.rows.shown)
        bar.setValue(bar.maximum())
        desk.until(lambda before=before: len(view.list.rows.shown) > before)
    assert view.list.rows.shown[-1].snippet == "line 0"


def test_use_adds_up_and_an_unknown_cost_is_a_dash(desk: Desk) -> None:
    store = desk.session.app.store
    chat(store, "Paid", "a", "b", provider="cloud", model="big", usage=Usage(100, 50, 150, cost_usd=0.25))
    chat(store, "Local", "a", "b", "c", "d", script="/shows/a.nk", days_ago=2, usage=Usage(10, 5, 15))
    view = open_explorer(desk)
    desk.click(view.pages["use"])
    desk.until(lambda: view.use.page() is not None)
    page = view.use.page()
    assert page is not None
    assert page.total.words == {"messages": "6", "sessions": "2", "tokens": "180", "cost": "$0.25"}
    assert {line.name: line.words["cost"] for line in page.models} == {"big": "$0.25", "echo": "–"}
    assert len(page.days) == 3 and page.days[1].words["messages"] == "0"
    assert [line.name for line in page.scripts] == ["/shows/a.nk"]
    desk.press(Qt.Key.Key_Right, on=view.use.chart)
    assert view.use.chart.accessibleDescription().endswith(": 4")
    desk.press(Qt.Key.Key_Return, on=view.use.chart)
    settle(desk)
    assert view.page == "chats" and view.filters.filters.date == page.days[0].name


def test_a_figure_leads_to_its_chats(desk: Desk) -> None:
    chat(desk.session.app.store, "Big one", "a", "b", model="big")
    chat(desk.session.app.store, "Small one", "a", "b")
    view = open_explorer(desk)
    desk.click(view.pages["use"])
    desk.until(lambda: view.use.page() is not None)
    view.use.name_chosen.emit("model", "big")
    settle(desk)
    assert titles(view) == ["Big one"]


def test_twenty_thousand_rows_draw_only_what_is_visible(desk: Desk) -> None:
    view = open_explorer(desk)
    rows = tuple(ExplorerRow(f"{n}", f"Day {n // 50}", f"{n}", f"Chat {n}", snippet="text") for n in range(20_000))
    started = time.thread_time()
    view.list.set_rows(rows)
    view.list.viewport().repaint()
    view.list.verticalScrollBar().setValue(view.list.verticalScrollBar().maximum())
    view.list.viewport().repaint()
    assert time.thread_time() - started < 0.4

"""The history's backups in the panel: made, checked, and one of them back in a click with the way to take it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, List

import pytest

from nuke_ai_panel.store import Store
from nuke_ai_panel_qt.ui.backups_sheet import BackupsSheet

from .explorer_kit import WAIT_S, chat
from .panel_kit import Desk, close_desk

OVERRIDES = {"providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo"}


@pytest.fixture
def desk(qtbot: Any) -> Iterator[Desk]:  # pytest-qt has no types
    opened = Desk(qtbot, OVERRIDES)
    yield opened
    close_desk(opened)


def open_backups(desk: Desk) -> BackupsSheet:
    desk.panel.run("backups")
    view = desk.manager.backups.view
    assert view is not None and desk.panel.overlay.content() is view
    return view


def shown(view: BackupsSheet) -> List[str]:
    return [row.restore.objectName() for row in view.rows]


def banner_text(desk: Desk) -> str:
    found = desk.panel.banner.banner()
    return found.text if found is not None else ""


def test_a_backup_is_restored_in_one_click_and_taken_back_in_another(desk: Desk) -> None:
    desk.ask_and_wait("kept")
    view = open_backups(desk)
    desk.until(lambda: view.empty.isVisible() and view.back_up.isEnabled())
    desk.click(view.back_up)
    desk.until(lambda: len(view.rows) == 1)
    kept = shown(view)[0]
    desk.panel.close_overlay()
    desk.ask_and_wait("later")
    assert desk.texts() == ["kept", "kept", "later", "later"]

    view = open_backups(desk)
    desk.click(view.rows[0].restore)
    desk.until(lambda: len(view.rows) == 2 and desk.texts() == ["kept", "kept"])
    assert view.keep.isVisible() and shown(view)[1] == kept
    assert "no automatic backup" in banner_text(desk) and desk.session.app.store.backups_are_paused()

    desk.click(desk.panel.banner.more)  # Take it back
    desk.until(lambda: desk.texts() == ["kept", "kept", "later", "later"])
    desk.click(desk.panel.banner.action)  # It is the right one
    desk.until(lambda: not desk.session.app.store.backups_are_paused())
    desk.until(lambda: not desk.panel.banner.isVisible() and not view.keep.isVisible())
    desk.panel.close_overlay()
    desk.ask_and_wait("after all")
    assert desk.texts()[-2:] == ["after all", "after all"]


def test_another_panel_says_that_a_restored_history_waits(desk: Desk) -> None:
    store = desk.session.app.store
    chat(store, "One", "question", "answer")
    store.back_up().result(WAIT_S)
    store.restore_backup().result(WAIT_S)
    desk.open_panel()
    desk.until(lambda: "no automatic backup" in banner_text(desk))


def test_checking_says_how_much_there_is_and_that_it_is_sound(desk: Desk) -> None:
    chat(desk.session.app.store, "One", "question", "answer")
    view = open_backups(desk)
    desk.until(lambda: view.check.isEnabled())
    desk.click(view.check)
    desk.until(lambda: view.result.isVisible())
    assert view.result.text().startswith("Sound: 1 chat, 2 messages")


def test_a_damaged_history_is_told_in_every_panel_until_it_is_put_away(qtbot: Any, home: Path) -> None:
    store = Store(home / "history.db")
    for number in range(8):
        chat(store, f"Chat {number}", "words " * 900, "more " * 900)
    store.back_up().result(WAIT_S)
    store.close(WAIT_S)
    with (home / "history.db").open("r+b") as file:
        for page in range(4, 40, 3):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    desk = Desk(qtbot, OVERRIDES)
    desk.until(lambda: desk.panel.banner.action.text() == "Backups …")
    assert "damaged" in banner_text(desk)
    desk.until(lambda: len(desk.titles()) == 8)
    desk.close_panel()  # the next one was not there when it was said
    desk.open_panel()
    desk.until(lambda: "damaged" in banner_text(desk))
    desk.click(desk.panel.banner.action)
    view = desk.manager.backups.view
    desk.until(lambda: view is not None and len(view.rows) >= 1)
    desk.panel.close_overlay()
    desk.click(desk.panel.banner.close_button)
    desk.open_panel()
    desk.pause(100)
    assert banner_text(desk) == ""
    close_desk(desk)

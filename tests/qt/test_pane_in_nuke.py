"""The real pane in the Nuke of the tests, through all that an artist does to a tab."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel_qt import qt
from tests.fakes.nuke import Host

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = ('<layout><window><dock id="" activePageId="com.nuke_ai_panel.chat"><page id="DAG.1"/>'
          '<page id="com.nuke_ai_panel.chat"/></dock></window></layout>')
VERSIONS = (16, 17) if qt.QtWidgets.__name__.startswith("PySide6") else (14, 15)


@pytest.fixture(params=VERSIONS)
def host(request: Any, nuke_double: Callable[..., Host], qtbot: Any) -> Iterator[Host]:
    """A Nuke that has started with the product on its path."""
    kept = sys.modules.pop("nuke_ai_panel_qt.host.install", None)
    host = nuke_double(version=request.param)
    host.run_startup([ROOT.as_posix()])
    session = importlib.import_module("nuke_ai_panel_qt.core.panel_widget")
    host.about_to_quit += [lambda: session.shared_session().close(), shutdown_event_loop]
    yield host
    if not host.has_quit:
        host.quit()
    sys.modules.pop("nuke_ai_panel_qt.host.install", None)
    if kept is not None:
        sys.modules["nuke_ai_panel_qt.host.install"] = kept


def test_pane_lives_through_restore_float_close_and_reopen(host: Host, qtbot: Any) -> None:
    before = set(threading.enumerate())
    (view,) = host.restore_layout(LAYOUT)
    assert not view.is_blank, host.panel_errors
    qtbot.waitUntil(view.widget.isVisible)
    size = view.widget.size()

    view.hide()
    assert not view.widget.isVisible()
    view.show()
    view.float()
    assert view.parents_seen == [None] and view.widget.isVisible() and view.widget.size() == size
    old = view.widget
    view.close_tab()
    again = host.desk.open("AI Panel")
    second = host.desk.open("AI Panel", "DAG.1")

    assert len({id(old), id(again.widget), id(second.widget)}) == 3
    assert again.widget.isVisible() and second.widget.isVisible()
    assert host.panel_errors == [] and host.wrong_threads == [] and host.said == []
    alive = []
    host.at_exit.append(lambda: alive.extend(map(qt.is_valid, (old, again.widget))))
    host.quit()
    assert alive == [False, False]
    qtbot.waitUntil(lambda: not [one for one in set(threading.enumerate()) - before if not one.daemon], timeout=5000)


def test_workspaces_may_change_again_and_again(host: Host, qtbot: Any) -> None:
    for _ in range(5):
        (view,) = host.restore_layout(LAYOUT)
        qtbot.waitUntil(view.widget.isVisible)

    assert len(host.desk.lingering) == 4 and host.panel_errors == []


def test_the_memory_explorer_is_a_pane_that_workspaces_bring_back(host: Host, qtbot: Any) -> None:
    both = LAYOUT.replace('<page id="DAG.1"/>', '<page id="DAG.1"/><page id="com.nuke_ai_panel.explorer"/>')
    host.restore_layout(both)
    explorer = importlib.import_module("nuke_ai_panel_qt.core.explorer_pane")
    (view,) = [one for one in host.desk.views if explorer.content(one.widget) is not None]
    found = explorer.content(view.widget)
    assert found.view is not None and found.bug is None
    view.float()
    view.hide()
    view.show()
    qtbot.waitUntil(found.view.isVisible)
    view.close_tab()
    again = host.desk.open("AI Memory", "DAG.1")
    qtbot.waitUntil(again.widget.isVisible)
    assert explorer.content(again.widget) is not found and host.panel_errors == [] and host.wrong_threads == []

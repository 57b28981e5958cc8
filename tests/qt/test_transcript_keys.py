"""The whole transcript by key: scrolling, questions, actions; and none of its keys reach the host."""

from __future__ import annotations

from typing import Any, List

import pytest

from nuke_ai_panel_qt.qt import QtCore, QtGui, QtWidgets
from nuke_ai_panel_qt.ui.values import MessageItem

from .transcript_kit import at_end, open_transcript, prose_of, settle, talk, top_line

Qt = QtCore.Qt
NONE = Qt.KeyboardModifier.NoModifier
CTRL_ALT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


def test_page_keys_home_end_and_space(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(50))
    bar = transcript.verticalScrollBar()
    positions: List[int] = []

    for key in (Qt.Key.Key_Home, Qt.Key.Key_PageDown, Qt.Key.Key_Space, Qt.Key.Key_Down):
        qtbot.keyClick(transcript, key)
        positions.append(bar.value())
    qtbot.keyClick(transcript, Qt.Key.Key_End)

    assert positions == sorted(positions) and len(set(positions)) == 4
    assert positions[0] == 0
    assert at_end(transcript)


def test_previous_and_next_question(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(50))
    tops = []

    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down):
        qtbot.keyClick(QtWidgets.QApplication.focusWidget() or transcript, key, CTRL_ALT)
        settle()
        focused = QtWidgets.QApplication.focusWidget()
        tops.append(getattr(focused, "item_id", ""))

    numbers = [int(item_id[1:]) for item_id in tops]
    assert all(item_id.startswith("q") for item_id in tops)
    assert numbers[0] - 1 == numbers[1] and numbers[1] - 1 == numbers[2] and numbers[3] == numbers[1]
    assert top_line(transcript)[0] == tops[-1]


@pytest.mark.parametrize(
    ("key", "modifiers"),
    [
        (Qt.Key.Key_Space, NONE), (Qt.Key.Key_PageUp, NONE), (Qt.Key.Key_Home, NONE), (Qt.Key.Key_End, NONE),
        (Qt.Key.Key_Up, NONE), (Qt.Key.Key_F3, NONE), (Qt.Key.Key_Up, CTRL_ALT),
        (Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier),
    ],
)  # fmt: skip
def test_our_keys_are_claimed_before_the_hosts_shortcuts(qtbot: Any, key: Qt.Key, modifiers: Any) -> None:
    transcript = open_transcript(qtbot, talk(3))
    event = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, int_of(key), modifiers)
    event.ignore()

    QtWidgets.QApplication.sendEvent(transcript, event)

    assert event.isAccepted()


def int_of(key: Any) -> Any:
    """PySide2's QKeyEvent wants a number, PySide6's takes either."""
    return int(key)


@pytest.mark.parametrize("key", [Qt.Key.Key_B, Qt.Key.Key_Tab, Qt.Key.Key_1, Qt.Key.Key_Escape])
def test_other_keys_are_left_alone(qtbot: Any, key: Qt.Key) -> None:
    transcript = open_transcript(qtbot, talk(3))
    event = QtGui.QKeyEvent(QtCore.QEvent.Type.ShortcutOverride, int_of(key), NONE)
    event.ignore()

    QtWidgets.QApplication.sendEvent(transcript, event)

    assert not event.isAccepted()


def test_space_in_a_selected_text_does_not_bubble_to_the_host(qtbot: Any) -> None:
    host = QtWidgets.QWidget()
    qtbot.addWidget(host)
    pressed: List[int] = []
    host.keyPressEvent = lambda event: pressed.append(event.key())  # type: ignore[method-assign]  # the host's part
    transcript = open_transcript(qtbot, talk(20), closed_by_bot=False)
    transcript.setParent(host)
    host.resize(420, 600)
    host.show()
    transcript.show()
    settle()

    qtbot.keyClick(prose_of(transcript, "a19"), Qt.Key.Key_Space)
    qtbot.keyClick(transcript, Qt.Key.Key_Space)

    assert pressed == []


def test_tab_reaches_every_action_in_order_and_leaves(qtbot: Any) -> None:
    frame = QtWidgets.QWidget()
    qtbot.addWidget(frame)
    before, after = QtWidgets.QLineEdit(frame), QtWidgets.QLineEdit(frame)
    items = (MessageItem("q", "user", text="?"), MessageItem("a", "assistant", text="```\nx\n```", branch=(2, 3)))
    transcript = open_transcript(qtbot, items, closed_by_bot=False)
    layout = QtWidgets.QVBoxLayout(frame)
    for widget in (before, transcript, after):
        layout.addWidget(widget)
    QtWidgets.QWidget.setTabOrder(before, transcript)
    QtWidgets.QWidget.setTabOrder(transcript, after)
    frame.resize(420, 700)
    frame.show()
    frame.activateWindow()
    before.setFocus()
    settle()

    reached = []
    for _ in range(14):
        qtbot.keyClick(QtWidgets.QApplication.focusWidget(), Qt.Key.Key_Tab)
        focused = QtWidgets.QApplication.focusWidget()
        reached.append(focused.objectName() or focused.accessibleName())
        if focused is after:
            break

    assert reached[0] == "Conversation"
    assert reached[1:-1] == ["edit", "more", "Copy", "regenerate", "copy", "more", "branch_prev", "branch_next"]
    assert QtWidgets.QApplication.focusWidget() is after


def test_enter_presses_a_focused_action(qtbot: Any) -> None:
    transcript = open_transcript(qtbot, talk(1))
    view = transcript.view_of("a0")
    assert view is not None
    regenerate = view.focusable()[0]
    regenerate.setFocus()

    with qtbot.waitSignal(transcript.action) as said:
        qtbot.keyClick(regenerate, Qt.Key.Key_Space)

    assert said.args[:2] == ["regenerate", "a0"]

"""A real panel on a real App, driven as a hand would: typing, clicking, reading what is shown."""

from __future__ import annotations

from typing import Any, Callable, Iterator, List, Optional, Tuple

import pytest

from nuke_ai_panel.app import App
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.core.panel_manager import PanelManager
from nuke_ai_panel_qt.core.panel_widget import PanelWidget
from nuke_ai_panel_qt.qt import QtCore, QtWidgets
from nuke_ai_panel_qt.ui.chat_panel import ChatPanel
from nuke_ai_panel_qt.ui.theme import nuke_palette
from nuke_ai_panel_qt.ui.values import MessageItem
from tests.fakes.model_server import FakeModelServer

Qt = QtCore.Qt
TIMEOUT_MS = 10_000


class Desk:
    """One App with its panels. `until` turns Qt's loop until something holds."""

    def __init__(self, qtbot: Any, overrides: Optional[dict[str, Any]] = None) -> None:  # pytest-qt has no types
        self.bot = qtbot
        self.session = ChatSession(App.open(overrides=overrides or {}))
        self.widgets: List[PanelWidget] = []
        self.widget = self.open_panel()

    @property
    def panel(self) -> ChatPanel:
        assert self.widget.panel is not None
        return self.widget.panel

    @property
    def manager(self) -> PanelManager:
        assert self.widget.manager is not None
        return self.widget.manager

    def open_panel(self, width: int = 460, height: int = 760) -> PanelWidget:
        """Another panel on the same App; it becomes the one that is driven."""
        widget = PanelWidget(session=self.session)
        assert widget.panel is not None
        widget.setPalette(nuke_palette())
        widget.resize(width, height)
        widget.show()
        self.bot.waitExposed(widget).__enter__()
        widget.activateWindow()
        self.widget = widget
        self.widgets.append(widget)
        self.until(lambda: not self.manager.shown.is_loading)
        return widget

    def close_panel(self) -> None:
        """Closes the driven panel as a window is closed, and destroys its widgets."""
        self.widgets.remove(self.widget)
        self.widget.close()
        self.widget.deleteLater()
        QtCore.QCoreApplication.sendPostedEvents(None, flag(QtCore.QEvent.Type.DeferredDelete))
        if self.widgets:
            self.widget = self.widgets[-1]

    def until(self, condition: Callable[[], object], timeout_ms: int = TIMEOUT_MS) -> None:
        self.bot.waitUntil(lambda: bool(condition()), timeout=timeout_ms)

    def pause(self, milliseconds: int) -> None:
        self.bot.wait(milliseconds)

    # ------------------------------------------------------------ hands

    def type(self, text: str) -> None:
        self.panel.focus_composer()
        self.bot.keyClicks(self.panel.composer.prompt, text)

    def press(self, key: Any, modifiers: Any = Qt.KeyboardModifier.NoModifier, on: Any = None) -> None:  # Qt enums
        target = on or self.widget.focusWidget() or self.panel.composer.prompt
        self.bot.keyClick(target, key, modifiers)

    def click(self, widget: QtWidgets.QWidget) -> None:
        self.bot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def ask(self, text: str) -> None:
        """Types and clicks Send."""
        self.type(text)
        self.click(self.panel.composer.send)

    def ask_and_wait(self, text: str) -> MessageItem:
        """Asks and waits for the end of the answer."""
        count = len(self.items())
        self.ask(text)
        self.until(lambda: len(self.items()) > count)
        self.until(self.is_idle)
        return self.items()[-1]

    def button(self, name: str, within: Optional[QtWidgets.QWidget] = None) -> QtWidgets.QAbstractButton:
        """The last visible button whose word, name or tooltip starts with `name`."""
        found = [
            one for one in (within or self.widget).findChildren(QtWidgets.QAbstractButton)
            if one.isVisibleTo(self.widget) and any(
                text.startswith(name) for text in (one.text(), one.accessibleName(), one.toolTip())
            )
        ]
        assert found, f"no button {name!r}"
        return max(found, key=lambda one: one.mapTo(self.widget, QtCore.QPoint(0, 0)).y())

    # ------------------------------------------------------------ eyes

    def items(self) -> Tuple[MessageItem, ...]:
        return self.panel.transcript.items()

    def texts(self) -> List[str]:
        return [item.text for item in self.items()]

    def answer(self) -> MessageItem:
        return next(item for item in reversed(self.items()) if item.role == "assistant")

    def is_idle(self) -> bool:
        return not self.panel.composer.is_running() and not self.session.running_ids()

    def titles(self) -> List[str]:
        return [one.title for one in self.session.conversations]


def flag(value: Any) -> int:  # a Qt enum of either binding
    return int(getattr(value, "value", value))


def server_overrides(server: FakeModelServer, **more: Any) -> dict[str, Any]:  # settings of any type
    """Settings whose default answers from `server`."""
    return {
        "default_provider": "openai", "default_model": "fake-model", "providers.openai.base_url": server.base_url,
        "providers.ollama.enabled": False, "providers.openrouter.enabled": False, "providers.local.enabled": False,
        "providers.openai.retries": 0, **more,
    }


def close_desk(desk: Desk) -> None:
    """Closes panels and App as quitting does, and lets Qt delete what it was told to."""
    for widget in list(desk.widgets):
        widget.close()
        widget.deleteLater()
    desk.widgets.clear()
    desk.session.close()
    shutdown_event_loop()
    QtCore.QCoreApplication.sendPostedEvents(None, flag(QtCore.QEvent.Type.DeferredDelete))


@pytest.fixture
def desk(qtbot: Any, model_server: FakeModelServer) -> Iterator[Desk]:
    """A panel whose answers come from `model_server`."""
    made = Desk(qtbot, server_overrides(model_server))
    yield made
    close_desk(made)

"""A key store that never answers: the panel stays alive, says so, and offers what else there is."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, List, Optional

from nuke_ai_panel.app import App
from nuke_ai_panel.keys import Keys
from nuke_ai_panel.settings import load_settings
from nuke_ai_panel.store import Store
from nuke_ai_panel_qt.core.chat_session import ChatSession
from nuke_ai_panel_qt.qt import QtCore
from tests.conftest import LogLines

from .panel_kit import Desk, close_desk
from .test_settings_dialog import opened

MUTE = "The system's key store is not answering."
# A loaded machine may be late; a main thread that waited for the key store would stand still for DEADLINE_S.
LIMIT_S, DEADLINE_S = 0.75, 1.5


class MuteStore:
    """Accepts a question and never answers until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> Optional[str]:
        self.asked += 1
        self.released.wait(30)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.released.wait(30)

    def delete_password(self, service: str, username: str) -> None:
        self.released.wait(30)


class MuteDesk(Desk):
    """A panel whose key store is mute."""

    def __init__(self, qtbot: Any, home: Path, store: MuteStore) -> None:
        self.bot = qtbot
        app = App(
            load_settings(), keys=Keys({}, home, deadline_s=DEADLINE_S, backend=lambda: store),
            store=Store(home / "history.db"), reload=load_settings,
        )
        self.session = ChatSession(app)
        self.widgets = []
        self.widget = self.open_panel()


def test_the_window_lives_while_the_key_store_is_mute(qtbot: Any, home: Path, log_lines: LogLines) -> None:
    store = MuteStore()
    desk = MuteDesk(qtbot, home, store)
    gaps: List[float] = []
    seen = [time.monotonic()]
    beat = QtCore.QTimer()
    beat.timeout.connect(lambda: (gaps.append(time.monotonic() - seen[-1]), seen.append(time.monotonic())))
    dialog = opened(desk, "provider:openrouter")
    desk.until(lambda: "Looking for a key" in dialog.provider.key.note.text() or store.asked)
    beat.start(10)
    seen.append(time.monotonic())

    desk.click(dialog.provider.test)
    desk.until(lambda: MUTE in dialog.provider.key.note.text())
    desk.until(lambda: MUTE in dialog.provider.result.text())
    assert "OpenRouter needs an API key" in dialog.provider.result.text()
    assert "OPENROUTER_API_KEY" in dialog.provider.result.text()
    asked = store.asked
    dialog.list.choose("provider:openai")
    desk.until(lambda: "No key is known" in dialog.provider.key.note.text())
    assert store.asked == asked  # it is not asked again until a human asks
    beat.stop()

    dialog.provider.key.place.choose("memory")
    desk.bot.keyClicks(dialog.provider.key.key, "sk-for-now")
    desk.click(dialog.provider.key.store)
    desk.until(lambda: "this session only" in dialog.provider.key.note.text())
    assert max(gaps) < LIMIT_S
    while any("did not answer" in one.getMessage() for one in log_lines.lines):
        log_lines.take("did not answer")
    store.released.set()
    close_desk(desk)

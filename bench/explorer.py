"""The memory explorer on a long history: opened, typed into, scrolled, counted, with a heartbeat of the main thread.

    python -m bench.explorer [--messages 200000] [--history FOLDER]

A real panel on a real App; what is timed is from the key press to the rows on show, and beside it the longest pause of
Qt's event loop. `--history` keeps the generated history and takes it again the next time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from nuke_ai_panel.app import App  # noqa: E402 - the path comes first
from nuke_ai_panel.store import Store  # noqa: E402
from nuke_ai_panel.utils.event_loop_manager import shutdown_event_loop  # noqa: E402
from nuke_ai_panel_qt.core.chat_session import ChatSession  # noqa: E402
from nuke_ai_panel_qt.core.panel_widget import PanelWidget  # noqa: E402
from nuke_ai_panel_qt.qt import BINDING, QtCore, QtWidgets  # noqa: E402

from .history import COMMON, RARE, generate  # noqa: E402

TIMEOUT_S = 20.0
HEARTBEAT_GOAL_MS = 50.0


@dataclass(frozen=True)
class Step:
    """How long something took, and the longest pause of the event loop meanwhile, in milliseconds."""

    name: str
    took_ms: float
    pause_ms: float
    goal_ms: float


class Heart:
    """Beats as often as Qt's loop lets it, and remembers the longest pause."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.longest_s = 0.0
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(1)

    def begin(self) -> None:
        self._last, self.longest_s = time.perf_counter(), 0.0

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now


def measure(home: Path) -> List[Step]:
    """Opens the history in `home` in a panel and does what an artist does in the explorer."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    os.environ["NUKE_AI_PANEL_HOME"] = str(home)
    session = ChatSession(App.open(overrides={
        "providers.demo.kind": "scripted", "default_provider": "demo", "default_model": "echo",
        **{f"providers.{name}.enabled": False for name in ("ollama", "openai", "openrouter", "local")},
    }))
    widget = PanelWidget(session=session)
    panel, manager = widget.panel, widget.manager
    assert panel is not None and manager is not None
    widget.resize(460, 760)
    widget.show()
    heart, steps = Heart(), []

    def until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 5)

    def step(name: str, goal_ms: float, begin: Callable[[], object], is_done: Callable[[], object]) -> None:
        rest(0.1)
        heart.begin()
        begun = time.perf_counter()
        begin()
        until(is_done)
        took = time.perf_counter() - begun
        rest(0.3)
        steps.append(Step(name, took * 1000, heart.longest_s * 1000, goal_ms))

    def rest(seconds: float) -> None:
        end = time.monotonic() + seconds
        until(lambda: time.monotonic() >= end)

    until(lambda: session.conversations)
    step("open it the first time", 150, lambda: panel.run("explorer"),
         lambda: manager.explorer.view and manager.explorer.view.list.rows.shown)
    view = manager.explorer.view
    assert view is not None
    panel.close_overlay()
    step("open it again", 150, lambda: panel.run("explorer"), lambda: view.list.rows.shown)

    def search(words: str) -> None:
        view.query.setText(words)
        view._timer.setInterval(0)  # what is counted begins when the typing has ended
        view._timer.start()

    for name, words, goal in (
        ("first results of a rare word", RARE, 200), ("first results of a common word", COMMON, 400),
        ("first results of two common words", f"{COMMON} w1", 400),
    ):
        step(name, goal, lambda words=words: search(words),
             lambda: view.list.rows.shown and view.list.rows.shown[0].highlights)
        search("")
        until(lambda: view.list.rows.shown and not view.list.rows.shown[0].message_id)
    step("a word that is not there", 200, lambda: search("nosuchword"), lambda: view.empty.text())

    def type_on() -> None:
        for length in range(1, len(COMMON * 6)):
            QtCore.QTimer.singleShot(30 * length, lambda length=length: search((COMMON * 6)[:length]))

    step("type twelve letters, searching at each", 2000, type_on, lambda: view.query.text() == (COMMON * 6)[:11])
    search("")
    until(lambda: view.list.rows.shown and not view.list.rows.shown[0].message_id)
    bar = view.list.verticalScrollBar()
    total = session.app.store.count().result(TIMEOUT_S)
    for _ in range(min(12, total // 100 - 2)):
        before = len(view.list.rows.shown)
        bar.setValue(bar.maximum())
        until(lambda before=before: len(view.list.rows.shown) > before)
    count = len(view.list.rows.shown)
    step("scroll by another hundred chats", 150, lambda: bar.setValue(bar.maximum()),
         lambda: len(view.list.rows.shown) > count)
    step("the newest messages", 150, view.pages["recent"].click,
         lambda: view.list.rows.shown and view.list.rows.shown[0].message_id)
    step("count the use of everything", 3000, view.pages["use"].click, lambda: view.use.page() is not None)
    widget.close()
    session.close()
    widget.deleteLater()
    application.processEvents()
    shutdown_event_loop()
    return steps


def prepare(home: Path, messages: int) -> None:
    """A history of so many messages with its index, unless it is there."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "history.db").exists():
        generate(home / "history.db", messages)
    store = Store(home / "history.db")
    store.build_index().result(900)
    store.close(30)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--history", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = arguments.history or Path(folder)
        prepare(home, arguments.messages)
        for one in measure(home):
            print(f"{BINDING}  {one.name:40}{one.took_ms:>9,.1f} ms (goal {one.goal_ms:,.0f})"
                  f"{one.pause_ms:>9,.1f} ms pause (goal {HEARTBEAT_GOAL_MS:,.0f})", flush=True)


if __name__ == "__main__":
    main()

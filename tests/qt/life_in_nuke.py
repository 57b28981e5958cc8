"""One whole life in a Nuke, as a program: `python -m tests.qt.life_in_nuke VERSION` (14 to 17).

Start files, workspace, a question with nodes attached, its code run and undone, closed tab, reopened tab, quit. A model
server is named in the environment. Prints
what it took; any surprise is a traceback and an exit code.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict, List

from nuke_ai_panel_qt import qt
from tests.fakes.nuke import Host, View

ROOT = Path(__file__).resolve().parents[2]
FULL = {14: (14, 1, 4), 15: (15, 1, 4), 16: (16, 0, 8), 17: (17, 0, 2)}
LAYOUT = ('<layout><window><dock id="" activePageId="com.nuke_ai_panel.chat"><page id="DAG.1"/>'
          '<page id="com.nuke_ai_panel.chat"/></dock></window></layout>')
QUESTION = "Why does my despill eat the edge?"


class Life:
    """The Nuke, and a hand at its panel."""

    def __init__(self, version: int) -> None:
        self.application: Any = qt.QtWidgets.QApplication([])
        self.host = Host(FULL[version])
        self.host.install()
        self.host.about_to_quit.append(lambda: self.application.aboutToQuit.emit())
        self.took_ms: Dict[str, float] = {}

    def turn(self, seconds: float = 0.0) -> None:
        """Lets Qt and Nuke work."""
        end = time.monotonic() + seconds
        while True:
            self.application.processEvents()
            self.host.pump()
            if time.monotonic() >= end:
                return
            time.sleep(0.005)

    def until(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            self.turn(0.01)

    def timed(self, name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        self.took_ms[name] = round((time.perf_counter() - started) * 1000, 1)
        return result

    def manager(self, view: View) -> Any:
        """The presenter of the panel in a view."""
        return import_module("nuke_ai_panel_qt.core.pane").content(view.widget).manager

    def texts(self, view: View) -> List[str]:
        return [item.text for item in self.manager(view).panel.transcript.items()]

    def ask(self, view: View, text: str) -> None:
        panel = self.manager(view).panel
        panel.composer.set_text(text)
        panel.composer.send.click()
        self.until(lambda: len(self.texts(view)) >= 2 and not panel.composer.is_running())

    def choose(self, entry: str) -> None:
        """An entry of Nuke's menu."""
        item = self.host.menus.menu("Nuke").findItem(f"AI Panel/{entry}")
        assert item is not None
        item.invoke()


def begin(life: Life) -> View:
    """Nuke starts and restores a workspace with the panel in it."""
    host = life.host
    life.timed("start files", lambda: host.run_startup([str(ROOT)]))
    assert not [name for name in sys.modules if name.startswith(("aiohttp", "keyring", "nuke_ai_panel_qt.ui"))]
    (view,) = life.timed("restore", lambda: host.restore_layout(LAYOUT))
    assert not view.is_blank and host.panel_errors == [], host.panel_errors
    assert host.panels.registrations == ["com.nuke_ai_panel.chat", "com.nuke_ai_panel.explorer"]
    life.until(lambda: life.manager(view) is not None and not life.manager(view).shown.is_loading)
    return view


def run_code(life: Life, view: View) -> None:
    """A question with three nodes attached; its code makes two more in one step, and one undo takes them away."""
    nuke, manager = life.host.nuke, life.manager(view)
    for name in ("Plate", "Key", "Comp"):
        nuke.nodes.Blur(name=name).setSelected(True)
    manager.context.add("selection")
    life.until(lambda: manager.panel.composer.chips.buttons())
    life.ask(view, QUESTION)
    assert manager.shown.path[0].attachments and "Plate" in manager.shown.path[0].attachments[0].text
    block_class = import_module("nuke_ai_panel_qt.ui.code_block").CodeBlock

    def run_buttons() -> List[Any]:
        blocks = manager.panel.transcript.findChildren(block_class)
        found = [block.findChildren(qt.QtWidgets.QAbstractButton, "run_code") for block in blocks]
        return [button for buttons in found for button in buttons if button.isVisible()]

    life.until(run_buttons)
    run_buttons()[-1].click()
    life.until(lambda: manager.panel.run_sheet.isVisible())
    assert len(nuke.allNodes()) == 3
    manager.panel.run_sheet.run_button.click()
    life.until(lambda: len(nuke.allNodes()) == 5)
    nuke.undo()
    assert sorted(node.name() for node in nuke.allNodes()) == ["Comp", "Key", "Plate"]


def talk(life: Life, view: View) -> View:
    """The answer stays through a closed tab and a new one; a second pane is on the same App."""
    host = life.host
    before = life.texts(view)
    assert before[0] == QUESTION and before[1]
    view.close_tab()
    life.turn(0.05)
    again = host.desk.open("AI Panel")
    life.until(lambda: life.texts(again) == before)
    again.float()
    assert life.texts(again) == before
    second = host.desk.open("AI Panel", "DAG.1")
    life.until(lambda: life.texts(second) == before)
    host.nuke.scriptClear()
    second.close_tab()
    count = len(host.desk.views)
    life.choose("New conversation")
    life.until(lambda: life.texts(again) == [])
    assert len(host.desk.views) == count, "an open panel is brought to the front, not made anew"
    return again


def end(life: Life) -> None:
    """Nuke quits: within two seconds, with nothing of ours left running."""
    life.timed("quit", life.host.quit)
    left = [one.name for one in threading.enumerate() if one is not threading.main_thread()]
    assert left == [], left
    assert life.host.wrong_threads == [] and life.host.panel_errors == []
    assert life.took_ms["quit"] < 2000, life.took_ms


def main(version: int) -> None:
    life = Life(version)
    panel = begin(life)
    run_code(life, panel)
    talk(life, panel)
    end(life)
    sys.stdout.write(json.dumps(life.took_ms) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    main(int(sys.argv[1]))

"""The states of the panel inside Nuke that `screenshots.py` renders: context, findings, what would run, how it ran.

The Nuke is the double of the tests. It is taken out again with the stage, so that the other states have none.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict

from screenshot_states import ACTS, CODER, Stage, say

from nuke_ai_panel_qt.qt import QtWidgets
from nuke_ai_panel_qt.ui.code_block import CodeBlock
from tests.fakes.nuke import Host

WRONG = """The key is soft because `Keylight1` feeds Blur1 before the matte is clipped. Raise the gain first:

```python
key = nuke.toNode("Keylight1")
blur = nuke.createNode("Blur")
blur["sizee"].setValue(3)
for node in nuke.selected():
    blur.setInput(node, 0)
```

Then look at Merge1 again.
"""
RIGHT = """Two blurs and a merge, in one step:

```python
plate = nuke.toNode("Plate")
for size in (3, 12):
    blur = nuke.nodes.Blur(inputs=[plate], size=size)
    print(blur.name(), size)
```
"""


def nuke_of(stage: Stage) -> Any:
    """A Nuke with a small script."""
    host = Host((16, 0, 8))
    host.install()
    stage.later.callback(_remove, host)
    nuke = host.nuke
    plate = nuke.nodes.Read(name="Plate", file="/shots/sh0140/plate.%04d.exr")
    key = nuke.nodes.Grade(name="Keylight1", inputs=[plate], white=1.3)
    blur = nuke.nodes.Blur(name="Blur1", inputs=[key], size=2)
    merge = nuke.nodes.Merge2(name="Merge1", inputs=[plate, blur], operation="over")
    for node in (key, blur, merge):
        node.setSelected(True)
    stage.manager.context.show_nodes()
    return nuke


def _remove(host: Host) -> None:
    host.uninstall()
    for name in [one for one in sys.modules if one.startswith("nuke_ai_panel_qt.host")]:
        del sys.modules[name]


def context_menu(stage: Stage) -> None:
    nuke_of(stage)
    stage.choose(CODER)
    stage.manager.context.add("selection")
    stage.manager.context.add("script")
    stage.panel.composer.attach.click()
    stage.turn(0.3)
    menu = next(one for one in stage.widget.findChildren(QtWidgets.QMenu) if one.isVisible())
    # A menu is a window of its own; for the picture it lies where the artist sees it.
    copy = QtWidgets.QLabel(stage.widget)
    copy.setPixmap(menu.grab())
    copy.adjustSize()
    corner = stage.panel.composer.attach.mapTo(stage.widget, stage.panel.composer.attach.rect().topLeft())
    copy.move(max(0, min(corner.x(), stage.widget.width() - copy.width())), corner.y() - copy.height())
    menu.hide()
    copy.show()


def mention(stage: Stage) -> None:
    nuke_of(stage)
    stage.choose(CODER)
    stage.panel.focus_composer()
    stage.panel.composer.prompt.insertPlainText("Why is the edge of @")
    stage.turn(0.3)


def mention_files(stage: Stage) -> None:
    nuke_of(stage)
    stage.choose(CODER)
    folder = Path(tempfile.mkdtemp(prefix="show-"))
    stage.later.callback(shutil.rmtree, folder)
    for name in ("plates/", "notes.txt", "sh0140_comp_v012.nk", "lookdev.jpg"):
        (folder / name).mkdir() if name.endswith("/") else (folder / name).touch()
    stage.panel.focus_composer()
    stage.panel.composer.prompt.insertPlainText(f"What is missing in @{folder.as_posix()}/")
    stage.turn(0.5)


def findings(stage: Stage) -> None:
    nuke_of(stage)
    _answer(stage, WRONG)


def run_sheet(stage: Stage) -> None:
    nuke_of(stage)
    _answer(stage, WRONG)
    _press(stage, "run_code")


def run_result(stage: Stage) -> None:
    nuke_of(stage)
    _answer(stage, RIGHT)
    _press(stage, "run_code")
    stage.panel.run_sheet.run_button.click()
    stage.turn(0.3)


def run_failed(stage: Stage) -> None:
    nuke_of(stage)
    _answer(stage, RIGHT.replace('"Plate"', '"Plates"').replace("inputs=[plate]", "inputs=[plate.input(0)]"))
    _press(stage, "run_code")
    stage.panel.run_sheet.run_button.click()
    stage.turn(0.3)


def _answer(stage: Stage, text: str) -> None:
    ACTS["nuke"] = say(text)
    stage.ask("Why is the key soft?", CODER, act="nuke")
    stage.turn(0.3)


def _press(stage: Stage, name: str) -> None:
    block = next(one for one in stage.panel.transcript.findChildren(CodeBlock) if one.isVisible() and one.code())
    next(one for one in block.action_buttons() if one.objectName() == name).click()
    stage.turn(0.3)


NUKE_STATES: Dict[str, Callable[[Stage], None]] = {
    "context-menu": context_menu, "mention": mention, "mention-files": mention_files, "findings": findings,
    "run-sheet": run_sheet, "run-result": run_result, "run-failed": run_failed,
}

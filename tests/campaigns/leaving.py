"""A process with 32 running answers that leaves: `python -m tests.campaigns.leaving MODE HOW`. Its parent counts.

MODE is how it was started: `python`, `terminal` (Nuke -t), `script` (Nuke -t or -x with a script that calls sys.exit),
`render` (Nuke -x or a farm's Nuke, in the middle of a frame), `nuke` (Nuke with its window), `window` (our own). HOW is
`end` (it is told to quit in the way of that mode), `exit` (os._exit), or `term` (it waits for SIGTERM). The answers
come over two dialects of HTTP and, where NUKE_AI_PANEL_TEST_LOCAL names its model, from the built-in model's child.
Before it leaves it prints what was acknowledged: of every answer its id, and the text that the history has confirmed;
and the processes that it has started.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List

from nuke_ai_panel import api
from nuke_ai_panel.app import ModelChoice, TurnHandle, TurnRequest

ROOT = Path(__file__).resolve().parents[2]
STREAMS = 32
QUESTION = "Write a very long story about a compositor who works at night, with all that happens."
LAYOUT = ('<layout><window><dock id="" activePageId="com.nuke_ai_panel.chat"><page id="DAG.1"/>'
          '<page id="com.nuke_ai_panel.chat"/></dock></window></layout>')


def start() -> List[TurnHandle]:
    app = api.shared_app()
    choices = [ModelChoice("openai", "fake-model"), ModelChoice("ollama", "fake-model")] * (STREAMS // 2)
    if os.environ.get("NUKE_AI_PANEL_TEST_LOCAL"):
        choices[-1] = ModelChoice("local", os.environ["NUKE_AI_PANEL_TEST_LOCAL"])
    return [app.start_turn(TurnRequest(QUESTION, choice=one, kind="api"), lambda event: None) for one in choices]


def children() -> List[int]:
    """The processes that this one has started."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            stat = (entry / "stat").read_text() if entry.name.isdigit() else ""
        except OSError:  # it ended meanwhile
            continue
        if stat and stat.rpartition(")")[2].split()[1] == str(os.getpid()):
            found.append(int(entry.name))
    return found


def acknowledged(handles: List[TurnHandle]) -> Dict[str, str]:
    """The answers as the history has them, once each holds some text."""
    store = api.shared_app().store
    found: Dict[str, str] = {}
    ends = time.monotonic() + 60
    while len(found) < len(handles) and time.monotonic() < ends:
        time.sleep(0.05)
        for handle in handles:
            stored = store.message(handle.snapshot().id).result(10)
            if stored is not None and stored.text:
                found[stored.id] = stored.text
    return found


def leave(how: str, handles: List[TurnHandle], end: Callable[[], None]) -> None:
    found = acknowledged(handles)
    sys.stdout.write(json.dumps({"answers": found, "children": children()}) + "\n")
    sys.stdout.flush()
    if how == "exit":
        os._exit(3)
    if how == "term":
        time.sleep(60)
    end()


def in_python(how: str) -> None:
    leave(how, start(), lambda: None)


def in_terminal(how: str) -> None:
    from tests.fakes.nuke import Host

    host = Host((16, 0, 8), False)
    host.install()
    host.run_startup([ROOT.as_posix()])
    leave(how, start(), host.quit)


def in_script(how: str) -> None:
    """Nuke runs a script and ends with it."""
    from tests.fakes.nuke import Host

    host = Host((15, 1, 4), False, arguments=("-x", "ask.py"))
    host.install()
    host.run_startup([ROOT.as_posix()])
    try:
        exec("import sys; leave(how, start(), lambda: sys.exit(0))", {"leave": leave, "start": start, "how": how})
    finally:
        host.quit()


def in_render(how: str) -> None:
    """A frame is being rendered, and a callback of the script asks."""
    from tests.fakes.nuke import Host

    host = Host((16, 0, 8), False, arguments=("-F", "1-1", "-x", "shot.nk"))
    host.install()
    host.run_startup([ROOT.as_posix()])
    nuke = host.nuke

    def asks() -> None:
        nuke.removeBeforeRender(asks, nodeClass="Write")
        leave(how, start(), lambda: None)

    nuke.addBeforeRender(asks, nodeClass="Write")
    written = Path(os.environ["NUKE_AI_PANEL_HOME"]) / "out.%04d.exr"
    write = nuke.nodes.Write(inputs=[nuke.nodes.Constant()], file=written.as_posix())
    nuke.execute(write, 1, 1)
    host.quit()


def in_nuke(how: str) -> None:
    from nuke_ai_panel_qt import qt
    from tests.fakes.nuke import Host

    application = qt.QtWidgets.QApplication([])
    host = Host((16, 0, 8) if qt.BINDING == "PySide6" else (15, 1, 4), True)
    host.install()
    host.run_startup([ROOT.as_posix()])
    host.restore_layout(LAYOUT)
    with_events(application, how)
    host.quit()


def in_window(how: str) -> None:
    from nuke_ai_panel_qt import qt
    from nuke_ai_panel_qt.standalone import main

    application = qt.QtWidgets.QApplication([])
    qt.QtCore.QTimer.singleShot(300, lambda: leave(how, start(), application.quit))
    main([])


def with_events(application: object, how: str) -> None:
    """Lets Qt run until it is told to quit."""
    from nuke_ai_panel_qt import qt

    assert isinstance(application, qt.QtWidgets.QApplication)
    qt.QtCore.QTimer.singleShot(300, lambda: leave(how, start(), application.quit))
    qt.exec_app(application)


MODES = {
    "python": in_python, "terminal": in_terminal, "script": in_script, "render": in_render, "nuke": in_nuke,
    "window": in_window,
}

if __name__ == "__main__":
    MODES[sys.argv[1]](sys.argv[2])

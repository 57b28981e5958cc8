"""How long a changed line takes to be seen in the panel, beside a restart of it. Prints one JSON line.

`python -m bench.edits EDITS`. The panel is in developers' mode and works from a copy of the code. An edit is over when
the changed words stand in the panel; a restart when a new process has drawn its first frame with an answer's place.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List

ROOT = Path(__file__).resolve().parent.parent
EDITED = "nuke_ai_panel_qt/core/model_desk.py"
WORDS = '"Ask anything …"'

# Opens a pane, says so, then tells every time the words under which one types have changed.
_PANEL = """
import sys, time
from nuke_ai_panel_qt.qt import QtWidgets
from nuke_ai_panel_qt.core.panel_reload import open_pane
application = QtWidgets.QApplication([])
pane = open_pane()
pane.resize(460, 700)
pane.show()
def words():
    found = [one for one in pane.findChildren(QtWidgets.QPlainTextEdit) if one.placeholderText()]
    return found[0].placeholderText() if found else ""
before = ""
ends = time.monotonic() + 120
while time.monotonic() < ends:
    application.processEvents()
    time.sleep(0.002)
    now = words()
    if now and now != before and "Ask" in now:
        before = now
        pane.grab()
        print(now, flush=True)
        if sys.argv[1:]:
            break
application.aboutToQuit.emit()
"""


def main(edits: int) -> Dict[str, List[float]]:
    with tempfile.TemporaryDirectory() as folder:
        site, home = Path(folder) / "site", Path(folder) / "home"
        home.mkdir()
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "nuke_ai_panel", site / "nuke_ai_panel", ignore=skip)
        shutil.copytree(ROOT / "src" / "nuke_ai_panel_qt", site / "nuke_ai_panel_qt", ignore=skip)
        (home / "settings.toml").write_text(
            'default_provider = "openai"\ndefault_model = "m"\n[developer]\nreload = true\n'
            '[providers.openai]\nbase_url = "http://127.0.0.1:9/v1"\n', encoding="utf-8",
        )
        env = {
            **os.environ, "PYTHONPATH": str(site), "NUKE_AI_PANEL_HOME": str(home), "OPENAI_API_KEY": "sk-bench",
            "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"), "QT_LOGGING_RULES": "*=false",
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # as an artist's Python: unchanged modules are not compiled again
        return {"edit_s": _edits(site / EDITED, env, edits), "restart_s": [_restart(env) for _ in range(3)]}


def _edits(path: Path, env: Dict[str, str], edits: int) -> List[float]:
    panel = _panel(env)
    assert panel.stdout is not None
    panel.stdout.readline()
    original, took = path.read_text(encoding="utf-8"), []
    try:
        for number in range(edits):
            time.sleep(2.0)  # the hand rests: what follows is one save, not one of a burst
            began = time.perf_counter()
            path.write_text(original.replace(WORDS, f'"Ask {number} …"'), encoding="utf-8")
            line = panel.stdout.readline()
            assert f"Ask {number}" in line, line
            took.append(time.perf_counter() - began)
    finally:
        panel.kill()
        panel.communicate()
    return took


def _restart(env: Dict[str, str]) -> float:
    began = time.perf_counter()
    panel = _panel(env, "once")
    assert panel.stdout is not None
    panel.stdout.readline()
    took = time.perf_counter() - began
    panel.communicate()
    return took


def _panel(env: Dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PANEL, *arguments], env=env, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    found = main(int(sys.argv[1]) if sys.argv[1:] else 9)
    print(json.dumps({name: statistics.median(values) for name, values in found.items()}))

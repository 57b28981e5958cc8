"""Scripts that ask, in a Nuke of the tests without an interface: a process like `nuke -t script.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

from tests.fakes.nuke_fixture import FULL

ROOT = Path(__file__).resolve().parents[2]

START = """
import sys, threading, time
from tests.fakes.nuke import Host
host = Host({version}, terminal=True)
host.install()
import nuke
heavy = [name for name in sys.modules if name.partition('.')[0] in ('PySide2', 'PySide6', 'aiohttp', 'keyring')]
assert not heavy and not nuke.GUI, heavy
import nuke_ai_panel as ai
"""

SCRIPT = """
for number in range(3):
    nuke.nodes.Blur(name=f"Blur{number + 1}", size=10 + number)
grade = nuke.nodes.Grade(name="Grade1", inputs=[nuke.toNode("Blur1")])
grade["selected"].setValue(True)

# an answer, what goes along, a name that is not there
assert "Blur2" in str(ai.nodes("Blur2")) and "Grade1" in str(ai.nodes()) and "Blur3" in str(ai.script())
assert "Grade" in str(ai.nodes(grade))
print("asked:", ai.ask("explain", context=ai.nodes("Blur1", "Grade1")))
try:
    ai.nodes("Blurr1")
except ai.NukeAIError as error:
    print("refused:", error.user_text)

# callbacks work on nodes, on the main thread
def on_done(answer):
    nuke.toNode("Blur1")["label"].setValue("answered")
    inside.append(str(ai.ask("inner")))
inside = []
ai.start("q", on_text=lambda text: nuke.toNode("Blur2")["label"].setValue(text), on_done=on_done).result(10)
assert nuke.toNode("Blur1")["label"].value() == "answered" and inside == ["inner"]

# in Nuke's own callbacks
def changed():
    if nuke.thisKnob().name() == "size":
        said.append(str(ai.ask("changed")))
said = []
nuke.addKnobChanged(changed, nodeClass="Blur")
nuke.toNode("Blur1")["size"].setFlag(nuke.KNOB_CHANGED_ALWAYS)
nuke.toNode("Blur1")["size"].setValue(3)
nuke.removeKnobChanged(changed, nodeClass="Blur")
loaded = []
def on_load():
    loaded.append(str(ai.ask("loaded")))
nuke.addOnScriptLoad(on_load)
nuke.scriptSaveAs(sys.argv[1], overwrite=1)
nuke.scriptOpen(sys.argv[1])
nuke.removeOnScriptLoad(on_load)
print("callbacks:", said, loaded)

# in threads, which may read nodes while the main thread waits
found = []
worker = threading.Thread(target=lambda: found.append(str(ai.ask("in a thread", context=ai.nodes("Blur1")))))
worker.start()
while worker.is_alive():
    ai.ask("on the main thread meanwhile")
assert len(found) == 1, found
for text in ai.stream("streamed"):
    print("streamed:", text)
print("threads:", [one.name for one in threading.enumerate() if not one.daemon])
assert host.wrong_threads == [] and not [name for name in sys.modules if name.startswith("PySide")]
sys.exit(3)
"""


def run(code: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (home / "settings.toml").write_text(
        'default_provider = "demo"\n[providers.demo]\nkind = "scripted"\ndefault_model = "echo"\n')
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    env: Dict[str, str] = {**os.environ, "NUKE_AI_PANEL_HOME": str(home), "PYTHONPATH": path}
    env.pop("DISPLAY", None)
    env.pop("QT_QPA_PLATFORM", None)
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", code, *arguments], env=env, capture_output=True, text=True, check=False,
        timeout=60, cwd=str(home),
    )


@pytest.mark.parametrize("version", [14, 15, 16, 17])
def test_everything_works_in_a_terminal_session_that_loads_no_qt(version: int, home: Path, tmp_path: Path) -> None:
    done = run(START.format(version=FULL[version]) + SCRIPT, home, (tmp_path / "shot.nk").as_posix())

    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("asked: ") and "explain" in done.stdout and "Grade1" in done.stdout
    assert "refused: There is no node called Blurr1." in lines
    assert "callbacks: ['changed'] ['loaded']" in lines
    assert "streamed: streamed" in lines and lines[-1] == "threads: ['MainThread']"
    assert done.stderr == ""


def test_a_terminal_session_that_asks_nothing_loads_nothing(home: Path) -> None:
    code = START.format(version=FULL[16]) + (
        "began = set(sys.modules)\n"
        "assert threading.active_count() == 1\n"
        "assert not {'asyncio', 'sqlite3', 'nuke_ai_panel.app'} & began, began\n"
    )
    done = run(code, home)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unfinished_answer_does_not_keep_nuke_from_ending(home: Path) -> None:
    code = START.format(version=FULL[16]) + (
        "from nuke_ai_panel.providers.scripted_provider import ScriptedProvider\n"
        "ScriptedProvider.scripts['slow'] = ['half ', 60.0]\n"
        "running = ai.start('q', model='slow', on_done=print, on_error=print)\n"
        "while running.text != 'half ':\n    time.sleep(0.01)\n"
        "print('end', time.time())\n"
    )
    done = run(code, home)
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "end", "")

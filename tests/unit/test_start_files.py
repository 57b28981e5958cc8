"""init.py and menu.py as Nuke runs them: fast, light, and nothing at all in terminal sessions and render children."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# A `nuke -t`: init.py runs, then the script; there is no menu.py and no interface.
TERMINAL = """
import json, sys, threading, time
def run(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    exec(compile(text, path, "exec"), {"__name__": "__main__", "__file__": path})
before = set(sys.modules)
times = []
for _ in range(5):
    sys.modules.pop("_nuke_ai_panel_start", None)
    began = time.perf_counter(); run(sys.argv[1] + "/init.py"); times.append((time.perf_counter() - began) * 1e3)
loaded = sorted(set(sys.modules) - before)
began = time.perf_counter()
import nuke_ai_panel
imported_ms = (time.perf_counter() - began) * 1e3
print(json.dumps({
    "init_ms": min(times), "loaded": loaded, "import_ms": imported_ms, "threads": threading.active_count(),
    "heavy": [name for name in ("keyring", "aiohttp", "PySide6", "PySide2", "asyncio", "sqlite3", "nuke_ai_panel.app")
              if name in sys.modules],
    "path": [entry for entry in sys.path if entry.startswith(sys.argv[1])], "first": sys.path[0],
}))
"""


def terminal() -> Any:  # Any: JSON
    # -S: a Nuke has no site-packages in which an editable install may name this folder already.
    done = subprocess.run([sys.executable, "-S", "-c", TERMINAL, str(ROOT)], capture_output=True, text=True, check=True,
                          cwd="/", env={"PATH": ""})
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_terminal_session_loads_nothing_and_starts_nothing() -> None:
    seen = terminal()
    assert seen["loaded"] == ["_nuke_ai_panel_start"] and seen["heavy"] == [] and seen["threads"] == 1
    # Twice what is promised: machines that run tests are busy.
    assert seen["init_ms"] < 10 and seen["import_ms"] < 200


def test_path_is_appended_and_never_taken_over() -> None:
    seen = terminal()
    assert seen["path"][:2] == [str(ROOT), str(ROOT / "src")] and seen["first"] != str(ROOT)


def test_second_init_leaves_the_path_and_notes_itself(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "nuke_ai_panel").mkdir(parents=True)
    (other / "init.py").write_bytes((ROOT / "init.py").read_bytes())
    code = (
        "import sys\n"
        "for path in sys.argv[1:]:\n"
        "    with open(path) as file: text = file.read()\n"
        "    exec(compile(text, path, 'exec'), {'__name__': '__main__', '__file__': path})\n"
        "start = sys.modules['_nuke_ai_panel_start']\n"
        "print(start.here, start.others, any(entry.startswith(sys.argv[2][:-8]) for entry in sys.path))"
    )
    files = [str(ROOT / "init.py"), str(other / "init.py"), str(ROOT / "init.py")]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == f"{ROOT} {[str(other)]} False"


def test_init_never_raises() -> None:
    code = (
        "import os, sys\n"
        "with open(sys.argv[1]) as file: text = compile(file.read(), sys.argv[1], 'exec')\n"
        "del os.uname\n"
        "os.path.isdir = lambda path: 1 / 0\n"
        "exec(text, {'__file__': sys.argv[1]}); exec(text, {})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "init.py")], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0 and done.stderr == ""

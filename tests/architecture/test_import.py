"""Importing the library is cheap: in a bare subprocess nothing heavy is loaded."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .imports import ROOT

HEAVY = ("aiohttp", "keyring", "PySide2", "PySide6", "nuke", "sqlite3", "tomlkit", "pygments", "prompt_toolkit",
         "jinja2")


def loaded_after(code: str) -> list[str]:
    program = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'src')!r}]\n{code}\n" \
              f"import json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(names, list)
    return names


LIGHT = ("nuke_ai_panel", "nuke_ai_panel.batch", "nuke_ai_panel.utils.event_loop_manager", "nuke_ai_panel.settings")


@pytest.mark.parametrize("module", LIGHT)
def test_library_import_loads_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") == []


def test_library_import_starts_no_thread() -> None:
    program = "import threading, nuke_ai_panel; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "1"

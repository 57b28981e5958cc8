"""The whole life of the panel in each Nuke that this binding belongs to, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuke_ai_panel_qt import qt
from tests.fakes.model_server import FakeModelServer

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = (16, 17) if qt.BINDING == "PySide6" else (14, 15)


def play(program: str, version: int, home: Path, model_server: FakeModelServer) -> str:
    """What a program of this folder printed, in a Nuke of this version; fails for any surprise."""
    (home / "settings.toml").write_text(
        'default_provider = "openai"\ndefault_model = "fake-model"\n', encoding="utf-8")
    env = {**os.environ, "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-life-in-nuke",
           "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false",
           "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    env.pop("PYTHONDEVMODE", None)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", f"tests.qt.{program}", str(version)], cwd=ROOT, env=env,
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "was destroyed" not in done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_start_restore_ask_run_undo_close_reopen_quit(version: int, home: Path, model_server: FakeModelServer) -> None:
    model_server.words = ("Two blurs:\n\n```python\n", "for _ in range(2):\n", "    nuke.createNode('Blur')\n", "```\n")
    took = json.loads(play("life_in_nuke", version, home, model_server).splitlines()[-1])
    assert took["quit"] < 2000


@pytest.mark.parametrize("version", VERSIONS)
def test_every_menu_entry_works_with_no_panel_open(version: int, home: Path, model_server: FakeModelServer) -> None:
    play("menus_in_nuke", version, home, model_server)

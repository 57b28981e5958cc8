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


@pytest.mark.parametrize("version", VERSIONS)
def test_start_restore_ask_close_reopen_quit(version: int, home: Path, model_server: FakeModelServer) -> None:
    (home / "settings.toml").write_text(
        'default_provider = "openai"\ndefault_model = "fake-model"\n', encoding="utf-8")
    env = {**os.environ, "OPENAI_BASE_URL": model_server.base_url, "OPENAI_API_KEY": "sk-life-in-nuke",
           "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "*=false", "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDEVMODE", None)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.qt.life_in_nuke", str(version)],
        cwd=ROOT, env={**env, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}, capture_output=True, text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "was destroyed" not in done.stderr, done.stderr
    took = json.loads(done.stdout.splitlines()[-1])
    assert took["quit"] < 2000
